/** `ldc synth`: plans the four synthetic domains, films them, and leaves them as four crop sets. */
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { messageOf, UserError } from '../../base/errors.js';
import { makeFolder, syncFolder, writeSynced } from '../../base/files.js';
import { isRunning } from '../../base/lock.js';
import { originsOf, readCropSet, writeCropSet } from '../cropSet.js';
import { encodeCrop } from './codec.js';
import { film, receive, type Shot } from './film.js';
import { findPeople, readPhoto } from './photos.js';
import { planSets, type SetPlan, type Video } from './plan.js';

export interface SynthOptions {
  /** Folder that the four sets are written to. */
  out: string;
  /** 0 … 2³² − 1 */
  seed: number;
  /** Subjects a domain; each has one live, one print and one replay video. */
  subjects: number;
  /** Frames a video. */
  frames: number;
  /** Side of a crop in pixels. */
  size: number;
  /** Folder of face photographs to film instead of drawn faces. */
  faces?: string;
  /** Crops that are encoded at the same time; changes nothing in the files. */
  jobs?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface SynthSummary {
  out: string;
  images: number;
  sets: { name: string; letter: string; path: string; images: number }[];
}

/**
 * Writes `out/synthetic-O`, `-C`, `-I`, `-M`. Equal options give equal bytes. The sets appear together when all is done; a
 * folder that already holds them, made by the same recipe, is replaced.
 * @throws UserError when `out` holds anything else, an option is out of range, or a photograph cannot be read
 */
export async function synthesise(options: SynthOptions): Promise<SynthSummary> {
  checkOptions(options);
  const out = resolve(options.out);
  const people = options.faces === undefined ? [] : await findPeople(options.faces);
  const plans = await planSets(options, people);
  await checkReplaceable(out, plans);
  await makeFolder(dirname(out));
  const temporary = join(dirname(out), `.${basename(out)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    for (const plan of plans) await makeFolder(join(temporary, plan.domain.name, 'crops'));
    await filmAll(plans, temporary, options);
    for (const { domain, recipe, frames } of plans) {
      const { name, letter } = domain;
      const origins = originsOf(frames, { labels: 'drawn', subjects: 'drawn', videos: 'drawn' });
      await writeCropSet(join(temporary, name), { name, letter, synthetic: true, recipe, origins }, frames);
    }
    await replaceFolder(out, temporary);
    await removeLeftovers(out);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const sets = plans.map(({ domain: { name, letter }, frames }) => {
    return { name, letter, path: join(out, name), images: frames.length };
  });
  return { out, images: sets.reduce((sum, set) => sum + set.images, 0), sets };
}

function checkOptions({ seed, subjects, frames, size, jobs = 1 }: SynthOptions): void {
  const whole = (name: string, value: number, least: number, most: number) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new UserError(`${name} is ${value}`, `give a whole number from ${least} to ${most}`);
  };
  whole('seed', seed, 0, 2 ** 32 - 1);
  whole('subjects', subjects, 1, 10_000);
  whole('frames', frames, 1, 1000);
  whole('size', size, 32, 1024);
  whole('jobs', jobs, 1, 1024);
}

/** Draws one frame after the other while the encoder works on those before. */
async function filmAll(plans: readonly SetPlan[], folder: string, options: SynthOptions): Promise<void> {
  const { size, jobs = 2 * availableParallelism(), signal, onProgress } = options;
  const total = plans.reduce((sum, { frames }) => sum + frames.length, 0);
  const pending = new Set<Promise<void>>();
  let done = 0;
  const store = async (shot: Shot, path: string) => {
    await writeSynced(path, await encodeCrop(shot, size));
    onProgress?.(++done, total);
  };
  try {
    for (const plan of plans) {
      for (const video of plan.videos) {
        const shots = await roll(plan, video, options);
        for (const { path } of video.frames) {
          signal?.throwIfAborted();
          while (pending.size >= jobs) await Promise.race(pending);
          const task = store(shots.next().value!, join(folder, plan.domain.name, path));
          pending.add(task);
          // A failed task stays, so that the next wait for `pending` throws what it threw.
          task.then(
            () => pending.delete(task),
            () => undefined,
          );
        }
      }
    }
    await Promise.all(pending);
  } finally {
    await Promise.allSettled(pending);
  }
}

async function roll({ index, domain }: SetPlan, video: Video, { seed, size }: SynthOptions): Promise<Iterator<Shot>> {
  // Room for the finest sensor's oversampling; the centre of a photograph is shown enlarged.
  const side = Math.round(2.5 * size);
  const photos = await Promise.all((video.person?.files ?? []).map((file) => readPhoto(file, side)));
  const at = { seed, domain: index, subject: video.subject };
  return film(domain, receive(domain, at, size, photos), at, video.number, video.medium, video.frames.length);
}

/** A folder may be replaced when it is empty, or holds just these sets made by these recipes. */
async function checkReplaceable(out: string, plans: readonly SetPlan[]): Promise<void> {
  const found = await entriesOf(out);
  if (found.length === 0) return;
  const names = new Set(plans.map(({ domain }) => domain.name));
  const stranger = found.find((name) => !names.has(name));
  const hint = 'name another --out, or remove what is there';
  if (stranger !== undefined) throw new UserError(`${out} already holds ${stranger}`, hint);
  for (const { domain, recipe } of plans.filter(({ domain }) => found.includes(domain.name))) {
    const set = await readCropSet(join(out, domain.name));
    const same = set.synthetic && isDeepStrictEqual(set.recipe, JSON.parse(JSON.stringify(recipe)));
    if (!same) throw new UserError(`${join(out, domain.name)} was made with other settings`, hint);
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`cannot write to ${folder}: ${messageOf(error)}`, 'name a folder with --out');
  }
}

/** Puts `fresh` where `folder` is, or was not. What was there stays until the new one is whole. */
async function replaceFolder(folder: string, fresh: string): Promise<void> {
  const found = await entriesOf(folder);
  if (found.length === 0) {
    await rmdir(folder).catch(() => undefined);
    await rename(fresh, folder);
    await syncFolder(dirname(folder));
    return;
  }
  const former = `${fresh}.former`;
  await rename(folder, former);
  await rename(fresh, folder);
  await syncFolder(dirname(folder));
  await rm(former, { recursive: true, force: true });
}

/** What processes that were killed left beside `out`. */
async function removeLeftovers(out: string): Promise<void> {
  const prefix = `.${basename(out)}.`;
  for (const name of await readdir(dirname(out))) {
    const pid = name.startsWith(prefix) && /^(\d+)\.tmp(\.former)?$/.exec(name.slice(prefix.length))?.[1];
    if (pid && !isRunning(Number(pid))) await rm(join(dirname(out), name), { recursive: true, force: true });
  }
}
