/**
 * What the command line adds to a training step: epochs of LDCNet from JPEG files, as `ldc train` runs them, by turns with the bare
 * step on pixels that lie in memory. Every turn trains two epochs, of which the second counts: the first pays what a run pays once
 * (fresh pages for a gigabyte of activations), and real runs have hundreds. The checkpoint after them is given apart.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseProtocol } from '../../src/config/protocol.js';
import { synthesise } from '../../src/data/synth/synthesise.js';
import { type Device, openDevice } from '../../src/engine/device.js';
import { loadConfig } from '../../src/run/configuration.js';
import { openExperiment } from '../../src/run/experiment.js';
import type { Progress } from '../../src/run/progress.js';
import { runFolder } from '../../src/run/runFolder.js';
import { train } from '../../src/run/training/train.js';
import { pacedDevice } from './pacedDevice.js';
import { ourWorker, type Worker } from './protocol.js';
import { spreadOf } from './statistics.js';

/** Images of a step: 5 live and 5 attacks of each of three domains. */
export const epochBatch = 30;
const protocol = parseProtocol('O&C&I-to-M');

export type Source = 'jpeg' | 'cache';

/** Of a step: milliseconds by the clock, and of processor time of all threads. */
interface Times {
  ms: number;
  cpu: number;
}

export interface EpochFigures {
  source: Source;
  /** Medians over the rounds of the means of their steps; bare steps are those before and after each epoch. */
  epoch: Times;
  bare: Times;
  /** Median over the rounds of an epoch's time as a part of that of the bare steps around it: drift of the machine counts little. */
  ratio: Times;
  /** Milliseconds that an epoch's checkpoint takes. */
  checkpoint: number;
}

export interface EpochOptions {
  size: number;
  threads: number;
  /** Steps of an epoch. */
  steps: number;
  rounds: number;
  signal: AbortSignal;
}

/** Epochs of a turn; the last one counts. */
const epochsOfTurn = 2;

/** Draws a crop set for so many steps, trains an activation network for one epoch, and measures. */
export async function epochTimes({ size, threads, steps, rounds, signal }: EpochOptions): Promise<EpochFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-bench-'));
  const bareStep = ourWorker({ workload: 'ldcnet-train', batch: epochBatch, size, threads, precision: 'fp32' });
  try {
    await drawData(folder, { size, steps, signal });
    await bareStep.ready();
    await bareStep.step(); // warms up
    const turns: Record<Source, Turn[]> = { jpeg: [], cache: [] };
    const device = openDevice('cpu', { threads }); // one for all epochs, as in a long run
    let before = await bareTimes(bareStep, steps);
    for (let turn = 1; turn <= 2 * rounds; turn++) {
      const source = turn % 2 === 1 ? 'jpeg' : 'cache';
      const { checkpoint, ...epoch } = await lastEpoch(folder, turn, source, device, { size, steps, signal });
      const after = await bareTimes(bareStep, steps);
      turns[source].push({ epoch, bare: combine(before, after, (a, b) => (a + b) / 2), checkpoint });
      before = after;
    }
    return [figuresOf('jpeg', turns.jpeg), figuresOf('cache', turns.cache)];
  } finally {
    await bareStep.end();
    await rm(folder, { recursive: true });
  }
}

/** What an epoch's steps take where the device takes `stepMs` for each: the loader's limit, without a GPU. */
export interface PacedFigures extends Times {
  source: Source;
}

/** As `epochTimes`, with a device that computes nothing and takes a given time (pacedDevice.ts). */
export async function pacedTimes(
  { size, steps, rounds, signal }: Omit<EpochOptions, 'threads'>,
  stepMs: number,
): Promise<PacedFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-bench-'));
  try {
    await drawData(folder, { size, steps, signal });
    const device = pacedDevice(stepMs);
    const turns: Record<Source, Times[]> = { jpeg: [], cache: [] };
    for (let turn = 1; turn <= 2 * rounds; turn++) {
      const source = turn % 2 === 1 ? 'jpeg' : 'cache';
      turns[source].push(await lastEpoch(folder, turn, source, device, { size, steps, signal }));
    }
    return (['jpeg', 'cache'] as const).map((source) => ({ source, ...medians(turns[source]) }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Of each subject a live image and two attacks, of which a step takes five. */
async function drawData(folder: string, { size, steps, signal }: Pick<EpochOptions, 'size' | 'steps' | 'signal'>) {
  const subjects = Math.max(5, Math.ceil((5 * steps) / 2));
  await synthesise({ out: join(folder, 'data'), seed: 1, subjects, frames: 1, size, signal });
}

/** An epoch between bare steps. */
interface Turn {
  epoch: Times;
  bare: Times;
  checkpoint: number;
}

function figuresOf(source: Source, turns: readonly Turn[]): EpochFigures {
  return {
    source,
    epoch: medians(turns.map(({ epoch }) => epoch)),
    bare: medians(turns.map(({ bare }) => bare)),
    ratio: medians(turns.map(({ epoch, bare }) => combine(epoch, bare, (a, b) => a / b))),
    checkpoint: spreadOf(turns.map(({ checkpoint }) => checkpoint)).median,
  };
}

function medians(times: readonly Times[]): Times {
  return { ms: spreadOf(times.map(({ ms }) => ms)).median, cpu: spreadOf(times.map(({ cpu }) => cpu)).median };
}

function combine(a: Times, b: Times, how: (a: number, b: number) => number): Times {
  return { ms: how(a.ms, b.ms), cpu: how(a.cpu, b.cpu) };
}

/** Of one step, on average. */
async function bareTimes(worker: Worker, steps: number): Promise<Times> {
  const sum = { ms: 0, cpu: 0 };
  for (let step = 0; step < steps; step++) {
    const time = await worker.step();
    sum.ms += time.ms;
    sum.cpu += time.cpu_ms;
  }
  return { ms: sum.ms / steps, cpu: sum.cpu / steps };
}

/** Trains the epochs of one more turn, in the first one after stage 1. */
async function lastEpoch(
  folder: string,
  turn: number,
  source: Source,
  device: Device,
  { size, steps, signal }: Pick<EpochOptions, 'size' | 'steps' | 'signal'>,
): Promise<Times & { checkpoint: number }> {
  const config = await loadConfig(undefined, [
    `data.image_size=${size}`,
    `data.cache=${source === 'cache'}`,
    'data.dev_fraction=0',
    `model.map_size=${Math.min(32, size / 8)}`,
    'activation.epochs=1',
    `train.epochs=${turn * epochsOfTurn}`,
    `train.save_every=${epochsOfTurn}`,
    'train.keep=1',
  ]);
  const run = runFolder(join(folder, 'runs'), protocol, 'epochs');
  const experiment = await openExperiment(protocol, config, join(folder, 'data'));
  const watch = new Watch();
  const options = { folder: run, out: join(folder, 'runs'), resume: existsSync(run.config), progress: watch, signal };
  await train(experiment, device, options);
  return watch.last(steps);
}

/** Takes the times at which the last stage begins, does its steps and ends. */
class Watch implements Progress {
  private marks: Times[] = [];

  begin(): void {
    this.marks = [];
    this.update();
  }
  update(): void {
    const { user, system } = process.cpuUsage();
    this.marks.push({ ms: performance.now(), cpu: (user + system) / 1000 });
  }
  end(): void {
    this.update();
  }
  note(): void {}

  /** Of one of the last steps, on average, and of what follows them. */
  last(steps: number): Times & { checkpoint: number } {
    const [begin, last, end] = [-2 - steps, -2, -1].map((i) => this.marks.at(i)!) as [Times, Times, Times];
    return { ms: (last.ms - begin.ms) / steps, cpu: (last.cpu - begin.cpu) / steps, checkpoint: end.ms - last.ms };
  }
}
