/** A crop set: a folder with `manifest.csv`, the images it names, and `dataset.json`, which says where they come from. */
import { createHash } from 'node:crypto';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { type Counts, countFrames } from './counts.js';
import { byFolder, nameIn, refuseLinksOut } from './links.js';
import { type Frame, MANIFEST, type NewFrame, readManifest, splits, writeManifest } from './manifest.js';

const DESCRIPTION = 'dataset.json';

const paths = z.array(z.string()).default([]);
const auditSchema = z.object({
  ...{ missing: paths, unreadable: paths, short: paths, faceless: paths, jumping: paths, extra: paths },
});
const subsetSchema = z.strictObject({ splits: z.array(z.enum(splits)).min(1) });

/** Of how many images each origin says something. */
const tallySchema = z.record(z.string(), z.int().min(0)).default({});
const originsSchema = z.object({ labels: tallySchema, subjects: tallySchema, videos: tallySchema });

const videosSchema = z.object({ live: z.int().min(0), attack: z.int().min(0) });

const descriptionSchema = z.object({
  name: z.string().min(1),
  letter: z.string().min(1),
  synthetic: z.boolean().default(false),
  /** How the crops were made: the command's settings. */
  recipe: z.record(z.string(), z.unknown()).default({}),
  /** Named parts of the set beside `all`; the one named `default` is what a bare letter means. */
  subsets: z.record(z.string(), subsetSchema).default({}),
  /** Videos of the full release in `all` and in named subsets, where they are published: what falls short of them is partial. */
  published: z.record(z.string(), videosSchema).default({}),
  audit: auditSchema.prefault({}),
  /** What said the labels, people and videos of the images; empty where the manifest alone knows. */
  origins: originsSchema.prefault({}),
});

/** What was found wrong with the original release, as paths. */
export type Audit = z.output<typeof auditSchema>;
/** Images by what said who they show, what they are, and of which video. */
export type Origins = z.output<typeof originsSchema>;
/** A rule that picks frames of a set. */
export type Subset = z.output<typeof subsetSchema>;
export type SetDescription = z.output<typeof descriptionSchema>;

export interface CropSet extends SetDescription {
  /** Absolute path of the folder. */
  dir: string;
  frames: readonly Frame[];
  /** SHA-256 of the manifest's bytes, in hexadecimal. */
  hash: string;
}

const MAKE_DATA = 'ldc synth --out DIR makes a synthetic set, ldc prepare crops an original release';

/**
 * Reads a crop set. Without `dataset.json` the folder's name is the set's name and nothing more is known of it.
 * @param follow links of its images out of the folder
 * @throws UserError naming file and line where something is missing or wrong
 */
export async function readCropSet(dir: string, follow = false): Promise<CropSet> {
  const folder = resolve(dir);
  const { frames, bytes } = await readManifest(folder);
  if (!follow) await refuseLinksOut(folder, frames);
  const letter = frames[0]!.domain;
  const other = frames.find(({ domain }) => domain !== letter);
  if (other) {
    const what = `the domain ${other.domain} where line ${frames[0]!.row} has ${letter}`;
    throw new UserError(`${other.manifest} line ${other.row} has ${what}`, 'give each domain a folder of its own');
  }
  const description = (await readDescription(folder)) ?? descriptionSchema.parse({ name: basename(folder), letter });
  if (description.letter !== letter) {
    const file = join(folder, DESCRIPTION);
    throw new UserError(`letter is ${description.letter} in ${file}, but the domain is ${letter} in its ${MANIFEST}`);
  }
  return { ...description, dir: folder, frames, hash: sha256(bytes) };
}

/**
 * The crop sets in the sub-folders of `dataDir` by letter, in the order of their folders' names.
 * @throws UserError when the folder is missing or has none, and when two sets have one letter
 */
export async function findCropSets(dataDir: string, follow = false): Promise<Map<string, CropSet>> {
  const entries = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.message}`;
    throw new UserError(`the data folder ${dataDir} ${what}`, MAKE_DATA);
  });
  if (entries.includes(MANIFEST)) {
    throw new UserError(
      `${dataDir} is a crop set, not a folder of crop sets`,
      `name the folder above: --data ${join(dataDir, '..')}`,
    );
  }
  const sets = new Map<string, CropSet>();
  for (const entry of entries.sort()) {
    if (!(await hasManifest(join(dataDir, entry)))) continue;
    const set = await readCropSet(join(dataDir, entry), follow);
    const twin = sets.get(set.letter);
    if (twin) throw new UserError(`the crop sets ${twin.dir} and ${set.dir} have the same letter, ${set.letter}`);
    sets.set(set.letter, set);
  }
  if (sets.size === 0) throw new UserError(`the data folder ${dataDir} has no folder with a ${MANIFEST}`, MAKE_DATA);
  return sets;
}

/**
 * The one set that a user means: a crop set's own folder, a folder that holds one alone, or a letter or name among the sets in `dataDir`.
 * @throws UserError where there is none, or more than one
 */
export async function oneCropSet(named: string, dataDir: string, follow = false): Promise<CropSet> {
  if (await hasManifest(named)) return readCropSet(named, follow);
  const isFolder = (await stat(named).catch(() => undefined))?.isDirectory() === true;
  const sets = [...(await findCropSets(isFolder ? named : dataDir, follow)).values()];
  const found = isFolder ? sets : sets.filter(({ letter, name }) => letter === named || name === named);
  if (found.length === 1) return found[0]!;
  const list = sets.map(({ letter, dir }) => `${letter} ${basename(dir)}`).join(', ');
  if (!isFolder)
    throw new UserError(
      `there is no crop set ${named}, neither as a folder nor by letter or name in ${dataDir}`,
      `there are ${list}`,
    );
  throw new UserError(`${named} holds several crop sets: ${list}`, `name one: ${join(named, basename(found[0]!.dir))}`);
}

/**
 * Describes the crops that already lie in `dir`: reads each once for its hash, then writes `dataset.json` and, last, the manifest,
 * without which the folder is no crop set. Equal crops and arguments give equal bytes.
 */
export async function writeCropSet(
  dir: string,
  description: Pick<SetDescription, 'name' | 'letter'> & Partial<SetDescription>,
  frames: readonly NewFrame[],
): Promise<void> {
  const { name, letter, synthetic, recipe, subsets, published, audit, origins } = descriptionSchema.parse(description);
  const counts: Counts = countFrames(inDomain(frames, letter));
  const hashes = { algorithm: 'sha256', files: await hashFiles(dir, frames) };
  const content = { name, letter, synthetic, recipe, counts, subsets, published, audit, origins, hashes };
  await writeFileWhole(join(dir, DESCRIPTION), `${JSON.stringify(content, null, 2)}\n`);
  await writeManifest(dir, letter, frames);
}

function* inDomain(frames: readonly NewFrame[], domain: string) {
  for (const { video, subject, label } of frames) yield { domain, video, subject, label };
}

/** One origin for all frames; people that nobody names are unknown. */
export function originsOf(frames: readonly NewFrame[], origin: Readonly<Record<keyof Origins, string>>): Origins {
  const known = frames.filter(({ subject }) => subject !== '').length;
  const tally = (name: string, count: number) => (count > 0 ? { [name]: count } : {});
  return {
    labels: tally(origin.labels, frames.length),
    subjects: { ...tally(origin.subjects, known), ...tally('unknown', frames.length - known) },
    videos: tally(origin.videos, frames.length),
  };
}

/** The frames whose image is not there, found by listing folders rather than by asking for each file. */
export async function missingFiles(frames: readonly Frame[]): Promise<Frame[]> {
  const missing: Frame[] = [];
  for (const [folder, own] of byFolder(frames)) {
    const names = new Set(await readdir(folder).catch((): string[] => []));
    for (const frame of own) if (!names.has(nameIn(frame.path))) missing.push(frame);
  }
  return missing.sort((a, b) => a.row - b.row);
}

/** One hash over the hashes of all images, in the order of the manifest and in the form of `sha256sum`. */
async function hashFiles(dir: string, frames: readonly NewFrame[]): Promise<string> {
  const all = createHash('sha256');
  for (const { path } of frames) all.update(`${sha256(await readFile(join(dir, path)))}  ${path}\n`);
  return all.digest('hex');
}

async function readDescription(folder: string): Promise<SetDescription | undefined> {
  const file = join(folder, DESCRIPTION);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file} is not JSON: ${messageOf(error)}`);
  }
  const parsed = descriptionSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(`${issue.path.join('.') || 'the content'} is wrong in ${file}: ${issue.message}`);
}

async function hasManifest(folder: string): Promise<boolean> {
  return access(join(folder, MANIFEST)).then(
    () => true,
    () => false,
  );
}

/** In hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
