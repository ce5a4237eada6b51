/** How a run ended, from what its folder holds, and what to do next. */
import { existsSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import { linesOf } from '../../base/files.js';
import { holderOf } from '../../base/lock.js';
import { findCropSets } from '../../data/cropSet.js';
import { namesWith, openPair } from '../checkpoint.js';
import { ownData, RunFolder, readFacts } from '../runFolder.js';
import { type Ending, readEnding } from '../training/ending.js';
import type { Finding } from './machine.js';

export interface Diagnosis {
  run: string;
  /** `killed`: it ended without a word, by kill -9, for lack of memory, or with the machine. */
  state: Ending['state'] | 'running' | 'killed';
  what: string;
  hint?: string;
  findings: Finding[];
}

/**
 * @param data the folder of its crop sets, where it is not the run's own
 * @throws UserError when the folder is no run
 */
export async function examineRun(path: string, data?: string): Promise<Diagnosis> {
  const folder = new RunFolder(path);
  if (!existsSync(folder.config)) {
    throw new UserError(`${path} is not a run: it has no config.yaml`, 'ldc train makes runs; name one with --run DIR');
  }
  const checkpoints = await checkpointFindings(folder);
  const findings = [
    await progressFinding(folder),
    ...checkpoints,
    await damagedFinding(folder),
    await dataFinding(folder, data),
    await disk(folder),
  ];
  const known = findings.filter((finding) => finding !== undefined);
  return { run: path, ...(await endOf(folder, checkpoints.length > 0)), findings: known };
}

const resume = 'go on with it: the same ldc train command and --resume';

/** How a run ended, or that it is at work. @param saved whether it has a checkpoint to go on from */
export async function endOf(folder: RunFolder, saved: boolean): Promise<Omit<Diagnosis, 'run' | 'findings'>> {
  const lock = await holderOf(folder.path);
  if (lock?.alive) {
    const { pid, host } = lock.holder;
    const hint = 'wait for it; SIGTERM makes it save and stop';
    return { state: 'running', what: `process ${pid} on ${host} works on it now`, hint };
  }
  const ending = await readEnding(folder);
  if (ending?.state === 'finished' || (ending === undefined && (await isFinished(folder)))) {
    return { state: 'finished', what: 'all epochs are done', hint: `ldc eval --run '${folder.path}' evaluates it` };
  }
  if (ending !== undefined) {
    const { state, what, hint = resume } = ending;
    return { state, what, hint: state === 'disk-full' ? `make room, then ${resume}` : hint };
  }
  const who = lock === undefined ? '' : `process ${lock.holder.pid} on ${lock.holder.host} `;
  const cause = 'kill -9, the system for lack of memory (dmesg tells), or the machine went down';
  const from = saved ? 'it goes on from the newest whole checkpoint' : 'there is no checkpoint yet, so it begins again';
  return { state: 'killed', what: `${who}ended without a word: ${cause}`, hint: `${resume}; ${from}` };
}

/** A run from before there was ending.json. */
async function isFinished(folder: RunFolder): Promise<boolean> {
  return existsSync(folder.facts) && (await readFacts(folder).catch(() => undefined))?.finished === true;
}

async function progressFinding(folder: RunFolder): Promise<Finding | undefined> {
  if (!existsSync(folder.facts)) {
    return { name: 'progress', ok: false, value: 'stage 1 was not done: LDCNet has not begun' };
  }
  try {
    const { protocol, epochs, finished, seconds } = await readFacts(folder);
    const last = await lastStep(folder);
    const where = finished
      ? `all ${epochs} epochs`
      : last === undefined
        ? 'no step'
        : `epoch ${last.epoch}, step ${last.step}`;
    return { name: 'progress', ok: true, value: `${protocol}, ${where} done, ${seconds} s` };
  } catch (error) {
    return { name: 'progress', ok: false, value: messageOf(error) };
  }
}

async function lastStep(folder: RunFolder): Promise<{ epoch: number; step: number } | undefined> {
  let newest: string[] = [];
  for await (const line of linesOf(folder.metrics)) newest = [line, ...newest.slice(0, 1)];
  for (const line of newest) {
    try {
      return JSON.parse(line) as { epoch: number; step: number };
    } catch {
      // The line that a kill cut short.
    }
  }
  return undefined;
}

/** The newest two, which are what a run goes on from. */
async function checkpointFindings(folder: RunFolder): Promise<Finding[]> {
  const names = await namesWith(folder.checkpoints, '.state.safetensors');
  return Promise.all(
    names
      .slice(-2)
      .reverse()
      .map(async (name): Promise<Finding> => {
        try {
          const { position } = await openPair(folder.checkpoints, name);
          const skipped = position.skipped > 0 ? `, ${position.skipped} of them skipped as not finite` : '';
          return { name, ok: true, value: `whole, ${position.steps} steps${skipped}` };
        } catch (error) {
          return { name, ok: false, value: messageOf(error), hint: '--resume passes over it and uses the one before' };
        }
      }),
  );
}

async function damagedFinding({ checkpoints }: RunFolder): Promise<Finding | undefined> {
  const aside = (await readdir(checkpoints).catch((): string[] => [])).filter((name) => name.endsWith('.damaged'));
  if (aside.length === 0) return undefined;
  const hint = 'a disk that damages files loses more of them; they may be removed';
  return { name: 'put aside', ok: false, value: aside.join(', '), hint };
}

/** Whether the crop sets are there, and still those that it was made from. */
async function dataFinding(folder: RunFolder, given: string | undefined): Promise<Finding | undefined> {
  const facts = await readFacts(folder).catch(() => undefined);
  const data = given ?? (facts && ownData(folder, facts));
  if (facts === undefined || data === undefined) return undefined;
  try {
    const sets = await findCropSets(data, true);
    const changed = Object.entries(facts.data).filter(([letter, { hash }]) => sets.get(letter)?.hash !== hash);
    if (changed.length === 0) return { name: 'data', ok: true, value: `${data}, as they were` };
    const value = `${data}: ${changed.map(([letter]) => letter).join(', ')} changed or missing`;
    return { name: 'data', ok: false, value, hint: 'name the folder that it was made from: --data DIR' };
  } catch (error) {
    return { name: 'data', ok: false, value: messageOf(error), hint: 'name their folder: --data DIR' };
  }
}

/** Whether the next checkpoint, which is as large as the newest, has room twice. */
async function disk({ path, checkpoints }: RunFolder): Promise<Finding> {
  const { bavail, bsize } = await statfs(path);
  const name = (await namesWith(checkpoints, '.state.safetensors')).at(-1);
  const sizes = ['.safetensors', '.state.safetensors'].map(async (ending) => {
    return name === undefined ? 0 : (await stat(join(checkpoints, name + ending)).catch(() => ({ size: 0 }))).size;
  });
  const needed = 2 * (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  const free = bavail * bsize;
  const hint = 'make room, or keep fewer checkpoints: --set train.keep=2';
  return { name: 'disk', ok: free >= needed, value: `${(free / 2 ** 30).toFixed(1)} GiB free`, hint };
}
