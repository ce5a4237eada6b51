/** `ldc prepare`: an original release in, a crop set that a result can name out. */
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { FileError, UserError } from '../../base/errors.js';
import { removeLeftovers } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { type Origins, originsOf, writeCropSet } from '../cropSet.js';
import { LeftOut } from '../leftOut.js';
import type { NewFrame } from '../manifest.js';
import { publishedSubsets, type Source } from '../sources/source.js';
import { type AuditReport, auditOf, hasFaults, pathsOf, writeAudit } from './audit.js';
import { type ClipRecord, type CropSettings, prepareClip, stampOf } from './clip.js';
import { type Detector, installDetector, loadDetector } from './detector.js';
import { type Ffmpeg, findFfmpeg } from './ffmpeg.js';
import { type Hdf5, loadHdf5 } from './hdf5.js';
import { type Journal, openJournal } from './journal.js';
import { writeProtocols } from './protocols.js';
import { sampleFrames } from './sampling.js';
import { type FoundPresentation, type Survey, survey } from './survey.js';

/** Goes up when equal settings begin to give other crops. */
export const recipeVersion = 3;

export interface PrepareOptions extends CropSettings {
  /** The release; it is only read. */
  root: string;
  /** The folder of crop sets; the set goes into the folder in it that has the set's name. */
  out: string;
  detector: 'auto' | 'none';
  /** Presentations worked on at the same time; changes nothing in the files. */
  jobs: number;
  /** ffmpeg's path, when it is not the system's. */
  ffmpeg?: string;
  /** Fail at the first file that cannot be read, and when anything else is missing or wrong with the release when all is done. */
  strict?: boolean;
  /** Where files that cannot be read are counted; made for this call unless given. */
  leftOut?: LeftOut;
  /** Is told of photographs that lack their end and are used. */
  note?: (text: string) => void;
  signal?: AbortSignal;
  /** `resumed`: presentations among those done that an earlier run had finished. */
  onProgress?: (progress: { done: number; total: number; resumed: number }) => void;
}

export interface PrepareSummary {
  /** Absolute path of the crop set. */
  path: string;
  images: number;
  resumed: number;
  audit: AuditReport;
}

/**
 * Crops every presentation of a release that can be read, and says what is missing or wrong with the others. Work that was cut short
 * goes on where it stopped; equal settings, programs and release give equal bytes, however often and with however many jobs.
 * @throws UserError for settings out of range, a release without presentations, no ffmpeg, nothing to find faces by, other settings
 * than those the folder was prepared with, another process that works there, and with `strict` for any fault of the release
 */
export async function prepare(source: Source, options: PrepareOptions): Promise<PrepareSummary> {
  checkOptions(options);
  const whole = await survey(source, resolve(options.root));
  // Where images are counted, all are taken.
  const seen = source.published.images ? whole : { ...whole, found: someFrames(whole.found, options) };
  const says = 'names of the release';
  return prepareFound(source, seen, options, {
    recipe: { made_by: 'ldc prepare', version: recipeVersion, source: source.id },
    origins: { labels: says, subjects: says, videos: says },
  });
}

/** Of videos that are folders of frames as many as are wanted of any video. */
function someFrames(found: readonly FoundPresentation[], { frames, sampling }: PrepareOptions): FoundPresentation[] {
  const clips = new Map<string, FoundPresentation[]>();
  for (const each of found) {
    const { video } = each.names ?? each.presentation;
    const clip = clips.get(video);
    if (clip) clip.push(each);
    else clips.set(video, [each]);
  }
  const wanted = new Set(
    [...clips.values()].flatMap((clip) => {
      const inOrder = clip.sort((a, b) => (a.names?.frame ?? 0) - (b.names?.frame ?? 0));
      return sampleFrames(inOrder.length, frames, sampling).map((i) => inOrder[i]!);
    }),
  );
  return found.filter((each) => wanted.has(each));
}

/** Who makes a crop set: what its recipe begins with, and what said the labels, people and videos. */
export interface Maker {
  recipe: Readonly<Record<string, unknown>>;
  origins: Readonly<Record<keyof Origins, string>>;
}

/** Does the same with presentations that were found otherwise than by the names of a release. */
export async function prepareFound(
  source: Source,
  seen: Survey,
  options: PrepareOptions,
  maker: Maker,
): Promise<PrepareSummary> {
  const root = resolve(options.root);
  const ffmpeg = source.media === 'video' ? await findFfmpeg(options.ffmpeg) : null;
  const hdf5 = source.media === 'hdf5' ? await loadHdf5() : null;
  const detector = options.detector === 'none' ? null : await loadDetector();
  checkFaces(source, seen, options, detector);
  const bare = seen.found.filter(({ annotation }) => annotation === null).length;
  if (detector && bare > 0 && !source.eyesInside && !source.whole) {
    options.note?.(
      `${bare} of ${seen.found.length} have no annotation: their faces are looked for by ${detector.name}`,
    );
  }
  const folder = join(resolve(options.out), source.name);
  const recipe = { ...maker.recipe, ...recipeOf(options, ffmpeg?.version ?? null, detector) };
  const { origins } = maker;
  return withLock(folder, () =>
    prepareFolder(source, options, { root, seen, ffmpeg, hdf5, detector, folder, recipe, origins }),
  );
}

interface Job {
  root: string;
  seen: Survey;
  ffmpeg: Ffmpeg | null;
  hdf5: Hdf5 | null;
  detector: Detector | null;
  folder: string;
  recipe: Readonly<Record<string, unknown>>;
  origins: Maker['origins'];
}

async function prepareFolder(source: Source, options: PrepareOptions, job: Job): Promise<PrepareSummary> {
  const { root, seen, ffmpeg, hdf5, detector, folder, recipe } = job;
  await removeLeftovers(folder);
  const journal = await openJournal(folder, recipe);
  const { signal, note } = options;
  const make = (item: FoundPresentation) =>
    prepareClip(source, root, item, folder, options, { ffmpeg, hdf5, detector, signal, note });
  const { records, resumed } = await prepareAll(seen.found, root, journal, make, options);
  await journal.close(records.map(({ video }) => video));
  const audit = auditOf(source, seen, records);
  const frames = records.flatMap((record, i) => framesOf(seen.found[i]!, record));
  if (frames.length === 0) {
    const first = records.flatMap(({ problems }) => problems)[0];
    throw new UserError(`not one crop could be made of ${root}: ${first?.reason ?? 'no reason known'}`);
  }
  await writeProtocols(source, root, folder, seen);
  await writeAudit(folder, audit);
  const { name, letter, subsets } = source;
  const description = { name, letter, recipe, subsets: { ...subsets }, published: publishedSubsets(source) };
  const origins = originsOf(frames, job.origins);
  await writeCropSet(folder, { ...description, origins, audit: pathsOf(audit) }, frames);
  if (options.strict && hasFaults(audit)) throw strictError(audit, folder);
  return { path: folder, images: frames.length, resumed, audit };
}

/** @throws UserError for settings out of range */
export function checkOptions({ frames, size, margin, jobs }: PrepareOptions): void {
  const whole = (name: string, value: number, least: number, most: number) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new UserError(`${name} is ${value}`, `give a whole number from ${least} to ${most}`);
  };
  if (frames !== 'all') whole('frames', frames, 1, 100_000);
  whole('size', size, 32, 1024);
  whole('jobs', jobs, 1, 1024);
  if (!(margin >= 0 && margin <= 4)) throw new UserError(`margin is ${margin}`, 'give a number from 0 to 4');
}

/** Nothing is worse than a night of decoding after which no face was found. */
function checkFaces(source: Source, { found }: Survey, options: PrepareOptions, detector: Detector | null): void {
  if (detector || source.eyesInside || source.whole) return;
  const hint =
    options.detector === 'none'
      ? 'let the detector find them: --detector auto'
      : `install the detector, which finds them: ${installDetector}`;
  if (found.every(({ annotation }) => annotation === null)) {
    throw new UserError(`${options.root} has no annotations that say where the faces of ${source.name} are`, hint);
  }
  if (options.align === 'eyes' && !source.annotation?.eyes) {
    throw new UserError(`the annotations of ${source.name} have no eyes to align by`, hint);
  }
}

/** Everything that the crops depend on beside the release. */
function recipeOf(options: PrepareOptions, ffmpeg: string | null, detector: Detector | null) {
  const { frames, sampling, size, margin, align } = options;
  return {
    frames,
    sampling,
    size,
    margin,
    align,
    detector: detector?.name ?? 'none',
    ffmpeg,
    libvips: sharp.versions.vips,
  };
}

/** Works through the presentations, `jobs` at a time; the records come in the order of the presentations. */
async function prepareAll(
  found: readonly FoundPresentation[],
  root: string,
  journal: Journal,
  make: (item: FoundPresentation) => Promise<ClipRecord>,
  { jobs, signal, onProgress, strict, leftOut = new LeftOut(() => {}, strict) }: PrepareOptions,
): Promise<{ records: ClipRecord[]; resumed: number }> {
  const records = new Array<ClipRecord>(found.length);
  let [next, done, resumed, failed] = [0, 0, 0, false];
  leftOut.total = found.length;
  const work = async () => {
    while (next < found.length && !failed) {
      signal?.throwIfAborted();
      const i = next++;
      const { presentation, path, annotation } = found[i]!;
      let record = await journal.find(presentation.video, await stampOf(root, path, annotation));
      if (record) resumed++;
      else {
        record = await make(found[i]!);
        await journal.add(record);
      }
      records[i] = record;
      const fault = record.problems.find(({ kind }) => kind === 'unreadable');
      if (fault) leftOut.add(path, new FileError(`${path} cannot be read: ${fault.reason}`));
      onProgress?.({ done: ++done, total: found.length, resumed });
    }
  };
  const workers = Array.from({ length: Math.min(jobs, found.length) }, () =>
    work().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // Others finish what they are at before the failure is told, so that nothing writes behind the caller's back.
  const outcomes = await Promise.allSettled(workers);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) throw failure.reason;
  return { records, resumed };
}

function framesOf({ presentation, names }: FoundPresentation, { crops }: ClipRecord): NewFrame[] {
  const { extra, ...rest } = presentation;
  return crops.map(({ path, frame, box, origin, certainty, faces }) => ({
    ...rest,
    video: names?.video ?? rest.video,
    path,
    frame: names?.frame ?? frame,
    // Nobody looked for a face in what is taken whole.
    extra: origin === 'whole' ? extra : { ...extra, face: origin, box: box.join(' '), ...told(certainty, faces) },
  }));
}

/** What the manifest says of a face that the detector chose. */
function told(certainty?: number, faces?: number): Record<string, string> {
  return certainty === undefined ? {} : { certainty: certainty.toFixed(2), faces: String(faces) };
}

function strictError({ name, findings }: AuditReport, folder: string): UserError {
  const counts = Object.entries(findings).flatMap(([kind, list]) =>
    kind !== 'extra' && kind !== 'jumping' && list.length > 0 ? [`${list.length} ${kind}`] : [],
  );
  return new UserError(
    `the release of ${name} is not whole: ${counts.join(', ')}`,
    `each is named in ${join(folder, 'audit.json')}`,
  );
}
