/** `ldc import list`: image lists as other repositories ship them become a crop set. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, posix, resolve } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import { removeLeftovers } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { writeCropSet } from '../cropSet.js';
import { type Label, type NewFrame, type Split, splits } from '../manifest.js';
import { publishedSubsets, type Source } from '../sources/source.js';
import { type ImportedSet, refuseExisting } from './arrays.js';
import { presentationOf } from './releaseNames.js';

export interface ListImportOptions {
  /** The list: JSON as SSDG writes it, or text with a path a line. */
  file: string;
  /** What the list's relative paths start from. */
  root: string;
  /** Folder of crop sets. */
  out: string;
  /** The data set that the images are of; its names say subject, attack and video of each. */
  source: Source | null;
  /** Name and letter of a set that is none of those known. */
  name?: string;
  letter?: string;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

interface Entry {
  path: string;
  label: Label | null;
  /** The list's own name for the video; empty where it has none. */
  video: string;
  /** Line of the text, or number of the entry, from 1. */
  row: number;
}

/**
 * Copies the listed images. Label: as the list says, else from the data set's names, else from a folder `real`, `live`, `fake`, `spoof`
 * or `attack` of the path, else from `_real_` or `_fake_` in the list's own name.
 * @throws UserError with file and row for an image that is not there or not known to be live or spoof
 */
export async function importList(options: ListImportOptions): Promise<ImportedSet> {
  const { file, source } = options;
  const name = source?.name ?? options.name;
  const letter = source?.letter ?? options.letter;
  if (!name || !letter) {
    throw new UserError(`the set has no ${name ? 'letter' : 'name'}`, 'give --set, or --name and --letter');
  }
  const path = join(resolve(options.out), name);
  await refuseExisting(path);
  const entries = await readEntries(file);
  const frames: NewFrame[] = [];
  await withLock(path, async () => {
    await removeLeftovers(path);
    for (const entry of entries) {
      options.signal?.throwIfAborted();
      if (entry.path.includes('\0')) throw new UserError(`${file} row ${entry.row} names no file: ${entry.path}`);
      const frame = { ...describe(entry, file, source), path: `crops/${targetOf(entry, options.root)}` };
      const target = join(path, frame.path);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(resolve(options.root, entry.path), target, constants.COPYFILE_FICLONE).catch((error: unknown) => {
        throw new UserError(
          `the image ${entry.path} of ${file} row ${entry.row} cannot be copied: ${messageOf(error)}`,
        );
      });
      frames.push(frame);
      options.onProgress?.(frames.length, entries.length);
    }
    const recipe = { made_by: 'ldc import list', version: 1, list: basename(file) };
    const known = source ? { subsets: { ...source.subsets }, published: publishedSubsets(source) } : {};
    await writeCropSet(path, { name, letter, recipe, ...known }, frames);
  });
  return { name, letter, path, images: frames.length };
}

async function readEntries(file: string): Promise<Entry[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError(`the list ${file} cannot be read: ${messageOf(error)}`);
  });
  const entries = extname(file).toLowerCase() === '.json' ? jsonEntries(text, file) : textEntries(text, file);
  if (entries.length === 0) throw new UserError(`the list ${file} names no image`);
  const rows = new Map<string, number>();
  return entries.filter(({ path, row }) => {
    if (rows.has(path)) return false;
    rows.set(path, row);
    return true;
  });
}

/** SSDG: `[{"photo_path": …, "photo_label": 1, "photo_belong_to_video_ID": …}, …]`, 1 being live. */
function jsonEntries(text: string, file: string): Entry[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file} is not JSON: ${messageOf(error)}`);
  }
  if (!Array.isArray(content)) throw new UserError(`${file} is not a list`, 'entries have photo_path and photo_label');
  return content.map(
    (item: { photo_path?: unknown; photo_label?: unknown; photo_belong_to_video_ID?: unknown } | null, i) => {
      const { photo_path: path, photo_label: label, photo_belong_to_video_ID: video = '' } = item ?? {};
      if (typeof path !== 'string' || (label !== 0 && label !== 1)) {
        throw new UserError(`${file} entry ${i + 1} has no photo_path or no photo_label of 0 or 1`);
      }
      return { path, label: label === 1 ? 'live' : 'spoof', video: String(video), row: i + 1 };
    },
  );
}

/** `path`, or `path label` with 1 for live and 0 for spoof, between comma or blanks. */
function textEntries(text: string, file: string): Entry[] {
  return text.split(/\r\n|\r|\n/).flatMap((line, i): Entry[] => {
    if (line.trim() === '') return [];
    const match = /^(.*?\.(?:png|jpe?g|bmp|webp))(?:[\s,]+([01]))?$/i.exec(line.trim());
    if (!match) throw new UserError(`${file} line ${i + 1} names no image: "${line.trim().slice(0, 80)}"`);
    const label = match[2] === undefined ? null : match[2] === '1' ? 'live' : 'spoof';
    return [{ path: match[1]!, label, video: '', row: i + 1 }];
  });
}

function describe(entry: Entry, file: string, source: Source | null): Omit<NewFrame, 'path'> {
  const known = source ? presentationOf(source, entry.path) : null;
  if (source && !known) {
    throw new UserError(`${file} row ${entry.row} names no image of ${source.name}: ${entry.path}`);
  }
  if (known) {
    const { presentation, frame } = known;
    if (entry.label !== null && entry.label !== presentation.label) {
      throw new UserError(`${file} row ${entry.row} calls ${entry.path} ${entry.label}, which its name does not`);
    }
    return { ...presentation, frame };
  }
  const label =
    entry.label ??
    labelIn(entry.path, /(?:^|\/)(?:(real|live)|(fake|spoof|attack))\//i) ??
    labelIn(basename(file), /_(?:(real|live)|(fake|spoof))_/i);
  if (!label) throw new UserError(`${file} row ${entry.row} does not say whether ${entry.path} is live`);
  const split = splitIn(entry.path);
  const video = entry.video === '' ? entry.path.replace(/\.\w+$/, '') : entry.video;
  return {
    split,
    subject: '',
    video,
    frame: 0,
    label,
    attackType: label === 'live' ? 'live' : 'unknown',
    pai: '',
  };
}

function labelIn(text: string, pattern: RegExp): Label | null {
  const match = pattern.exec(text);
  if (!match) return null;
  return match[1] ? 'live' : 'spoof';
}

function splitIn(path: string): Split {
  return splits.find((split) => path.toLowerCase().split('/').includes(split)) ?? 'train';
}

/** A place below `crops/` that keeps the list's folders, without leading out of it. */
function targetOf({ path }: Entry, root: string): string {
  const base = `${resolve(root)}/`;
  const inside = path.startsWith(base) ? path.slice(base.length) : path;
  return posix
    .normalize(inside)
    .split('/')
    .filter((part) => part !== '..' && part !== '')
    .join('/');
}
