/** `ldc import npy`: the image arrays of the released LDCNet program (or any named like them) become crop sets. */
import { access, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { FileError, messageOf, UserError } from '../../base/errors.js';
import { makeFolder, removeLeftovers, writeSynced } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { countOf, toFloat32 } from '../../formats/dtype.js';
import { type NpyFile, openNpy } from '../../formats/npy.js';
import { originsOf, writeCropSet } from '../cropSet.js';
import { LeftOut } from '../leftOut.js';
import { MANIFEST, type NewFrame } from '../manifest.js';

/** How the names of files begin, and which data set is meant. */
const domains: Record<string, { name: string; letter: string }> = {
  oulu: { name: 'OULU-NPU', letter: 'O' },
  casia: { name: 'CASIA-FASD', letter: 'C' },
  replay: { name: 'Replay-Attack', letter: 'I' },
  msu: { name: 'MSU-MFSD', letter: 'M' },
  '3dmad': { name: '3DMAD', letter: 'D' },
  hkbu: { name: 'HKBU-MARs', letter: 'H' },
};

/** `casia_images_live.npy`, `casia_print_images.npy`, `casia_images_spoof.npy`. */
const fileName = /^([A-Za-z0-9]+)_(?:images_(live|spoof)|(print|replay|mask)_images)\.npy$/;

/** Images read at a time: a few megabytes, however large the file. */
const atOnce = 8;

export interface ArrayImportOptions {
  /** Folder of the arrays. */
  root: string;
  /** Folder of crop sets. */
  out: string;
  /** Where arrays that cannot be used are counted; the first ends the work unless given. */
  leftOut?: LeftOut;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface ImportedSet {
  name: string;
  letter: string;
  path: string;
  images: number;
  /** What the user should know of how lists were read. */
  notes?: string[];
}

interface ImageArray {
  kind: string;
  file: NpyFile;
  /** By what stored values are multiplied to lie in 0 … 255. */
  scale: number;
  channelsFirst: boolean;
  height: number;
  width: number;
}

/**
 * Makes a crop set of each domain whose live images and attacks are there: live, and print and replay (and mask), or spoof alone. Images
 * are rounded to 8 bits and stored without loss. Whose they are and from which video is not known: each is a video of its own.
 * Arrays that cannot be read, or are not images, go to `leftOut`, and with them what is then no live images with attacks.
 * @throws UserError when no domain is whole, arrays of one have values in different ranges, or a set is there already
 */
export async function importArrays(options: ArrayImportOptions): Promise<ImportedSet[]> {
  const { leftOut = new LeftOut(() => {}, true), signal, onProgress } = options;
  const root = resolve(options.root);
  const found = await findArrays(root);
  leftOut.total = [...found.values()].reduce((sum, files) => sum + files.size, 0);
  const plans: DomainPlan[] = [];
  for (const [domain, files] of found) plans.push(await planDomain(root, domain, files, leftOut));
  for (const { name } of plans) await refuseExisting(join(resolve(options.out), name));
  const total = plans.flatMap(({ arrays }) => arrays).reduce((sum, { file }) => sum + file.shape[0]!, 0);
  let done = 0;
  const sets: ImportedSet[] = [];
  for (const { name, letter, arrays } of plans.filter((plan) => plan.arrays.length > 0)) {
    const path = join(resolve(options.out), name);
    await withLock(path, async () => {
      await removeLeftovers(path);
      const written = new Map<ImageArray, NewFrame[]>();
      for (const array of arrays) {
        const frames: NewFrame[] = [];
        try {
          for await (const frame of writeImages(path, array, signal)) {
            frames.push(frame);
            onProgress?.(++done, total);
          }
          written.set(array, frames);
        } catch (error) {
          leftOut.add(array.file.path, atFault(error));
          await rm(join(path, 'crops', array.kind), { recursive: true, force: true });
        }
      }
      const used = wholeOrNone(name, [...written.keys()], leftOut);
      if (used.length === 0) return rm(join(path, 'crops'), { recursive: true, force: true });
      const frames = used.flatMap((array) => written.get(array)!);
      const files = used.map(({ kind, file, scale }) => ({ kind, shape: file.shape, dtype: file.dtype, scale }));
      const origins = originsOf(frames, { labels: 'names of arrays', subjects: '', videos: 'each image its own' });
      const recipe = { made_by: 'ldc import npy', version: 1, files };
      await writeCropSet(path, { name, letter, recipe, origins }, frames);
      sets.push({ name, letter, path, images: frames.length });
    });
  }
  leftOut.checkSome();
  return sets;
}

interface DomainPlan {
  name: string;
  letter: string;
  /** None where the domain is not whole. */
  arrays: ImageArray[];
}

/** File names by kind, for each domain; `spoof` is left out where print and replay, of which it consists, are there. */
async function findArrays(root: string): Promise<Map<string, Map<string, string>>> {
  const names = await readdir(root).catch((error: unknown) => {
    throw new UserError(`the folder ${root} cannot be read: ${messageOf(error)}`);
  });
  const found = new Map<string, Map<string, string>>();
  for (const name of names.sort()) {
    const match = fileName.exec(name);
    const domain = match?.[1]?.toLowerCase();
    if (!match || !domain || !(domain in domains)) continue;
    const files = found.get(domain) ?? new Map<string, string>();
    found.set(domain, files.set((match[2] ?? match[3])!, name));
  }
  for (const [domain, files] of found) {
    if (files.has('print') || files.has('replay') || files.has('mask')) files.delete('spoof');
    if (!files.has('live') || files.size < 2) found.delete(domain);
  }
  if (found.size > 0) return found;
  const hint = `NAME_images_live.npy with NAME_print_images.npy and NAME_replay_images.npy, or NAME_images_spoof.npy; NAME is one of ${Object.keys(domains).join(', ')}`;
  throw new UserError(`${root} has no live images with attacks of one domain`, hint);
}

async function planDomain(
  root: string,
  domain: string,
  files: ReadonlyMap<string, string>,
  leftOut: LeftOut,
): Promise<DomainPlan> {
  const order = ['live', 'print', 'replay', 'mask', 'spoof'];
  const arrays: ImageArray[] = [];
  for (const kind of [...files.keys()].sort((a, b) => order.indexOf(a) - order.indexOf(b))) {
    const path = join(root, files.get(kind)!);
    try {
      arrays.push(await openImages(kind, path));
    } catch (error) {
      leftOut.add(path, atFault(error));
    }
  }
  const odd = arrays.find(({ scale }) => scale !== arrays[0]!.scale);
  if (odd) throw new UserError(`${odd.file.path} has values in another range than ${arrays[0]!.file.path}`);
  const { name, letter } = domains[domain]!;
  return { name, letter, arrays: wholeOrNone(name, arrays, leftOut) };
}

/** Live images with attacks; without one of both the others make no set. */
function wholeOrNone(name: string, arrays: readonly ImageArray[], leftOut: LeftOut): ImageArray[] {
  const hasLive = arrays.some(({ kind }) => kind === 'live');
  if (hasLive && arrays.length > 1) return [...arrays];
  for (const { file } of arrays) {
    const lacking = hasLive ? 'attacks' : 'live images';
    leftOut.add(file.path, new FileError(`${file.path} makes no set without the ${lacking} of ${name}`));
  }
  return [];
}

/** Whatever is wrong with an array is wrong with its file alone. */
function atFault(error: unknown): unknown {
  return error instanceof UserError ? new FileError(error.message, error.hint) : error;
}

async function openImages(kind: string, path: string): Promise<ImageArray> {
  const file = await openNpy(path);
  const [count, a, b, c] = file.shape;
  const channelsFirst = c !== 3;
  if (file.shape.length !== 4 || !count || (channelsFirst && a !== 3) || countOf(file.shape) === 0) {
    throw new UserError(
      `${path} has the shape [${file.shape.join(', ')}]`,
      'images are [N, height, width, 3] or [N, 3, height, width]',
    );
  }
  const scale = await scaleOf(file);
  return channelsFirst
    ? { kind, file, scale, channelsFirst, height: b!, width: c! }
    : { kind, file, scale, channelsFirst, height: a!, width: b! };
}

/**
 * From the largest value of some images all over the file: 0 … 255, 0 … 1, or 0 … 1/255, as the authors' arrays seem to be, having been
 * divided by 255 twice.
 */
async function scaleOf(file: NpyFile): Promise<number> {
  if (file.dtype === 'U8') return 1;
  const rows = file.shape[0]!;
  let largest = 0;
  for (let i = 0; i < Math.min(rows, 16); i++) {
    const values = toFloat32(await file.readRows(Math.floor((i * rows) / Math.min(rows, 16)), 1));
    for (const value of values) largest = Math.max(largest, value);
  }
  if (largest > 1.001) return 1;
  return largest > 2 / 255 ? 255 : 255 * 255;
}

async function* writeImages(folder: string, array: ImageArray, signal?: AbortSignal): AsyncGenerator<NewFrame> {
  const { kind, file, height, width } = array;
  const count = file.shape[0]!;
  const digits = String(count - 1).length;
  await makeFolder(join(folder, 'crops', kind));
  for (let from = 0; from < count; from += atOnce) {
    signal?.throwIfAborted();
    const rows = Math.min(atOnce, count - from);
    const values = toFloat32(await file.readRows(from, rows));
    const frames = Array.from({ length: rows }, async (_, i): Promise<NewFrame> => {
      const name = `${kind}/${String(from + i).padStart(digits, '0')}`;
      const pixels = toPixels(array, values.subarray(i * height * width * 3, (i + 1) * height * width * 3), from + i);
      const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
      await writeSynced(join(folder, 'crops', `${name}.png`), png);
      const live = kind === 'live';
      return {
        path: `crops/${name}.png`,
        split: 'train',
        subject: '',
        video: name,
        frame: 0,
        label: live ? 'live' : 'spoof',
        attackType: kind === 'spoof' ? 'unknown' : kind,
        pai: '',
      };
    });
    // None is still being written when it is told that one is wrong.
    await Promise.allSettled(frames);
    yield* await Promise.all(frames);
  }
}

/** One image as `[height,width,3]` bytes. */
function toPixels(
  { file, scale, channelsFirst, height, width }: ImageArray,
  values: Float32Array,
  row: number,
): Uint8Array {
  const area = height * width;
  const pixels = new Uint8Array(area * 3);
  for (let i = 0; i < pixels.length; i++) {
    const value = Math.round((channelsFirst ? values[(i % 3) * area + Math.floor(i / 3)]! : values[i]!) * scale);
    if (!(value >= 0 && value <= 255)) {
      throw new UserError(
        `${file.path} row ${row} has the value ${value / scale}, outside the range of the other images`,
      );
    }
    pixels[i] = value;
  }
  return pixels;
}

/** Where a set of the user's own goes. @throws UserError for a name that is none of a folder */
export function folderOfSet(out: string, name: string): string {
  if (name === '.' || name === '..' || /[/\\\0]/.test(name)) {
    throw new UserError(`a set cannot be called "${name}"`, 'its name is that of its folder');
  }
  return join(resolve(out), name);
}

/** @throws UserError when `folder` is a crop set already */
export async function refuseExisting(folder: string): Promise<void> {
  const there = await access(join(folder, MANIFEST)).then(
    () => true,
    () => false,
  );
  if (there) throw new UserError(`${folder} already holds a crop set`, 'name another --out, or remove that folder');
}
