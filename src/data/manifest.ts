/** `manifest.csv`, the one file that says what the images of a crop set are: a row a frame. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, posix, relative, resolve, sep, win32 } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { csvLine } from '../formats/csvLine.js';
import { eachCsvRow } from '../formats/csvRows.js';
import { PerDomain } from './perDomain.js';

export const MANIFEST = 'manifest.csv';

export const splits = ['train', 'dev', 'test'] as const;
export const labels = ['live', 'spoof'] as const;
export type Split = (typeof splits)[number];
export type Label = (typeof labels)[number];

/** One image: a face crop of one frame of one video. */
export interface Frame {
  /** Absolute path of the image. */
  path: string;
  /** Letter of the data set. */
  domain: string;
  /** As the release divides it. */
  split: Split;
  /** Who is shown; empty where nobody knows. Unique within the domain. */
  subject: string;
  /** Which presentation; unique within the domain. */
  video: string;
  /** Number of the frame in its video. */
  frame: number;
  label: Label;
  /** `live`, or what the attack is made with: `print`, `replay`, `mask`, … (lower case). */
  attackType: string;
  /** The attack instrument in detail; may be empty. */
  pai: string;
  /** Columns that are not ours, kept as they are. */
  extra: Readonly<Record<string, string>>;
  /** Absolute path of the manifest, and the line of this frame in it, the header being line 1. */
  manifest: string;
  row: number;
}

/** A frame as it is written: `path` relative to the set's folder, domain and manifest being those of the set. */
export type NewFrame = Omit<Frame, 'domain' | 'manifest' | 'row' | 'extra'> & Partial<Pick<Frame, 'extra'>>;

const columns = ['path', 'domain', 'split', 'subject', 'video', 'frame', 'label', 'attack_type', 'pai'] as const;
type Column = (typeof columns)[number];

const noExtra: Readonly<Record<string, string>> = Object.freeze({});

/**
 * The frames of `folder/manifest.csv` in the order of the file, and the bytes they were read from.
 * @throws UserError naming file and line: no such file, a missing column, a wrong value, a path given twice or leading out of
 * the folder, a video whose rows contradict each other
 */
export async function readManifest(folder: string): Promise<{ frames: Frame[]; bytes: Uint8Array }> {
  const manifest = resolve(folder, MANIFEST);
  const bytes = await readFile(manifest).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `${manifest} ${error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.message}`}`,
    );
  });
  const frames = parseFrames(bytes, manifest);
  checkPathsDiffer(frames);
  checkVideosAgree(frames);
  return { frames, bytes };
}

/** Rows that are held as text at once when a manifest is written. */
const rowsAtOnce = 10_000;

/** Writes `folder/manifest.csv` whole, rows in the order given, and returns its bytes. */
export async function writeManifest(folder: string, domain: string, frames: readonly NewFrame[]): Promise<Uint8Array> {
  const names = new Set<string>();
  for (const { extra = noExtra } of frames) for (const name in extra) names.add(name);
  const extras = [...names];
  const lineOf = (frame: NewFrame) =>
    csvLine([
      frame.path,
      domain,
      frame.split,
      frame.subject,
      frame.video,
      String(frame.frame),
      frame.label,
      frame.attackType,
      frame.pai,
      ...extras.map((name) => frame.extra?.[name] ?? ''),
    ]);
  const parts = [Buffer.from(csvLine([...columns, ...extras]))];
  for (let at = 0; at < frames.length; at += rowsAtOnce) {
    parts.push(
      Buffer.from(
        frames
          .slice(at, at + rowsAtOnce)
          .map(lineOf)
          .join(''),
      ),
    );
  }
  const bytes = Buffer.concat(parts);
  await writeFileWhole(join(folder, MANIFEST), bytes);
  return bytes;
}

/** The path of a frame as its manifest has it, with `/` everywhere. */
export function relativePath(frame: Frame): string {
  return relative(resolve(frame.manifest, '..'), frame.path).replaceAll(sep, '/');
}

/** Turns each row into a frame as it is read, so that a large manifest is not held twice. */
function parseFrames(bytes: Buffer, manifest: string): Frame[] {
  const frames: Frame[] = [];
  let table: Table | undefined;
  try {
    eachCsvRow(bytes, (record, line) => {
      if (table) frames.push(toFrame(record, table, manifest, line));
      else table = columnsOf(record, manifest);
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const line = (error as { lines?: number }).lines;
    throw new UserError(
      `not a CSV file: ${messageOf(error)}, in ${manifest}${line === undefined ? '' : ` line ${line}`}`,
    );
  }
  if (!table) throw new UserError(`${manifest} is empty`, `its header names the columns ${columns.join(', ')}`);
  if (frames.length === 0) throw new UserError(`${manifest} has a header but no rows`);
  return frames;
}

/** Where each column is: ours by name, the others as pairs of name and position. */
interface Table {
  index: Record<Column, number>;
  extras: readonly [string, number][];
  width: number;
  /** The folder of the manifest, with a separator behind it. */
  folder: string;
  /** One string for values that are equal, of which a large manifest has few: without it each row would hold its own. */
  shared: (value: string) => string;
}

function columnsOf(header: readonly string[], manifest: string): Table {
  const twice = header.find((name, i) => header.indexOf(name) < i);
  if (twice !== undefined) throw rowError(manifest, 1, `the column ${twice} twice`);
  const missing = columns.filter((name) => !header.includes(name));
  if (missing.length > 0) {
    const names = `column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}`;
    throw new UserError(`missing ${names}, in ${manifest} line 1`, `the header has to name ${columns.join(', ')}`);
  }
  const index = Object.fromEntries(columns.map((name) => [name, header.indexOf(name)])) as Record<Column, number>;
  const extras = header.flatMap((name, i): [string, number][] => (isColumn(name) ? [] : [[name, i]]));
  const folder = join(manifest, '..', sep);
  return { index, extras, width: header.length, folder, shared: sharedStrings() };
}

function sharedStrings(): (value: string) => string {
  const known = new Map<string, string>();
  return (value) => {
    const first = known.get(value);
    if (first !== undefined) return first;
    if (known.size < 100_000) known.set(value, value);
    return value;
  };
}

function isColumn(name: string): name is Column {
  return (columns as readonly string[]).includes(name);
}

function toFrame(record: readonly string[], table: Table, manifest: string, row: number): Frame {
  const { index, extras, width, folder, shared } = table;
  if (record.length !== width) throw rowError(manifest, row, `${record.length} fields where the header has ${width}`);
  const value = (name: Column) => record[index[name]]!;
  const required = (name: Column) => {
    if (value(name) === '') throw rowError(manifest, row, `no ${name}`);
    return value(name);
  };
  const oneOf = <T extends string>(name: Column, allowed: readonly T[]): T => {
    const found = allowed.find((candidate) => candidate === value(name));
    if (found === undefined)
      throw rowError(manifest, row, `the unknown ${name} "${value(name)}"`, `one of ${allowed.join(', ')}`);
    return found;
  };
  if (!/^\d+$/.test(value('frame')))
    throw rowError(manifest, row, `the frame "${value('frame')}", which is not a whole number`);
  const label = oneOf('label', labels);
  let extra = noExtra;
  if (extras.length > 0) {
    const own: Record<string, string> = {};
    for (const [name, i] of extras) own[name] = shared(record[i]!);
    extra = own;
  }
  return {
    path: insideOf(manifest, folder, required('path'), row),
    domain: shared(required('domain')),
    split: oneOf('split', splits),
    subject: shared(value('subject')),
    video: required('video'),
    frame: Number(value('frame')),
    label,
    attackType: shared(attackTypeOf(label, value('attack_type').toLowerCase(), manifest, row)),
    pai: shared(value('pai')),
    extra,
    manifest,
    row,
  };
}

/** Live rows may leave the attack type out; a spoof row has to say what it is, because the triplet loss and APCER ask. */
function attackTypeOf(label: Label, type: string, manifest: string, row: number): string {
  if (label === 'live' && type !== '' && type !== 'live')
    throw rowError(manifest, row, `a live frame of attack_type "${type}"`);
  if (label === 'spoof' && (type === '' || type === 'live')) {
    throw rowError(manifest, row, 'a spoof frame without attack_type', 'print, replay, mask, or a name of your own');
  }
  return label === 'live' ? 'live' : type;
}

/** Parts of a path by which it means another place than it says, or is none of this system's: `.`, `..`, nothing, `\\`, `C:`. */
const unusual = /(?:^|\/)(?:\.{0,2})(?:\/|$)|\\|^\w:/;

function insideOf(manifest: string, folder: string, path: string, row: number): string {
  if (!unusual.test(path)) return folder + path;
  const normal = posix.normalize(path);
  if (isAbsolute(path) || win32.isAbsolute(path) || normal === '..' || normal.startsWith('../')) {
    throw rowError(manifest, row, `the path "${path}", which leads out of the folder of the manifest`);
  }
  return join(folder, normal);
}

/** In a manifest as commands write it names never fall, so that equal ones are neighbours and nothing has to be remembered of the others. */
function rises(frames: readonly Frame[], name: 'path' | 'video'): boolean {
  return frames.every((frame, i) => i === 0 || frames[i - 1]![name] <= frame[name]);
}

function checkPathsDiffer(frames: readonly Frame[]): void {
  if (rises(frames, 'path') && frames.every(({ path }, i) => i === 0 || frames[i - 1]!.path !== path)) return;
  const rows = new Map<string, number>();
  for (const frame of frames) {
    const first = rows.get(frame.path);
    if (first !== undefined) {
      throw rowError(frame.manifest, frame.row, `the path "${relativePath(frame)}", which line ${first} has already`);
    }
    rows.set(frame.path, frame.row);
  }
}

/** What is true of a video is true of its frames; two videos under one name would be averaged into one score. */
function checkVideosAgree(frames: readonly Frame[]): void {
  const sorted = rises(frames, 'video') && frames.every(({ domain }) => domain === frames[0]!.domain);
  const videos = new PerDomain<Frame>();
  let latest: Frame | undefined;
  for (const frame of frames) {
    const { domain, video } = frame;
    const same = latest?.video === video ? latest : undefined;
    const first = sorted ? same : videos.get(domain, video);
    if (first === undefined) {
      latest = frame;
      if (!sorted) videos.set(domain, video, frame);
      continue;
    }
    for (const name of ['subject', 'split', 'label', 'attackType'] as const) {
      if (frame[name] === first[name]) continue;
      const column = name === 'attackType' ? 'attack_type' : name;
      const what = `the ${column} "${frame[name]}" for the video "${frame.video}", which has "${first[name]}" in line ${first.row}`;
      throw rowError(frame.manifest, frame.row, what, 'a video name stands for one video of the domain');
    }
  }
}

/** "manifest.csv line 7 has …". */
function rowError(manifest: string, row: number, what: string, hint?: string): UserError {
  return new UserError(`${manifest} line ${row} has ${what}`, hint);
}
