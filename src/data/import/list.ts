/** `ldc import list`: image lists as people have them become a crop set. */
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { FileError, messageOf, UserError } from '../../base/errors.js';
import { removeLeftovers } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { type Origins, writeCropSet } from '../cropSet.js';
import { openImage } from '../image.js';
import { LeftOut } from '../leftOut.js';
import { inBatches } from '../loader.js';
import type { Label, NewFrame, Split } from '../manifest.js';
import { publishedSubsets, type Source } from '../sources/source.js';
import { folderOfSet, type ImportedSet, refuseExisting } from './arrays.js';
import { judge, type Side, type Verdict, type Witnesses } from './contradictions.js';
import { sureFrame } from './frameNames.js';
import { type ListRow, readRows } from './listRows.js';
import { type NamePatterns, namesIn, type PatternNames, readPatterns } from './namePatterns.js';
import { type NamedFrame, partOfPath, ReleaseNames } from './releaseNames.js';
import { checkVideos } from './videos.js';
import {
  attackOf,
  type Claim,
  claimOf,
  classIn,
  classOf,
  folderClassOf,
  isNumber,
  partIn,
  partOf,
  sameLabel,
} from './words.js';

/** Which of two rows that contradict each other about one image counts. */
export const rowChoices = ['first', 'last'] as const;

export interface ListImportOptions {
  /** The lists: JSON as SSDG writes it, or text with a path a line. */
  files: readonly string[];
  /** What relative paths start from; by default each list's own folder. */
  root?: string;
  /** Folder of crop sets. */
  out: string;
  /** The data set that the images are of; its names say subject, attack and video of each. */
  source: Source | null;
  /** Name and letter of a set that is none of those known. */
  name?: string;
  letter?: string;
  /** `VALUE` for all lists, or `LIST=VALUE` for one: what its images are, and which attack its attacks are. */
  label?: readonly string[];
  attackType?: readonly string[];
  /** What stands for live in the lists' labels; everything else is then an attack. */
  liveLabel?: string;
  /** The part that all images are of. */
  split?: Split;
  /** Who is believed where labels and names contradict each other, and which of two rows of one image counts. */
  trust?: Side;
  twice?: (typeof rowChoices)[number];
  /** Regular expressions with the groups `video`, `subject` and `frame`. */
  video?: string;
  subject?: string;
  /** Where images that cannot be read are counted; the first ends the work unless given. */
  leftOut?: LeftOut;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** A row, and what is made of it step by step. */
interface Entry {
  row: ListRow;
  where: string;
  /** Absolute path of the image. */
  file: string;
  /** Relative to the folder that all lists share, with `/`: by it the image is named, and told from others of its name. */
  path: string;
  /** The folder that its list's paths start from, by its last name. */
  above: string;
}

interface Judged extends Entry {
  witnesses: Witnesses;
  release: NamedFrame | null;
  patterns: PatternNames;
  /** The part that its row or its list's name says. */
  part: Split | null;
}

/**
 * Copies the listed images. Its row says what an image is, or the data set's names, or the nearest folder that is named for a class, or the
 * list's own name; what these contradict each other in is an error. Images that are not there or cannot be read go to `leftOut`.
 * @throws UserError with file and row for an image that is not known to be live or spoof, or said to be two things, and when not one
 * image can be read
 */
export async function importList(options: ListImportOptions): Promise<ImportedSet> {
  const { source, signal, onProgress, leftOut = new LeftOut(() => {}, true) } = options;
  const name = source?.name ?? options.name;
  const letter = source?.letter ?? options.letter;
  if (!name || !letter) {
    throw new UserError(`the set has no ${name ? 'letter' : 'name'}`, 'give --set, or --name and --letter');
  }
  const path = folderOfSet(options.out, name);
  await refuseExisting(path);
  const notes: string[] = [];
  const entries = await readEntries(options, notes);
  const judged = examine(entries, options);
  const verdicts = judge(
    judged.map(({ witnesses }) => witnesses),
    options.trust ?? null,
  );
  const kept = withoutRepeats(judged, verdicts, options, notes);
  const described = describe(kept, options, notes);
  leftOut.total = kept.length;
  const done: Described[] = [];
  await withLock(path, async () => {
    await removeLeftovers(path);
    let copied = 0;
    for (const some of inBatches([...kept.entries()], atOnce)) {
      signal?.throwIfAborted();
      const copies = some.map(([i, entry]) => copyImage(entry, join(path, described[i]!.frame.path), notes));
      for (const [at, outcome] of (await Promise.allSettled(copies)).entries()) {
        const [i, { row }] = some[at]!;
        if (outcome.status === 'fulfilled') done.push(described[i]!);
        else leftOut.add(row.path, outcome.reason);
      }
      copied += some.length;
      onProgress?.(copied, kept.length);
    }
    leftOut.checkSome();
    const recipe = { made_by: 'ldc import list', version: 2, lists: options.files.map((file) => basename(file)) };
    const known = source ? { subsets: { ...source.subsets }, published: publishedSubsets(source) } : {};
    const frames = done.map(({ frame }) => frame);
    await writeCropSet(path, { name, letter, recipe, origins: tallyOrigins(done), ...known }, frames);
  });
  return { name, letter, path, images: done.length, notes };
}

/** Images decoded and copied at a time. */
const atOnce = 8;

/** @throws FileError for an image that is not there, or not all of it */
async function copyImage({ file, row, where }: Entry, target: string, notes: string[]): Promise<void> {
  try {
    await openImage(
      file,
      (image) => image.raw().toBuffer(),
      (note) => notes.push(note),
    );
    await copyInto(file, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw new FileError(`the image ${row.path} of ${where} cannot be read: ${messageOf(error).split('\n')[0]}`);
  }
}

async function copyInto(file: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(file, target, constants.COPYFILE_FICLONE);
}

async function readEntries({ files, root }: ListImportOptions, notes: string[]): Promise<Entry[]> {
  const roots = files.map((file) => resolve(root ?? dirname(file)));
  const shared = sharedFolder(roots);
  const lists = await Promise.all(
    files.map(async (file, i) => {
      const bytes = await readFile(file).catch((error: unknown) => {
        throw new UserError(`the list ${file} cannot be read: ${messageOf(error)}`);
      });
      const { rows, unused } = readRows(bytes, file);
      if (unused.length > 0)
        notes.push(`${file} has columns that say nothing which is known here: ${unused.join(', ')}`);
      return Promise.all(rows.map((row) => entryOf(row, roots[i]!, shared)));
    }),
  );
  return lists.flat();
}

async function entryOf(row: ListRow, root: string, shared: string): Promise<Entry> {
  const [, first = '', rest = ''] = /^(\S+)\s+(.+)$/.exec(row.path) ?? [];
  const readings = [row, { ...row, path: row.path.replaceAll('\\', '/') }];
  // A word in front of a path is its label, where it is not part of the name.
  if (row.label === '' && classOf(first)) readings.push({ ...row, path: rest, label: first });
  const there = await Promise.all(readings.map(({ path }) => isThere(resolve(root, path))));
  // Where no file has such a name, a backslash separates folders.
  const meant = readings[there.includes(true) ? there.indexOf(true) : 1]!;
  const file = resolve(root, meant.path);
  const path = file.startsWith(`${shared}/`) ? file.slice(shared.length + 1) : file.replace(/^\/+/, '');
  return { row: meant, where: `${row.list} ${row.place}`, file, path, above: basename(root) };
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** The deepest folder that holds all of them; `''` is the file system's own. */
function sharedFolder([first = '', ...others]: readonly string[]): string {
  const within = (folder: string) => folder === '/' || others.every((other) => `${other}/`.startsWith(`${folder}/`));
  let shared = first;
  while (!within(shared)) shared = dirname(shared);
  return shared === '/' ? '' : shared;
}

/** What everybody says of each image. */
function examine(entries: readonly Entry[], options: ListImportOptions): Judged[] {
  const { files, source, liveLabel, split } = options;
  checkLiveLabel(entries, liveLabel);
  const flags = ofLists(options.label, files, '--label', (text) => {
    const claim = classOf(text);
    if (claim) return claim.label;
    throw new UserError(`--label ${text} is neither live nor spoof`);
  });
  const patterns = readPatterns(options);
  const named = applyPatterns(entries, patterns);
  const names = source && new ReleaseNames(source);
  const listClasses = new Map(files.map((file) => [file, classIn(basename(file).replace(/\.\w+$/, ''))]));
  return entries.map((entry, i) => {
    const { row, where, path, above } = entry;
    const listClass = listClasses.get(row.list) ?? null;
    const part = row.split === '' ? partIn(basename(row.list).replace(/\.\w+$/, '')) : readPart(row, where);
    const release = names?.find(path, split ?? partIn(above) ?? part) ?? null;
    if (release === 'part') {
      throw new UserError(
        `${where} does not say which part of ${source!.name} ${row.path} is of, on which it depends who it shows`,
        'folders named train and test, the name of the list, or --split say it',
      );
    }
    if (source && !release) throw new UserError(`${where} names no image of ${source.name}: ${row.path}`);
    const witnesses: Witnesses = {
      where,
      path: row.path,
      flag: flags.get(row.list) ?? null,
      column: columnClaim(row, where, liveLabel),
      type: typeClaim(row),
      name: release?.presentation.label ?? null,
      folder: nearestClass(source ? path.split('/').slice(-3).join('/') : `${above}/${path}`),
      list: listClass && { file: row.list, label: listClass },
    };
    return { ...entry, witnesses, release, patterns: named[i]!, part };
  });
}

/** A value for all lists, or one for a list by its path or its name. */
function ofLists<T>(
  texts: readonly string[] = [],
  files: readonly string[],
  flag: string,
  read: (text: string) => T,
): Map<string, T> {
  const values = new Map<string, T>();
  for (const text of texts) {
    const [, list, value] = /^(.+)=([^=]*)$/.exec(text) ?? [];
    const meant = list === undefined ? files : files.filter((file) => file === list || basename(file) === list);
    if (meant.length === 0) throw new UserError(`${flag} ${text} is for a list that is not imported: ${list}`);
    for (const file of meant) {
      if (values.has(file))
        throw new UserError(`${flag} is given twice for ${file}`, `${flag} LIST=VALUE is for one list`);
      values.set(file, read(value ?? text));
    }
  }
  return values;
}

/** A value that nothing in the lists is called like would turn everything into attacks. */
function checkLiveLabel(entries: readonly Entry[], liveLabel: string | undefined): void {
  if (liveLabel === undefined) return;
  const labels = new Map<string, number>();
  for (const { row } of entries) if (row.label !== '') labels.set(row.label, (labels.get(row.label) ?? 0) + 1);
  const usual = (text: string) => isNumber(text) && Math.abs(Number(text)) <= 1;
  const known = [...labels.keys()].some((label) => sameLabel(label, liveLabel));
  // A list of attacks alone has none that is live.
  if (known || (labels.size > 0 && [liveLabel, ...labels.keys()].every(usual))) return;
  const there = [...labels].slice(0, 8).map(([label, count]) => `${label} (${count})`);
  throw new UserError(
    `no row has the label "${liveLabel}" of --live-label`,
    there.length > 0 ? `labels are ${there.join(', ')}` : 'the lists have no labels',
  );
}

function columnClaim(row: ListRow, where: string, liveLabel: string | undefined): (Claim & { text: string }) | null {
  if (row.label === '') return null;
  const claim = claimOf(row.label, liveLabel, row.turned);
  if (claim) return { ...claim, text: row.label };
  throw new UserError(
    `${where} has the label "${row.label.slice(0, 40)}", which is neither live nor an attack`,
    'labels are 1 and 0, 1 and -1, or words as real and fake; --live-label VALUE says which one is live',
  );
}

/** What a row's type of attack says of its label: there is none of live images. */
function typeClaim({ attackType }: ListRow): (Claim & { text: string }) | null {
  if (attackType === '' || isNumber(attackType)) return null;
  const isLive = classOf(attackType)?.label === 'live' || /^(?:none|nan|no|n\/?a|-)$/i.test(attackType);
  if (isLive) return { label: 'live', text: attackType };
  return { label: 'spoof', attackType: attackOf(attackType) ?? attackType.toLowerCase(), text: attackType };
}

function readPart({ split }: ListRow, where: string): Split {
  const part = partOf(split);
  if (part) return part;
  throw new UserError(`${where} is of the part "${split}"`, 'parts are train, dev and test');
}

/** The folder nearest to the file that is named for a class. */
function nearestClass(path: string): { label: Label; name: string } | null {
  for (const name of posix.dirname(path).split('/').reverse()) {
    const claim = folderClassOf(name);
    if (claim) return { label: claim.label, name };
  }
  return null;
}

function applyPatterns(entries: readonly Entry[], patterns: NamePatterns): PatternNames[] {
  const names = entries.map(({ path }) => namesIn(path, patterns));
  for (const flag of ['video', 'subject'] as const) {
    const at = names.indexOf(flag);
    if (at < 0) continue;
    const count = names.filter((name) => name === flag).length;
    const { where, path } = entries[at]!;
    throw new UserError(
      `--${flag} finds nothing in ${count} of ${names.length} images, of which the first is ${path} in ${where}`,
    );
  }
  return names as PatternNames[];
}

type Kept = Judged & Verdict;

/** Each image once. @throws UserError for rows that contradict each other, unless `twice` says which one counts */
function withoutRepeats(
  judged: readonly Judged[],
  verdicts: readonly Verdict[],
  { split, twice }: ListImportOptions,
  notes: string[],
): Kept[] {
  const kept = new Map<string, Kept>();
  const conflicts: string[] = [];
  let repeats = 0;
  for (const [i, each] of judged.entries()) {
    const one: Kept = { ...each, ...verdicts[i]! };
    const first = kept.get(one.file);
    if (first) {
      repeats++;
      const differ =
        difference(first.label, one.label) ?? difference(split ?? first.part ?? '', split ?? one.part ?? '');
      if (differ) conflicts.push(`${one.row.path} is ${differ[0]} in ${first.where} and ${differ[1]} in ${one.where}`);
    }
    if (!first || twice === 'last') kept.set(one.file, one);
  }
  if (conflicts.length > 0 && twice === undefined) {
    const many = conflicts.length === 1 ? '' : `${conflicts.length} images are two things, of which the first: `;
    throw new UserError(`${many}${conflicts[0]}`, '--twice first or --twice last says which row counts');
  }
  if (repeats > 0)
    notes.push(`${repeats} row${repeats === 1 ? ' names an image' : 's name images'} again; each is taken once`);
  return [...kept.values()];
}

function difference(a: string, b: string): [string, string] | null {
  return a === '' || b === '' || a === b ? null : [a, b];
}

/** A row of the manifest, and what said its label, person and video. */
interface Described {
  frame: NewFrame;
  origins: Record<keyof Origins, string>;
}

/** The rows of the manifest. */
function describe(kept: readonly Kept[], options: ListImportOptions, notes: string[]): Described[] {
  const { files, source, split } = options;
  const types = ofLists(options.attackType, files, '--attack-type', (text) => text.toLowerCase());
  let alone = 0;
  let partless = 0;
  const described = kept.map((each): Described => {
    const { row, path, label, origin, release, patterns, part, where } = each;
    const video = videoOf(each, files.length > 1);
    const subject = subjectOf(each);
    if (video.origin === 'each image its own' && source?.media !== 'image') alone++;
    if (release?.partUnknown && !split) partless++;
    const presentation = release?.presentation;
    const frame: NewFrame = {
      path: `crops/${path}`,
      split:
        split ??
        (row.split === '' ? null : part) ??
        presentation?.split ??
        partOfPath(`${each.above}/${path}`) ??
        part ??
        'train',
      subject: subject.name,
      video: video.name,
      frame: patterns.frame ?? video.frame,
      label,
      attackType: label === 'live' ? 'live' : attackTypeOf(each, types.get(row.list), where),
      pai: presentation?.label === label ? presentation.pai : '',
      extra: presentation?.extra,
    };
    return { frame, origins: { labels: origin, subjects: subject.origin, videos: video.origin } };
  });
  checkVideos(
    described.map(({ frame }) => frame),
    (i) => kept[i]!.where,
  );
  noteWhatIsGuessed(kept, options, notes);
  if (alone > 0) {
    const which =
      alone === kept.length
        ? 'every video has one frame'
        : `${alone} of ${kept.length} images are each a video of its own`;
    notes.push(`${which}: nothing in the names says which images are of one video; --video REGEX says it`);
  }
  if (partless > 0)
    notes.push(
      `nothing says which part ${partless} of ${kept.length} images are of: they are called train; --split says otherwise`,
    );
  return described;
}

function tallyOrigins(described: readonly Described[]): Origins {
  const tallies: Origins = { labels: {}, subjects: {}, videos: {} };
  for (const { origins } of described) {
    for (const what of ['labels', 'subjects', 'videos'] as const) {
      tallies[what][origins[what]] = (tallies[what][origins[what]] ?? 0) + 1;
    }
  }
  return tallies;
}

interface Found {
  name: string;
  origin: string;
}

function videoOf({ row, path, release, patterns }: Kept, several: boolean): Found & { frame: number } {
  const listed = /^\d{1,9}$/.test(row.frame) ? Number(row.frame) : null;
  if (patterns.video !== undefined) return { name: patterns.video, frame: listed ?? 0, origin: '--video' };
  if (release) return { name: release.presentation.video, frame: listed ?? release.frame, origin: 'names' };
  const sure = sureFrame(path);
  if (row.video !== '') {
    // Lists count from 0 each.
    const name = several && isNumber(row.video) ? `${basename(row.list)}/${row.video}` : row.video;
    return { name, frame: listed ?? sure?.frame ?? 0, origin: 'the list' };
  }
  if (sure) return { name: sure.video, frame: listed ?? sure.frame, origin: 'names' };
  return { name: path.replace(/\.\w+$/, ''), frame: listed ?? 0, origin: 'each image its own' };
}

function subjectOf({ row, release, patterns }: Kept): Found {
  if (patterns.subject !== undefined) return { name: patterns.subject, origin: '--subject' };
  const known = release?.presentation.subject;
  if (known) return { name: known, origin: 'names' };
  return row.subject === '' ? { name: '', origin: 'unknown' } : { name: row.subject, origin: 'the list' };
}

function attackTypeOf({ witnesses, release, row, path }: Kept, flag: string | undefined, where: string): string {
  const named = release?.presentation.attackType;
  const known = named === 'live' || named === 'unknown' ? undefined : named;
  const listed = witnesses.type?.attackType ?? (isNumber(row.attackType) ? `type${row.attackType}` : undefined);
  const said = flag ?? listed ?? witnesses.column?.attackType;
  const isVague = known === undefined || /^type\d/.test(known);
  if (said !== undefined && !isVague && said !== known) {
    throw new UserError(`${where} calls ${row.path} the attack "${said}", its name says ${known}`);
  }
  return said ?? known ?? attackFolder(path) ?? 'unknown';
}

/** The kind of attack that a folder below the one named for a class says, or the folder that holds the image. */
function attackFolder(path: string): string | null {
  const folders = posix.dirname(path).split('/').reverse();
  const above = folders.findIndex((name) => folderClassOf(name) !== null);
  const below = folders.slice(0, above < 0 ? 1 : above);
  const named = below.map(attackOf).find((type) => type !== null) ?? null;
  return named ?? (above < 0 ? null : (folderClassOf(folders[above]!)?.attackType ?? null));
}

function noteWhatIsGuessed(kept: readonly Kept[], { liveLabel }: ListImportOptions, notes: string[]): void {
  const ownNames = new Set(kept.flatMap(({ origin, row }) => (origin === 'the name of the list' ? [row.list] : [])));
  for (const list of ownNames)
    notes.push(`only its own name says that the images of ${list} are ${classIn(basename(list))}`);
  const numbered = kept.some(
    ({ origin, row, witnesses: { name, folder } }) =>
      origin === 'labels' && isNumber(row.label) && !row.turned && !name && !folder,
  );
  if (numbered && liveLabel === undefined) notes.push('1 is taken for live; --live-label VALUE says otherwise');
}
