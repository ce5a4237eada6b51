/** `ldc import folder`: images and videos of the user's own, sorted by globs, go the way of a release. */
import { posix, resolve } from 'node:path';
import picomatch from 'picomatch';
import { UserError } from '../../base/errors.js';
import type { Label, Split } from '../manifest.js';
import { othersNote, pictureHint, pictureKind, pictureStem, picturesBelow } from '../pictures.js';
import {
  checkOptions,
  type Maker,
  type PrepareOptions,
  type PrepareSummary,
  prepareFound,
  recipeVersion,
} from '../prepare/prepare.js';
import type { FoundPresentation, Survey } from '../prepare/survey.js';
import { labelOf, type Source } from '../sources/source.js';
import { folderClassOf } from '../words.js';
import { folderOfSet } from './arrays.js';
import { sureFrame } from './frameNames.js';
import { namesIn, type PatternNames, readPatterns } from './namePatterns.js';
import { partOfPath } from './releaseNames.js';
import { aloneNote, checkVideos } from './videos.js';

export interface FolderImportOptions extends Omit<PrepareOptions, 'detector'> {
  name: string;
  letter: string;
  /** Globs relative to the folder: what is live, and `TYPE=GLOB` what is an attack of which type. */
  live?: readonly string[];
  attack?: readonly string[];
  /** The part that everything is of. */
  split?: Split;
  /** Regular expressions with the groups `video`, `subject` and `frame`. */
  video?: string;
  subject?: string;
  /** Find the face in each picture and crop it; otherwise pictures are faces already. */
  detect?: boolean;
  /** Believe the globs where folders are named for another class. */
  trust?: 'globs';
}

export interface FolderSummary extends PrepareSummary {
  name: string;
  letter: string;
  /** Numbers of files of other kinds by ending. */
  passedOver: Record<string, number>;
  notes: string[];
}

/** A glob and what it says. */
interface Rule {
  flag: string;
  attackType: string;
  fits: (path: string) => boolean;
}

/**
 * Makes a crop set of what the globs find below a folder, by the same decoding, faces, audit and journal as `prepare`. Where no face is
 * looked for, images are kept byte for byte, and frames of videos are cut to the square in their middle.
 * @throws UserError for globs that find nothing, contradict each other or folders named for a class, and whatever `prepare` throws
 */
export async function importFolder(options: FolderImportOptions): Promise<FolderSummary> {
  const { name, letter, detect = false, live = [], attack = [], video, subject, split } = options;
  const settings: PrepareOptions = {
    ...options,
    detector: detect ? 'auto' : 'none',
    margin: detect ? options.margin : 0,
  };
  checkOptions(settings);
  folderOfSet(options.out, name);
  const root = resolve(options.root);
  const { pictures, others } = await picturesBelow(root, ['image', 'video']);
  if (pictures.length === 0) throw new UserError(`there is no image or video in ${options.root}`, pictureHint);
  const rules = rulesOf(live, attack);
  const types = typesOf(pictures, rules);
  checkFolders(types, options.trust);
  const notes: string[] = [];
  const seen = surveyOf(pictures, types, options, notes);
  const note = othersNote(others);
  if (note) notes.push(note);
  if (seen.extra.length > 0)
    notes.push(`${seen.extra.length} of ${pictures.length} images and videos are of no glob: ${some(seen.extra)}`);
  const media = seen.found.some(({ path }) => pictureKind(path) === 'video') ? 'video' : 'image';
  const maker: Maker = {
    recipe: { made_by: 'ldc import folder', version: recipeVersion, live, attack, detect, video, subject, split },
    origins: {
      labels: 'globs',
      subjects: subject === undefined ? '--video' : '--subject',
      videos: video === undefined ? 'names of files' : '--video',
    },
  };
  const summary = await prepareFound({ ...ownSource, name, letter, media, whole: !detect }, seen, settings, {
    ...maker,
    // As JSON has it, in which what is not given is not there.
    recipe: JSON.parse(JSON.stringify(maker.recipe)) as Record<string, unknown>,
  });
  return { ...summary, name, letter, passedOver: Object.fromEntries(others), notes };
}

/** Nothing is known of it but what the globs say. */
const ownSource: Omit<Source, 'name' | 'letter' | 'media'> = {
  id: 'folder',
  extensions: [],
  present: () => null,
  annotation: null,
  ownFiles: /^$/,
  tree: '',
  published: { all: null, splits: {}, subjects: null },
  subsets: {},
  shortest: 1,
};

function rulesOf(live: readonly string[], attack: readonly string[]): Rule[] {
  const rules = live.map((glob) => ruleOf('--live', glob, 'live'));
  for (const text of attack) {
    const [, type, glob] = /^([^=]*)=(.*)$/.exec(text) ?? [];
    if (!type || !glob || labelOf(type.toLowerCase()) === 'live') {
      throw new UserError(`--attack ${text} is not TYPE=GLOB`, "as in --attack 'print=printed/**'");
    }
    rules.push(ruleOf('--attack', glob, type.toLowerCase(), text));
  }
  if (rules.length > 0) return rules;
  throw new UserError(
    'nothing says what is live and what is an attack',
    "as in --live 'real/**' --attack 'print=printed/**'",
  );
}

/** A glob of a folder means all that is in it. */
function ruleOf(flag: string, glob: string, attackType: string, text = glob): Rule {
  const plain = posix.normalize(glob).replace(/\/+$/, '');
  const matchers = [picomatch(plain, { basename: !plain.includes('/') }), picomatch(`${plain}/**`)];
  return { flag: `${flag} ${text}`, attackType, fits: (path) => matchers.some((matches) => matches(path)) };
}

/** The type of each picture that a glob finds. */
function typesOf(pictures: readonly string[], rules: readonly Rule[]): Map<string, string> {
  const types = new Map<string, string>();
  const used = new Set<Rule>();
  const conflicts: string[] = [];
  for (const path of pictures) {
    const fitting = rules.filter(({ fits }) => fits(path));
    for (const rule of fitting) used.add(rule);
    const [first] = fitting;
    const other = fitting.find(({ attackType }) => attackType !== first!.attackType);
    if (other) conflicts.push(`${path} fits ${first!.flag} and ${other.flag}`);
    else if (first) types.set(path, first.attackType);
  }
  if (conflicts.length > 0) {
    throw new UserError(
      `globs contradict each other for ${conflicts.length} of ${pictures.length} images and videos, of which the first: ${conflicts[0]}`,
    );
  }
  const idle = rules.find((rule) => !used.has(rule));
  if (!idle) return types;
  throw new UserError(
    `${idle.flag} fits none of ${pictures.length} images and videos`,
    `globs are relative to the folder, in which are ${some(pictures)}`,
  );
}

/** Globs that were mixed up are found out where folders are named for a class. */
function checkFolders(types: ReadonlyMap<string, string>, trust: 'globs' | undefined): void {
  if (trust) return;
  let known = 0;
  const conflicts: string[] = [];
  for (const [path, type] of types) {
    const folders = posix.dirname(path).split('/').reverse();
    const folder = folders.find((name) => folderClassOf(name) !== null);
    if (folder === undefined) continue;
    known++;
    const says: Label = folderClassOf(folder)!.label;
    if (says !== labelOf(type)) conflicts.push(`${path} is ${type} by its glob, its folder "${folder}" says ${says}`);
  }
  if (conflicts.length === 0) return;
  throw new UserError(
    `globs and folders contradict each other for ${conflicts.length} of ${known} images and videos, of which the first: ${conflicts[0]}`,
    '--trust globs says that the globs are right',
  );
}

function surveyOf(
  pictures: readonly string[],
  types: ReadonlyMap<string, string>,
  options: FolderImportOptions,
  notes: string[],
): Survey {
  const paths = pictures.filter((path) => types.has(path));
  const patterns = readPatterns(options);
  let alone = 0;
  const missed = { video: [] as string[], subject: [] as string[] };
  const found = paths.map((path): FoundPresentation => {
    const given = namesIn(path, patterns);
    if (typeof given === 'string') missed[given].push(path);
    const names: PatternNames = typeof given === 'string' ? {} : given;
    const isImage = pictureKind(path) === 'image';
    const sure = isImage ? sureFrame(path) : null;
    if (isImage && names.video === undefined && !sure) alone++;
    const attackType = types.get(path)!;
    return {
      path,
      annotation: null,
      presentation: {
        // What the crops of one file are called; what the manifest calls the video, `names` says.
        video: path,
        split: options.split ?? partOfPath(path) ?? 'train',
        subject: names.subject ?? '',
        label: labelOf(attackType),
        attackType,
        pai: '',
        extra: {},
      },
      names: {
        video: names.video ?? sure?.video ?? pictureStem(path),
        frame: isImage ? (names.frame ?? sure?.frame ?? 0) : null,
      },
    };
  });
  for (const flag of ['video', 'subject'] as const) {
    const { length } = missed[flag];
    if (length > 0)
      throw new UserError(`--${flag} finds nothing in ${length} of ${paths.length} paths: ${some(missed[flag])}`);
  }
  const named = found.map(({ presentation, names }) => ({ ...presentation, video: names!.video }));
  checkVideos(named, (i) => paths[i]!);
  checkFilms(found);
  if (alone > 0) notes.push(aloneNote(alone, found.length, 'files'));
  return { found, missing: [], extra: pictures.filter((path) => !types.has(path)), own: [] };
}

/** A video file is a whole video: nothing else can be of it. */
function checkFilms(found: readonly FoundPresentation[]): void {
  const first = new Map<string, string>();
  for (const { path, names } of found) {
    const other = first.get(names!.video);
    if (other === undefined) first.set(names!.video, path);
    else if ([path, other].some((file) => pictureKind(file) === 'video')) {
      throw new UserError(
        `${other} and ${path} would be one video, ${names!.video}`,
        '--video REGEX says what they are called',
      );
    }
  }
}

/** The first paths of a list. */
function some(paths: readonly string[]): string {
  return `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''}`;
}
