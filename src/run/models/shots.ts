/** What a network is shown of an image or video of the user's: the whole picture, or the face that a detector finds in it. */
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { FileError, UserError } from '../../base/errors.js';
import { readImage } from '../../data/loader.js';
import {
  imageHint,
  othersNote,
  type PictureKind,
  pictureHint,
  pictureKind,
  picturesBelow,
} from '../../data/pictures.js';
import { cropOf, defaultMargin, imageOf, jpegOf, type Picture, squareOf } from '../../data/prepare/crop.js';
import { type Detector, installDetector, loadDetector } from '../../data/prepare/detector.js';
import { type Ffmpeg, findFfmpeg, VideoError } from '../../data/prepare/ffmpeg.js';
import { openPhoto, openVideo } from '../../data/prepare/film.js';
import { sampleFrames } from '../../data/prepare/sampling.js';

export interface ShotOptions {
  /** Frames of each video, evenly spread. */
  frames: number;
  /** Find the face in each picture and crop it; pictures without one are left out. */
  detect?: boolean;
  /** Path of ffmpeg; otherwise that of the system. */
  ffmpeg?: string;
}

/** Reads pictures by one set of options; ffmpeg and the detector are looked for when the first file needs them. */
export class ShotReader {
  private detector: Promise<Detector> | undefined;
  private programs: Promise<Ffmpeg> | undefined;

  /**
   * @param size side of what the network takes, in pixels
   * @param note is told of JPEGs that lack their end and are used
   */
  constructor(
    private readonly size: number,
    private readonly options: ShotOptions,
    private readonly note: (text: string) => void = () => {},
  ) {}

  /**
   * What there is of one file, [size,size,3] each; none where no face is found.
   * @throws FileError when the file cannot be read; UserError when ffmpeg or the detector cannot be used
   */
  async *shots(path: string): AsyncGenerator<Uint8Array> {
    const { frames, detect, ffmpeg } = this.options;
    if (!isVideo(path) && !detect) {
      yield await readImage(path, this.size, this.note);
      return;
    }
    this.detector ??= detect ? theDetector() : undefined;
    const detector = await this.detector;
    try {
      this.programs ??= isVideo(path) ? findFfmpeg(ffmpeg) : undefined;
      const film = isVideo(path) ? await openVideo(await this.programs!, path) : await openPhoto(path, this.note);
      let decoded = 0;
      for await (const { picture } of film.frames(sampleFrames(film.clip.length, frames, 'uniform'), {})) {
        decoded++;
        const shot = detector ? await faceIn(picture, detector, this.size) : await whole(picture, this.size);
        if (shot !== null) yield shot;
      }
      if (decoded === 0) throw new VideoError('no frame can be decoded');
    } catch (error) {
      if (error instanceof VideoError) throw new FileError(`${path} cannot be read: ${error.message}`);
      throw error;
    }
  }
}

/** By the ending of its name. */
export function isVideo(path: string): boolean {
  return pictureKind(path) === 'video';
}

/**
 * The images that paths name: files, and all that folders hold. Files of other kinds in folders are counted in a note.
 * @throws UserError when there is nothing under a path, or a file is of another kind
 */
export function imagesAt(paths: readonly string[], note: (text: string) => void): Promise<string[]> {
  return filesAt(paths, ['image'], imageHint, note);
}

/** The images and videos that paths name, as `imagesAt` finds them. */
export function picturesAt(paths: readonly string[], note: (text: string) => void): Promise<string[]> {
  return filesAt(paths, ['image', 'video'], pictureHint, note);
}

async function filesAt(
  paths: readonly string[],
  kinds: readonly PictureKind[],
  hint: string,
  note: (text: string) => void,
): Promise<string[]> {
  const files = paths.map(async (path) => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new UserError(`${path} does not exist`);
    if (!found.isDirectory()) {
      await checkKind(path, kinds, hint);
      return [path];
    }
    const { pictures, others } = await picturesBelow(path, kinds);
    if (pictures.length === 0) throw new UserError(`there is no ${kinds.join(' or ')} in ${path}`, hint);
    const passedOver = othersNote(others);
    if (passedOver !== null) note(`${path}: ${passedOver}`);
    return pictures.map((file) => join(path, file));
  });
  return (await Promise.all(files)).flat();
}

/** A file of the user's choice may be an image under any name. @throws UserError when it is neither that nor of one of the kinds */
async function checkKind(path: string, kinds: readonly PictureKind[], hint: string): Promise<void> {
  const kind = pictureKind(path);
  if (kind !== null ? kinds.includes(kind) : await isImage(path)) return;
  const what = extname(path) === '' ? '' : ` (${extname(path)})`;
  throw new UserError(`${path} is of a kind that is not read here${what}`, hint);
}

function isImage(path: string): Promise<boolean> {
  return sharp(path)
    .metadata()
    .then(
      () => true,
      () => false,
    );
}

/** @throws UserError where it is not installed */
export async function theDetector(): Promise<Detector> {
  const detector = await loadDetector();
  if (detector !== null) return detector;
  throw new UserError(
    'the face detector is not installed',
    `${installDetector}; or leave out --detect where faces are cropped already`,
  );
}

/** The face in a picture as the network takes it, [size,size,3]; null where none is found. */
export async function faceIn(picture: Picture, detector: Detector, size: number): Promise<Uint8Array | null> {
  const found = await detector.detect(picture);
  if (found === null) return null;
  const { width, height } = picture;
  return readImage(await jpegOf(await cropOf(picture, squareOf(found.face, defaultMargin, width, height), size)), size);
}

function whole({ pixels, width, height }: Picture, size: number): Promise<Uint8Array> {
  return imageOf(pixels, width, height).resize(size, size, { fit: 'fill' }).raw().toBuffer();
}
