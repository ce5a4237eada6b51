/** Images from disk to pixels, decoded ahead of the engine on libuv's threads. */
import { availableParallelism } from 'node:os';
import type { Sharp } from 'sharp';
import { parseBytes } from '../base/bytes.js';
import { FileError, messageOf } from '../base/errors.js';
import { type CropCache, cropCache } from './cropCache.js';
import { openImage } from './image.js';
import type { LeftOut } from './leftOut.js';
import type { Frame } from './manifest.js';

/** libuv has four threads unless UV_THREADPOOL_SIZE says otherwise (bin/ldc.js does); more decodings at once would wait for each other. */
const libuvThreads = () => Number(process.env.UV_THREADPOOL_SIZE) || 4;

export interface LoaderOptions {
  /** Side of the square images, in pixels; others are resized. */
  size: number;
  /** Batches decoded ahead of the one in use. */
  ahead?: number;
  /** Images decoded at once; `auto`: one a core, as far as there are threads for them. */
  workers?: number | 'auto';
  /** Keep decoded images beside their manifest, and take them from there; a size as in 40G bounds what each set keeps. Changes no pixel. */
  cache?: boolean | string;
  /** Ends the loading: the iterator throws the signal's reason. */
  signal?: AbortSignal;
  /** Is told of JPEGs that lack their end and are used, and of caches that cannot keep a whole set. */
  note?: (text: string) => void;
  /** Where images that cannot be read go: batches then come without them. Otherwise the first ends the loading. */
  leftOut?: LeftOut;
}

export interface LoadedBatch {
  frames: readonly Frame[];
  /** `[N,size,size,3]`, red, green, blue, 0 … 255. */
  pixels: Uint8Array;
  /** Milliseconds from the first image's turn to the last image's end. */
  loadMs: number;
  /** The batch behind this one, when it is decoded; undefined for the last. */
  next?: Promise<LoadedBatch>;
}

/**
 * Reads an image as `[size,size,3]` sRGB bytes; it is turned as its EXIF data say, its aspect is not kept, transparency is dropped.
 * @param image path of a file, or its content (JPEG, PNG, …)
 * @param note is told of a JPEG that lacks its end and is used
 * @throws FileError naming the file when it cannot be read
 */
export async function readImage(
  image: string | Uint8Array,
  size: number,
  note?: (text: string) => void,
): Promise<Uint8Array> {
  try {
    return await decode(image, size, note);
  } catch (error) {
    throw unreadable(typeof image === 'string' ? image : `of ${image.length} bytes`, error);
  }
}

/**
 * The images of `batches`, in order. At most `ahead` batches are in memory beside the one handed out; leaving the loop ends all work.
 * @throws FileError naming the file and the manifest's line of an image that cannot be read, when its batch is due
 */
export async function* loadBatches(
  batches: Iterable<readonly Frame[]>,
  options: LoaderOptions,
): AsyncGenerator<LoadedBatch, void, void> {
  const { size, ahead = 2, workers = 'auto', cache = false, signal, note, leftOut } = options;
  const stop = new AbortController();
  const ends = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const turn = turns(workers === 'auto' ? Math.min(availableParallelism(), libuvThreads()) : workers);
  const load = cache === false ? decodeInto(note) : decodeOnce(cache, note);
  const iterator = batches[Symbol.iterator]();
  const loading: Promise<LoadedBatch>[] = [];
  const fill = () => {
    while (loading.length < ahead) {
      const next = iterator.next();
      if (next.done) return;
      const batch = loadBatch(next.value, size, load, turn, ends, leftOut);
      batch.catch(() => {}); // A failure counts when the batch is due; until then it must not end the process.
      loading.push(batch);
    }
  };
  try {
    for (;;) {
      ends.throwIfAborted();
      fill();
      const due = loading.shift();
      if (!due) return;
      fill();
      yield { ...(await due), next: loading[0] };
    }
  } finally {
    stop.abort();
    await Promise.allSettled(loading);
  }
}

/** Puts the pixels of a frame to `into` from `at` on. */
type Decode = (frame: Frame, size: number, into: Uint8Array, at: number) => Promise<void>;

function decodeInto(note?: (text: string) => void): Decode {
  return async ({ path }, size, into, at) => into.set(await decode(path, size, note), at);
}

/** Looks into the caches of the sets first, and leaves there what it has to decode. */
function decodeOnce(use: true | string, note?: (text: string) => void): Decode {
  const limit = use === true ? null : parseBytes(use);
  const caches = new Map<string, Promise<CropCache | null>>();
  return async (frame, size, into, at) => {
    const { manifest, path } = frame;
    if (!caches.has(manifest)) caches.set(manifest, cropCache(manifest, size, { limit, note }));
    const cache = await caches.get(manifest)!;
    if (await cache?.read(frame, into, at)) return;
    const pixels = await decode(path, size, note);
    into.set(pixels, at);
    await cache?.write(frame, pixels);
  };
}

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

async function loadBatch(
  frames: readonly Frame[],
  size: number,
  load: Decode,
  turn: Turn,
  ends: AbortSignal,
  leftOut?: LeftOut,
): Promise<LoadedBatch> {
  const area = size * size * 3;
  const pixels = new Uint8Array(frames.length * area);
  const failed = new Map<number, unknown>();
  let started = 0;
  await Promise.all(
    frames.map((frame, i) =>
      turn(async () => {
        ends.throwIfAborted();
        started ||= performance.now();
        await load(frame, size, pixels, i * area).catch((error: unknown) => {
          const fault = unreadable(`${frame.path} (${frame.manifest} line ${frame.row})`, error);
          if (leftOut === undefined) throw fault;
          failed.set(i, fault);
        });
      }),
    ),
  );
  const loadMs = started === 0 ? 0 : performance.now() - started;
  if (failed.size === 0) return { frames, pixels, loadMs };
  const kept = frames.flatMap((_, i) => (failed.has(i) ? [] : [i]));
  for (const [i, fault] of [...failed].sort(([a], [b]) => a - b)) leftOut!.add(frames[i]!.path, fault);
  for (const [to, from] of kept.entries()) pixels.copyWithin(to * area, from * area, (from + 1) * area);
  return { frames: kept.map((i) => frames[i]!), pixels: pixels.subarray(0, kept.length * area), loadMs };
}

function decode(image: string | Uint8Array, size: number, note?: (text: string) => void): Promise<Uint8Array> {
  const square = (opened: Sharp) =>
    opened.resize(size, size, { fit: 'fill' }).removeAlpha().raw({ depth: 'uchar' }).toBuffer();
  return openImage(image, square, note);
}

function unreadable(where: string, error: unknown): FileError {
  const reason = messageOf(error).split('\n')[0]!.trim();
  return new FileError(`the image ${where} cannot be read: ${reason}`);
}

/** Lets `limit` works run at once, the others in the order they came. */
function turns(limit: number): Turn {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running === limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

/** Consecutive batches of `size`; the last one holds what is left. */
export function inBatches<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}
