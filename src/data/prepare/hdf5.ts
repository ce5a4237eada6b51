/** Recordings that are HDF5 files (3DMAD, WMCA), through h5wasm, which is loaded for them alone. */
import { open } from 'node:fs/promises';
import { UserError } from '../../base/errors.js';
import { eyesOf } from '../sources/annotations.js';
import type { Face } from '../sources/source.js';
import { type Clip, VideoError } from './ffmpeg.js';
import { type Film, filmOf } from './film.js';

export type Hdf5 = typeof import('h5wasm/node')['default'];
type Group = InstanceType<Hdf5['Group']>;
type Dataset = InstanceType<Hdf5['Dataset']>;

/** What every HDF5 file begins with. */
const signature = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/** @throws UserError when the library is not installed */
export async function loadHdf5(): Promise<Hdf5> {
  try {
    const { default: h5 } = await import('h5wasm/node');
    const module = await h5.ready;
    // What is wrong with a file is told in the audit, not by the library on stderr.
    module.activate_throwing_error_handler();
    return h5;
  } catch {
    throw new UserError('h5wasm, which reads HDF5 files, cannot be loaded', 'install it: npm install h5wasm');
  }
}

/** Frames of one size: one by one, `[height,width,3]`, wherever and however the file has them. */
interface Recording {
  length: number;
  width: number;
  height: number;
  read(frame: number): Uint8Array;
}

/**
 * Opens a recording. Its colour frames are the dataset `Color_Data`, or the one four-dimensional dataset of bytes whose name says colour,
 * or groups `Frame_0`, `Frame_1` … with an `array`; bytes, channels first or last, red first. Eyes are `Eye_Pos`, a row a frame: right
 * eye, then left, the subject's right being on the left of the picture.
 * @throws VideoError when the file is none, or has no such frames: the message names what it has
 */
export async function openHdf5(h5: Hdf5, path: string): Promise<Film> {
  await checkSignature(path);
  try {
    const file = new h5.File(path, 'r');
    try {
      const { width, height, length } = recordingOf(h5, file);
      const clip: Clip = { width, height, rotation: 0, length, promised: null, index: null };
      return filmOf(clip, (wanted) => framesOf(h5, path, wanted), facesOf(h5, file));
    } finally {
      file.close();
    }
  } catch (error) {
    throw error instanceof VideoError ? error : new VideoError('a damaged HDF5 file');
  }
}

async function checkSignature(path: string): Promise<void> {
  const file = await open(path);
  try {
    const start = Buffer.alloc(signature.length);
    await file.read(start, 0, start.length, 0);
    if (!start.equals(signature)) throw new VideoError('not an HDF5 file');
  } finally {
    await file.close();
  }
}

/** One frame in memory at a time; the file is open no longer than they are read. */
async function* framesOf(h5: Hdf5, path: string, wanted: readonly number[]) {
  const file = new h5.File(path, 'r');
  try {
    const recording = recordingOf(h5, file);
    const { width, height } = recording;
    for (const frame of wanted) {
      let pixels: Uint8Array;
      try {
        pixels = recording.read(frame);
      } catch {
        continue;
      }
      yield { frame, picture: { left: 0, top: 0, width, height, pixels } };
    }
  } finally {
    file.close();
  }
}

function recordingOf(h5: Hdf5, file: Group): Recording {
  const found = [...walk(h5, file)];
  const colour =
    found.find(({ name }) => name === 'Color_Data') ??
    found.find(({ name, dataset }) => /colou?r/i.test(name) && dataset.shape?.length === 4);
  if (colour) return oneDataset(colour.dataset) ?? fail(`${colour.name} is ${describe(colour.dataset)}, not frames`);
  const frames = found
    .flatMap((item) => ({ ...item, number: Number(/(?:^|\/)Frame_(\d+)\/array$/.exec(item.name)?.[1] ?? Number.NaN) }))
    .filter(({ number }) => !Number.isNaN(number))
    .sort((a, b) => a.number - b.number);
  if (frames.length > 0) return frameByFrame(frames.map(({ dataset }) => dataset));
  const names = found.slice(0, 4).map(({ name, dataset }) => `${name} ${describe(dataset)}`);
  return fail(`no colour frames in the file; it has ${names.join(', ') || 'nothing'}`);
}

function* walk(h5: Hdf5, group: Group, prefix = ''): Generator<{ name: string; dataset: Dataset }> {
  for (const key of group.keys()) {
    const entity = group.get(key);
    if (entity instanceof h5.Dataset) yield { name: prefix + key, dataset: entity };
    else if (entity instanceof h5.Group) yield* walk(h5, entity, `${prefix}${key}/`);
  }
}

function oneDataset(dataset: Dataset): Recording | null {
  const layout = layoutOf(dataset.shape?.slice(1), dataset);
  if (!layout || dataset.shape?.length !== 4) return null;
  const length = dataset.shape[0]!;
  const read = (frame: number) => layout.toPixels(dataset.slice([[frame, frame + 1]]) as Uint8Array);
  return { ...layout, length, read };
}

function frameByFrame(datasets: readonly Dataset[]): Recording {
  const [first] = datasets;
  const layout = layoutOf(first!.shape ?? undefined, first!);
  if (!layout) return fail(`its first frame is ${describe(first!)}, no colour picture`);
  return { ...layout, length: datasets.length, read: (frame) => layout.toPixels(datasets[frame]!.value as Uint8Array) };
}

/** How a frame of `shape` becomes `[height,width,3]`. */
function layoutOf(shape: readonly number[] | undefined, { dtype }: Dataset) {
  if (shape?.length !== 3 || typeof dtype !== 'string' || !/^.?B$/.test(dtype)) return null;
  const [a, b, c] = shape as [number, number, number];
  if (c === 3) return { height: a, width: b, toPixels: (bytes: Uint8Array) => bytes };
  if (a !== 3) return null;
  const area = b * c;
  const toPixels = (bytes: Uint8Array) => {
    const pixels = new Uint8Array(area * 3);
    for (let channel = 0; channel < 3; channel++) {
      for (let i = 0; i < area; i++) pixels[i * 3 + channel] = bytes[channel * area + i]!;
    }
    return pixels;
  };
  return { height: b, width: c, toPixels };
}

function facesOf(h5: Hdf5, file: Group): Map<number, Face> {
  const positions = file.get('Eye_Pos');
  const faces = new Map<number, Face>();
  if (!(positions instanceof h5.Dataset) || positions.shape?.length !== 2 || positions.shape[1] !== 4) return faces;
  const values = Array.from(positions.value as ArrayLike<number>, Number);
  for (let frame = 0; frame < positions.shape[0]!; frame++) {
    const [xRight, yRight, xLeft, yLeft] = values.slice(4 * frame, 4 * frame + 4) as [number, number, number, number];
    const eyes = eyesOf({ x: xRight, y: yRight }, { x: xLeft, y: yLeft });
    if (eyes) faces.set(frame, { eyes });
  }
  return faces;
}

function describe({ shape, dtype }: Dataset): string {
  return `[${shape?.join(', ') ?? ''}] ${typeof dtype === 'string' ? dtype : 'compound'}`;
}

function fail(reason: string): never {
  throw new VideoError(reason);
}
