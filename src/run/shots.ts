/** What a network is shown of an image or video of the user's: the whole picture, or the face that a detector finds in it. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { readImage } from '../data/loader.js';
import { cropOf, defaultMargin, imageOf, jpegOf, type Picture, squareOf } from '../data/prepare/crop.js';
import { type Detector, installDetector, loadDetector } from '../data/prepare/detector.js';
import { type Ffmpeg, findFfmpeg, VideoError } from '../data/prepare/ffmpeg.js';
import { openPhoto, openVideo } from '../data/prepare/film.js';
import { sampleFrames } from '../data/prepare/sampling.js';

const imageEndings = /\.(jpe?g|png|webp|tiff?|bmp)$/i;
const videoEndings = /\.(mp4|m4v|mov|avi|mkv|webm)$/i;
const imageHint = 'images end in .jpg, .png, .webp, .tif or .bmp';

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

  /** @param size side of what the network takes, in pixels */
  constructor(
    private readonly size: number,
    private readonly options: ShotOptions,
  ) {}

  /**
   * What there is of one file, [size,size,3] each; none where no face is found.
   * @throws UserError when the file, ffmpeg or the detector cannot be used
   */
  async *shots(path: string): AsyncGenerator<Uint8Array> {
    const { frames, detect, ffmpeg } = this.options;
    if (!isVideo(path) && !detect) {
      yield await readImage(path, this.size);
      return;
    }
    this.detector ??= detect ? theDetector() : undefined;
    const detector = await this.detector;
    try {
      this.programs ??= isVideo(path) ? findFfmpeg(ffmpeg) : undefined;
      const film = isVideo(path) ? await openVideo(await this.programs!, path) : await openPhoto(path);
      let decoded = 0;
      for await (const { picture } of film.frames(sampleFrames(film.clip.length, frames, 'uniform'), {})) {
        decoded++;
        const shot = detector ? await faceIn(picture, detector, this.size) : await whole(picture, this.size);
        if (shot !== null) yield shot;
      }
      if (decoded === 0) throw new VideoError('no frame can be decoded');
    } catch (error) {
      if (error instanceof VideoError) throw new UserError(`${path} cannot be read: ${error.message}`);
      throw error;
    }
  }
}

/** By the ending of its name. */
export function isVideo(path: string): boolean {
  return videoEndings.test(path);
}

/** A file's name without the ending of an image or video. */
export function stem(name: string): string {
  return name.replace(imageEndings, '').replace(videoEndings, '');
}

/** The images that paths name: files, and all that folders hold. @throws UserError when there is nothing under a path */
export function imagesAt(paths: readonly string[]): Promise<string[]> {
  return filesAt(paths, (name) => imageEndings.test(name), ['image', imageHint]);
}

/** The images and videos that paths name. @throws UserError when there is nothing under a path */
export function picturesAt(paths: readonly string[]): Promise<string[]> {
  return filesAt(paths, (name) => imageEndings.test(name) || isVideo(name), [
    'image or video',
    `${imageHint}, videos in .mp4, .m4v, .mov, .avi, .mkv or .webm`,
  ]);
}

async function filesAt(
  paths: readonly string[],
  wanted: (name: string) => boolean,
  [what, hint]: readonly [string, string],
): Promise<string[]> {
  const files = paths.map(async (path) => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new UserError(`${path} does not exist`);
    if (found.isFile()) return [path];
    const inside = (await readdir(path, { recursive: true })).filter(wanted).sort();
    if (inside.length === 0) {
      throw new UserError(`there is no ${what} in ${path}`, hint);
    }
    return inside.map((file) => join(path, file));
  });
  return (await Promise.all(files)).flat();
}

async function theDetector(): Promise<Detector> {
  const detector = await loadDetector();
  if (detector !== null) return detector;
  throw new UserError(
    'the face detector is not installed',
    `${installDetector}; or leave out --detect where faces are cropped already`,
  );
}

async function faceIn(picture: Picture, detector: Detector, size: number): Promise<Uint8Array | null> {
  const face = await detector.detect(picture);
  if (face === null) return null;
  const { width, height } = picture;
  return readImage(await jpegOf(await cropOf(picture, squareOf(face, defaultMargin, width, height), size)), size);
}

function whole({ pixels, width, height }: Picture, size: number): Promise<Uint8Array> {
  return imageOf(pixels, width, height).resize(size, size, { fit: 'fill' }).raw().toBuffer();
}
