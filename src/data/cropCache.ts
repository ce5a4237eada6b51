/** Decoded crops, kept in one file a crop set and size beside the manifest: an epoch after the first reads pixels, not JPEG. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../base/files.js';
import type { Frame } from './manifest.js';

/** Part of the header: goes up when equal files begin to be decoded to other pixels. */
const format = 1;
const headerBytes = 4096;
/** An entry of the index: SHA-256 of the pixels, then size and modification time of the image as doubles. Zeros: not there yet. */
const entryBytes = 32 + 8 + 8;

/** The crops of one manifest at one size. Any number of processes may use the file at once: all write the same bytes. */
export interface CropCache {
  /** Reads the pixels of a frame to `into` from `at` on; false when they are not there, or not those of the image as it is now. */
  read(frame: Frame, into: Uint8Array, at: number): Promise<boolean>;
  /** Keeps the pixels `[size,size,3]` that `frame` was decoded to. A disk that is full ends the keeping, not the work. */
  write(frame: Frame, pixels: Uint8Array): Promise<void>;
}

interface Opened {
  /** Size and time of the manifest, by which a new one is noticed. */
  stamp: string;
  cache: Promise<(CropCache & { close(): Promise<void> }) | null>;
}

/** Open files of this process: they stay open between epochs. */
const opened = new Map<string, Opened>();

export interface CacheOptions {
  /** Most bytes of pixels; `null`: the whole set, or nothing where that is too much for the disk. */
  limit?: number | null;
  /** Is told when a cache does not keep the whole set. */
  note?: ((text: string) => void) | undefined;
}

/** Where the pixels of a set are kept. */
export function cachePath(folder: string, size: number): string {
  return join(folder, '.cache', `crops-${size}.bin`);
}

/**
 * The cache of the crop set that `manifest` describes, begun anew when the manifest has changed; `null` where none can be: the folder
 * cannot be written, or what is to be kept would take more than half of what is free on its disk. With a limit that is less than the set, every
 * n-th image is kept, so that whichever part of the set is used has its share.
 * @param size side of the square images, in pixels
 */
export async function cropCache(
  manifest: string,
  size: number,
  { limit = null, note }: CacheOptions = {},
): Promise<CropCache | null> {
  const key = `${size} ${limit} ${manifest}`;
  const stamp = await stampOf(manifest);
  const known = opened.get(key);
  if (known?.stamp === stamp) return known.cache;
  const cache = stamp === null ? Promise.resolve(null) : openCache(manifest, size, limit, note).catch(() => null);
  opened.set(key, { stamp: stamp ?? '', cache });
  await (await known?.cache)?.close();
  return cache;
}

async function stampOf(path: string): Promise<string | null> {
  return stat(path).then(
    ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
    () => null,
  );
}

async function openCache(manifest: string, size: number, limit: number | null, note?: (text: string) => void) {
  const bytes = await readFile(manifest);
  // Numbered as the manifest's lines are, from 1, and one more.
  const rows = lineEndsIn(bytes) + 2;
  const kept = Math.min(rows, Math.floor((limit ?? Number.POSITIVE_INFINITY) / (size * size * 3)));
  const hash = createHash('sha256').update(bytes).digest('hex');
  const header = Buffer.alloc(headerBytes, ' ');
  header.write(`${JSON.stringify({ made_by: 'ldc, crop cache', format, size, rows, kept, manifest: hash })}\n`);
  const path = cachePath(dirname(manifest), size);
  const layout = { rows, kept, size };
  const file = (await openWith(path, header)) ?? (await create(path, header, layout));
  const images = rows - 3;
  const part = `${Math.min(kept, images)} of ${images} decoded images (${gigabytes(kept * size * size * 3)})`;
  if (!file)
    note?.(`${dirname(manifest)} keeps no decoded images: the disk has no room for ${part}; --cache-limit bounds them`);
  else if (kept < images) note?.(`${dirname(manifest)} keeps ${part} in its .cache; the others are decoded each time`);
  return file && cacheIn(file, layout);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Where pixels lie: those of `kept` of `rows` lines of the manifest, behind an index of all. */
interface Layout {
  rows: number;
  kept: number;
  size: number;
}

/** The place of a line's pixels among those kept, or `null`: evenly spread lines have one. */
function placeOf(row: number, { rows, kept }: Layout): number | null {
  const place = Math.floor((row * kept) / rows);
  return place < Math.floor(((row + 1) * kept) / rows) ? place : null;
}

function lineEndsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

/** The file, when it has that header. */
async function openWith(path: string, header: Buffer): Promise<FileHandle | null> {
  const file = await open(path, constants.O_RDWR).catch(() => null);
  if (!file) return null;
  const found = Buffer.alloc(headerBytes);
  await file.read(found, 0, headerBytes, 0);
  if (found.equals(header)) return file;
  await file.close();
  return null;
}

/** A file of holes under a name of its own first, so that no other process sees it without header. */
async function create(path: string, header: Buffer, layout: Layout): Promise<FileHandle | null> {
  const folder = dirname(path);
  await makeFolder(folder);
  const { bavail, bsize } = await statfs(folder);
  const total = pixelsAt(layout.kept, layout);
  if (total > (bavail * bsize) / 2) return null;
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w+');
  try {
    await file.write(header, 0, headerBytes, 0);
    await file.truncate(total);
    await rename(temporary, path);
    return file;
  } catch {
    await file.close();
    await rm(temporary, { force: true });
    return null;
  }
}

/** Where the pixels at a place begin. */
function pixelsAt(place: number, { rows, size }: Layout): number {
  return headerBytes + rows * entryBytes + place * size * size * 3;
}

async function cacheIn(file: FileHandle, layout: Layout) {
  const { rows, size } = layout;
  const length = size * size * 3;
  const index = Buffer.alloc(rows * entryBytes);
  await file.read(index, 0, index.length, headerBytes);
  const verified = new Uint8Array(rows);
  let keeping = true;
  const entryOf = ({ row }: Frame) => index.subarray(row * entryBytes, (row + 1) * entryBytes);
  const placeIn = ({ row }: Frame) => (row < rows ? placeOf(row, layout) : null);
  return {
    async read(frame: Frame, into: Uint8Array, at: number): Promise<boolean> {
      const place = placeIn(frame);
      if (place === null) return false;
      const entry = entryOf(frame);
      const image = await imageOf(frame.path);
      if (!image?.equals(entry.subarray(32))) return false;
      const taken = await file.read(into, at, length, pixelsAt(place, layout)).catch(() => null);
      if (taken?.bytesRead !== length) return false;
      // A power cut may have kept the entry and lost the pixels: they are looked at once in a process.
      if (verified[frame.row] === 0) {
        if (!sha256(into.subarray(at, at + length)).equals(entry.subarray(0, 32))) return false;
        verified[frame.row] = 1;
      }
      return true;
    },
    async write(frame: Frame, pixels: Uint8Array): Promise<void> {
      const place = placeIn(frame);
      const image = keeping && place !== null ? await imageOf(frame.path) : null;
      if (!image || place === null) return;
      const entry = Buffer.concat([sha256(pixels), image]);
      try {
        await file.write(pixels, 0, length, pixelsAt(place, layout));
        await file.write(entry, 0, entryBytes, headerBytes + frame.row * entryBytes);
        entry.copy(index, frame.row * entryBytes);
      } catch {
        keeping = false;
      }
    },
    close: () => file.close(),
  };
}

/** Size and modification time of an image, by which a changed one is noticed; `null` when it is not there. */
async function imageOf(path: string): Promise<Buffer | null> {
  const found = await stat(path).catch(() => null);
  if (!found) return null;
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleLE(found.size, 0);
  bytes.writeDoubleLE(found.mtimeMs, 8);
  return bytes;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
