/** `ldc import list`: image lists as people have them become a crop set. */
import { constants } from 'node:fs';
import { access, copyFile, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FileError, messageOf, UserError } from '../../base/errors.js';
import { makeFolder, removeLeftovers } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { writeCropSet } from '../cropSet.js';
import { openImage } from '../image.js';
import { LeftOut } from '../leftOut.js';
import { inBatches } from '../loader.js';
import { publishedSubsets } from '../sources/source.js';
import { classOf } from '../words.js';
import { folderOfSet, type ImportedSet, refuseExisting } from './arrays.js';
import { judge, type Verdict } from './contradictions.js';
import { type Described, describe, type Kept, tallyOrigins } from './listFrames.js';
import type { ListImportOptions } from './listOptions.js';
import { type ListRow, readRows } from './listRows.js';
import { type Entry, examine, type Judged } from './listWitnesses.js';

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
  checkSomeAreThere(kept);
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
  await makeFolder(dirname(target));
  try {
    await openImage(
      file,
      (image) => image.raw().toBuffer(),
      (note) => notes.push(note),
    );
    await copyFile(file, target, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw new FileError(`the image ${row.path} of ${where} cannot be read: ${messageOf(error).split('\n')[0]}`);
  }
}

async function readEntries({ files, root }: ListImportOptions, notes: string[]): Promise<Entry[]> {
  const roots = files.map((file) => resolve(root ?? dirname(file)));
  const lists = await Promise.all(
    files.map(async (file, i) => {
      const bytes = await readFile(file).catch((error: unknown) => {
        throw new UserError(`the list ${file} cannot be read: ${messageOf(error)}`);
      });
      const { rows, unused } = readRows(bytes, file);
      if (unused.length > 0)
        notes.push(`${file} has columns that say nothing which is known here: ${unused.join(', ')}`);
      return Promise.all(rows.map((row) => find(row, roots[i]!)));
    }),
  );
  const found = lists.flat();
  const shared = sharedFolder([...new Set([...roots, ...found.map(({ file }) => dirname(file))])]);
  return found.map(({ row, file, there, root: own }) => {
    const path = file.startsWith(`${shared}/`) ? file.slice(shared.length + 1) : file.replace(/^\/+/, '');
    return { row, where: `${row.list} ${row.place}`, file, there, path, above: basename(own) };
  });
}

interface Found extends Pick<Entry, 'row' | 'file' | 'there'> {
  root: string;
}

/** The image that a row means: of the ways to read its path the first that a file has. */
async function find(row: ListRow, root: string): Promise<Found> {
  const [, first = '', rest = ''] = /^(\S+)\s+(.+)$/.exec(row.path) ?? [];
  const readings = [row, { ...row, path: row.path.replaceAll('\\', '/') }];
  // A word in front of a path is its label, where it is not part of the name.
  if (row.label === '' && classOf(first)) readings.push({ ...row, path: rest, label: first });
  // macOS takes accents off their letters, other systems do not.
  for (const form of ['NFC', 'NFD']) readings.push({ ...readings[1]!, path: readings[1]!.path.normalize(form) });
  const there = await Promise.all(readings.map(({ path }) => isThere(resolve(root, path))));
  // Where no file has such a name, a backslash separates folders.
  const meant = readings[there.includes(true) ? there.indexOf(true) : 1]!;
  return { row: meant, root, file: resolve(root, meant.path), there: there.includes(true) };
}

/** Where not one image is there, it is the paths that are wrong, and not the images. */
function checkSomeAreThere(found: readonly Entry[]): void {
  const [first] = found;
  if (!first || found.some(({ there }) => there)) return;
  const elsewhere = /^(?:\/|[A-Za-z]:)/.test(first.row.path);
  throw new UserError(
    `not one of ${found.length} images is there, of which the first would be ${first.file}`,
    elsewhere
      ? 'the paths are those of another machine: take their beginning off, and say with --root where they start'
      : '--root says what paths start from',
  );
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
