/** One presentation: its faces, its wanted frames, its crops on the disk, and what is wrong with it. */
import { writeFileSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Sharp } from 'sharp';
import { makeFolder } from '../../base/files.js';
import { sha256 } from '../cropSet.js';
import { pictureKind } from '../pictures.js';
import type { Face, Source } from '../sources/source.js';
import { alignedSquareOf, cropOf, jpegOf, type Square, squareOf } from './crop.js';
import type { Detector } from './detector.js';
import {
  boxOf,
  type FaceOrigin,
  type FoundFace,
  faceAt,
  isOverturned,
  jumps,
  scaleFace,
  showsFace,
  smallestFace,
  turnOver,
} from './faces.js';
import { type Clip, type Ffmpeg, VideoError } from './ffmpeg.js';
import { type Film, openPhoto, openVideo } from './film.js';
import { type Hdf5, openHdf5 } from './hdf5.js';
import { type Sampling, sampleFrames } from './sampling.js';
import type { FoundPresentation } from './survey.js';

/** What is wrong with a presentation whose file is there. */
export type ProblemKind = 'unreadable' | 'short' | 'faceless' | 'jumping';

export interface Crop {
  /** Relative to the set's folder. */
  path: string;
  frame: number;
  /** The face's box in the upright frame: x, y, width, height in whole pixels. */
  box: readonly number[];
  origin: FaceOrigin;
  /** SHA-256 of the file. */
  hash: string;
  /** Of the detector: how sure it is, 0…1 with two decimals, and how many faces it found in the frame. */
  certainty?: number;
  faces?: number;
}

/** What became of a presentation; a line of the journal. */
export interface ClipRecord {
  video: string;
  /** Sizes and times of the files it was made from, by which a changed release is noticed. */
  files: string;
  crops: Crop[];
  problems: { kind: ProblemKind; reason: string }[];
}

export interface CropSettings {
  frames: number | 'all';
  sampling: Sampling;
  size: number;
  margin: number;
  align: 'none' | 'eyes';
}

export interface ClipTools {
  /** `null` where there are no videos. */
  ffmpeg: Ffmpeg | null;
  /** `null` where there are no recordings in HDF5 files. */
  hdf5: Hdf5 | null;
  detector: Detector | null;
  signal?: AbortSignal;
  /** Is told of photographs that lack their end and are used. */
  note?: (text: string) => void;
}

/** Makes the crops of one video below `folder`. Only the disk's own failures are thrown; the video's go into the record. */
export async function prepareClip(
  source: Source,
  root: string,
  { presentation, path, annotation }: FoundPresentation,
  folder: string,
  settings: CropSettings,
  tools: ClipTools,
): Promise<ClipRecord> {
  const { video } = presentation;
  const record: ClipRecord = { video, files: await stampOf(root, path, annotation), crops: [], problems: [] };
  const file = join(root, path);
  const isPhoto = pictureKind(path) === 'image';
  // What work that was cut short has left there.
  await rm(join(folder, 'crops', video), { recursive: true, force: true });
  try {
    const film = await openFilm(file, tools);
    const { clip } = film;
    if (source.whole && isPhoto) {
      record.crops.push(await keepPhoto(file, video, clip, folder));
      return record;
    }
    const numbers = sampleFrames(clip.length, settings.frames, settings.sampling);
    const faces = film.faces ?? (await readFaces(source, root, annotation, clip));
    // A clip whose own rotation tag turns it is upright already.
    const overturned = clip.rotation === 0 && (source.upsideDown?.(presentation) ?? false);
    const upright = overturned || clip.rotation === 180 ? uprightFaces(faces, clip) : faces;
    const usable = settings.align === 'eyes' ? withEyes(upright) : upright;
    const take = usable.size > 0 || !tools.detector ? cropAnnotated : cropDetected;
    const work = {
      record,
      film,
      clip,
      folder,
      settings,
      tools,
      numbers,
      faces: usable,
      overturned,
      whole: source.whole,
    };
    const lost = await take(work);
    record.problems.push(...problemsOf(source, isPhoto, work, lost));
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    record.problems.push({ kind: 'unreadable', reason: error.message });
  }
  return record;
}

function openFilm(file: string, { ffmpeg, hdf5, signal, note }: ClipTools): Promise<Film> {
  if (ffmpeg && pictureKind(file) !== 'image') return openVideo(ffmpeg, file, signal);
  return hdf5 ? openHdf5(hdf5, file) : openPhoto(file, note);
}

interface Work {
  record: ClipRecord;
  film: Film;
  clip: Clip;
  folder: string;
  settings: CropSettings;
  tools: ClipTools;
  numbers: readonly number[];
  faces: ReadonlyMap<number, Face>;
  overturned: boolean;
  /** Every frame is a face. */
  whole?: boolean;
}

/** A picture that is a crop already is taken as it is, byte for byte. */
async function keepPhoto(file: string, video: string, { width, height }: Clip, folder: string): Promise<Crop> {
  const path = `crops/${video}`;
  const bytes = await readFile(file);
  await makeFolder(dirname(join(folder, path)));
  await writeFile(join(folder, path), bytes);
  return { path, frame: 0, box: [0, 0, width, height], origin: 'whole', hash: sha256(bytes) };
}

/**
 * Crops at places known beforehand: only frames with a face are decoded, and only crops leave the decoder.
 * @returns how many of them cannot be decoded
 */
async function cropAnnotated(work: Work): Promise<number> {
  const { record, film, clip, settings, tools, numbers, faces, overturned, whole } = work;
  const { width, height } = clip;
  const all: FoundFace | null = whole ? { face: { box: { x: 0, y: 0, w: width, h: height } }, origin: 'whole' } : null;
  const found = new Map<number, FoundFace>();
  const squares = new Map<number, Square>();
  for (const frame of numbers) {
    const there = all ?? faceAt(faces, frame);
    if (!there || !showsFace(boxOf(there.face), width, height)) continue;
    found.set(frame, there);
    squares.set(frame, place(there.face, settings, clip));
  }
  if (squares.size === 0) return 0;
  const crops = film.crops(squares, settings.size, { turnOver: overturned, signal: tools.signal });
  await overlap(crops, ({ frame, crop }) => store(work, frame, crop, found.get(frame)!));
  if (record.crops.length === 0) throw new VideoError('no frame can be decoded');
  return squares.size - record.crops.length;
}

/**
 * Crops where the detector finds a face in the whole frame.
 * @returns how many frames cannot be decoded
 */
async function cropDetected(work: Work): Promise<number> {
  const { film, clip, settings, tools, numbers, overturned } = work;
  let decoded = 0;
  for await (const { frame, picture } of film.frames(numbers, { turnOver: overturned, signal: tools.signal })) {
    decoded++;
    const found = await tools.detector!.detect(picture);
    if (!found || !showsFace(boxOf(found.face), clip.width, clip.height)) continue;
    const crop = await cropOf(picture, place(found.face, settings, clip), settings.size);
    await store(work, frame, crop, { ...found, origin: 'detector' });
  }
  if (decoded === 0) throw new VideoError('no frame can be decoded');
  return numbers.length - decoded;
}

function place(face: Face, { align, margin }: CropSettings, { width, height }: Clip): Square {
  return align === 'eyes' ? alignedSquareOf(face, margin) : squareOf(face, margin, width, height);
}

/** Does `work` on one item after the other, each while the next item is being made. */
async function overlap<T>(items: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  let last = Promise.resolve();
  try {
    for await (const item of items) {
      await last;
      last = work(item);
      // A failure is told where it is waited for.
      last.catch(() => undefined);
    }
  } finally {
    await last;
  }
}

async function store({ record, folder }: Work, frame: number, crop: Sharp, found: FoundFace): Promise<void> {
  const { face, origin, certainty, faces } = found;
  const path = `crops/${record.video}/${String(frame).padStart(5, '0')}.jpg`;
  const bytes = await jpegOf(crop);
  const target = join(folder, path);
  if (record.crops.length === 0) await makeFolder(dirname(target));
  // Neither synced nor renamed: what has no record in the journal, or another hash there, is made again. And at once: handing a small
  // file to another thread three times costs a millisecond of processor time, as much as making the JPEG.
  writeFileSync(target, bytes);
  const { x, y, w, h } = boxOf(face);
  const told = certainty === undefined ? {} : { certainty: Math.round(certainty * 100) / 100, faces };
  record.crops.push({ path, frame, box: [x, y, w, h].map(Math.round), origin, hash: sha256(bytes), ...told });
}

/** @param lost wanted frames that cannot be decoded */
function problemsOf(
  source: Source,
  isPhoto: boolean,
  { settings, clip, numbers, record }: Work,
  lost: number,
): ClipRecord['problems'] {
  const problems: ClipRecord['problems'] = [];
  const { length, promised } = clip;
  const wanted = numbers.length;
  const tooFew = !isPhoto && settings.frames !== 'all' && wanted < settings.frames;
  if (lost > 0) {
    problems.push({ kind: 'short', reason: `${lost} of ${wanted} wanted frames cannot be decoded` });
  } else if (promised !== null && length < promised) {
    problems.push({ kind: 'short', reason: `${length} of ${promised} frames are there` });
  } else if (length < source.shortest || tooFew) {
    problems.push({ kind: 'short', reason: `${length} frame${length === 1 ? '' : 's'}` });
  }
  const faceless = wanted - lost - record.crops.length;
  if (faceless > 0) {
    const what = settings.align === 'eyes' ? 'face with eyes' : 'face';
    const where = faceless === wanted ? `any of ${wanted}` : `${faceless} of ${wanted}`;
    const size = `${smallestFace} pixels or more`;
    problems.push({ kind: 'faceless', reason: `no ${what} of ${size} in ${where} wanted frames` });
  }
  const found = record.crops.filter(({ origin }) => origin === 'detector');
  const leaps = found.filter(({ box }, i) => i > 0 && jumps(found[i - 1]!.box, box));
  if (leaps.length > 0) {
    const frames = leaps.map(({ frame }) => frame).join(', ');
    problems.push({
      kind: 'jumping',
      reason: `the face that the detector takes is elsewhere or another from frame ${frames} on`,
    });
  }
  return problems;
}

async function readFaces(
  { annotation: format }: Source,
  root: string,
  annotation: string | null,
  { width, height }: Clip,
): Promise<Map<number, Face>> {
  if (!format || annotation === null) return new Map();
  const faces = format.parse(await readFile(join(root, annotation), 'utf8'));
  if (format.units === undefined) return faces;
  const [sx, sy] = [width / format.units, height / format.units];
  return new Map([...faces].map(([frame, face]) => [frame, scaleFace(face, sx, sy)]));
}

/** Annotations made on the stored picture are turned with it; those made on an upright one already fit. */
function uprightFaces(faces: ReadonlyMap<number, Face>, { width, height }: Clip): ReadonlyMap<number, Face> {
  if (!isOverturned(faces.values())) return faces;
  return new Map([...faces].map(([frame, face]) => [frame, turnOver(face, width, height)]));
}

function withEyes(faces: ReadonlyMap<number, Face>): Map<number, Face> {
  return new Map([...faces].filter(([, { eyes }]) => eyes !== undefined));
}

/** Sizes and modification times of a presentation's files, as one string. */
export async function stampOf(root: string, ...paths: (string | null)[]): Promise<string> {
  const stamps = paths.map(async (path) => {
    if (path === null) return '-';
    const { size, mtimeMs } = await stat(join(root, path));
    return `${size}@${Math.round(mtimeMs)}`;
  });
  return (await Promise.all(stamps)).join(' ');
}
