/** A run: what a teacher makes where the method has one, then its network, in a directory with a lock, its configuration and its facts. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { UserError } from '../../base/errors.js';
import { makeFolder, removeLeftovers, writeFileWhole } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import { configToYaml, differingKeys } from '../../config/schema.js';
import type { Device } from '../../engine/device.js';
import type { Profiler } from '../../engine/profile.js';
import { loadEarlier, methodFacts, methodOf, modulePath } from '../configuration.js';
import { dataFacts, type Experiment } from '../experiment.js';
import { noteQuality } from '../maps/teacherMaps.js';
import { moduleHash } from '../ownMethod.js';
import { Interrupted, type Progress } from '../progress.js';
import { moduleNotice, type RunFacts, type RunFolder, readFacts, writeFacts } from '../runFolder.js';
import { version } from '../version.js';
import { withEnding } from './ending.js';
import type { StepRecord } from './epochs.js';
import { trainNetwork } from './mainStage.js';
import { checkMemory } from './memory.js';
import { stage1Reference, teacherStage } from './teacherStage.js';

export interface TrainOptions {
  folder: RunFolder;
  /** The folder that holds all runs: stage 1 is shared there. */
  out: string;
  resume: boolean;
  progress: Progress;
  signal: AbortSignal;
  /** Bytes that the process may take; a training that is predicted to take more is refused. */
  memoryLimit?: number;
  /** Times every kernel of the network's steps, and is told when they are done. */
  onProfile?: (profiler: Profiler) => void;
}

/**
 * @throws UserError when the run exists and is not to be resumed, another process works on it, or it needs too much memory; Interrupted
 * after saving, when the signal fires
 */
export async function train(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  const { folder, out, memoryLimit } = options;
  if (memoryLimit !== undefined) await checkMemory(experiment, device, out, memoryLimit);
  return withLock(folder.path, () => trainLocked(experiment, device, options));
}

async function trainLocked(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  const { folder } = options;
  await removeLeftovers(folder.path);
  await prepareFolder(experiment, options);
  return withEnding(folder, () => trainPrepared(experiment, device, options));
}

async function trainPrepared(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  const { folder, progress } = options;
  for (const notice of experiment.notices) progress.note(notice);
  const started = new Date();
  const { config } = experiment;
  const method = methodOf(config);
  const own = modulePath(config);
  const stage1 = method.teacher && (await teacherStage(experiment, device, options.out, progress, options.signal));
  if (stage1 !== undefined) noteQuality(stage1.maps, progress);
  const facts: RunFacts = {
    version,
    ...methodFacts(config),
    ...(own !== null && { module: await moduleHash(own) }),
    protocol: experiment.protocol.name,
    device: await devicesOf(folder, device, progress),
    threads: device.threads,
    seed: config.seed,
    data: dataFacts(experiment),
    data_folder: relative(folder.path, experiment.dataFolder),
    synthetic: experiment.synthetic,
    stage1: stage1 === undefined ? null : stage1Reference(folder.path, stage1),
    stage1Precision: stage1 === undefined ? null : stage1.precision,
    started: started.toISOString(),
    seconds: 0,
    epochs: 0,
    finished: false,
  };
  const earlier = await earlierSeconds(folder);
  const settle = (epochs: number, finished: boolean) => {
    const seconds = Math.round((earlier + (Date.now() - started.getTime()) / 1000) * 10) / 10;
    return writeFacts(folder, Object.assign(facts, { seconds, epochs, finished }));
  };
  await settle(0, false);
  let reached = 0;
  try {
    const onStep = ({ epoch }: StepRecord) => {
      reached = epoch;
    };
    const epochs = await trainNetwork(experiment, device, stage1, { ...options, onStep });
    await settle(epochs, true);
  } catch (error) {
    if (error instanceof Interrupted) await settle(reached, false);
    throw error;
  }
  return facts;
}

async function prepareFolder({ config }: Experiment, { folder, resume, progress }: TrainOptions): Promise<void> {
  if (!existsSync(folder.config)) {
    if (resume) progress.note(`there is nothing to resume in ${folder.path}; training starts afresh`);
    await makeFolder(folder.path);
    await writeFileWhole(folder.config, configToYaml(config));
    return;
  }
  if (!resume) {
    throw new UserError(
      `the run ${folder.path} exists already`,
      'go on with it: --resume; or give the new one a name: --name NAME',
    );
  }
  const changed = differingKeys(await loadEarlier(folder.config, config), config).filter((key) => !free.test(key));
  if (changed.length > 0) {
    throw new UserError(
      `the run ${folder.path} was started with another configuration (${changed.join('; ')})`,
      'resume with the same flags, or give the new run a name: --name NAME',
    );
  }
  const notice = existsSync(folder.facts) && (await moduleNotice(config, await readFacts(folder)));
  if (notice) progress.note(notice);
}

/** More epochs and another device are no other run. */
const free =
  /^(?:train\.(?:epochs|save_every|keep|checkpoint_every|on_nan)|threads|device|precision|log\.tensorboard|data\.(?:workers|cache|follow)):/;

/** What a run was trained on, one after the other; says so where it goes on on another device or in another precision. */
async function devicesOf(folder: RunFolder, { description }: Device, { note }: Progress): Promise<string> {
  if (!existsSync(folder.facts)) return description;
  const { device: before = description } = await readFacts(folder);
  // The number of threads changes nothing.
  const kind = (device: string) => device.replace(/, \d+ threads?/, '');
  if (kind(before.split('; then ').at(-1)!) === kind(description)) return before;
  note(`this run was trained on ${before}, and goes on on ${description}: what follows is rounded otherwise`);
  return `${before}; then ${description}`;
}

async function earlierSeconds(folder: RunFolder): Promise<number> {
  if (!existsSync(folder.facts)) return 0;
  return (await readFacts(folder)).seconds;
}
