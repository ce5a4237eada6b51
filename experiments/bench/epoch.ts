/**
 * What the command line adds to a training step: epochs of LDCNet from JPEG files, as `ldc train` runs them, by turns with the bare
 * step on pixels that lie in memory. An epoch's time ends before its checkpoint, which is given apart: real epochs are longer.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import { parseProtocol } from '../../src/config/protocol.js';
import { synthesise } from '../../src/data/synth/synthesise.js';
import { type Device, openDevice } from '../../src/engine/device.js';
import { openExperiment } from '../../src/run/experiment.js';
import type { Progress } from '../../src/run/progress.js';
import { runFolder } from '../../src/run/runFolder.js';
import { train } from '../../src/run/train.js';
import { ourWorker } from './protocol.js';
import { spreadOf } from './statistics.js';

/** Images of a step: 5 live and 5 attacks of each of three domains. */
export const epochBatch = 30;
const protocol = parseProtocol('O&C&I-to-M');

export type Source = 'jpeg' | 'cache';

/** Milliseconds of a step: by the clock, and of processor time of all threads. */
interface Times {
  ms: number;
  cpu: number;
}

export interface EpochFigures {
  source: Source;
  /** Medians over the rounds of the means of their steps. */
  epoch: Times;
  bare: Times;
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

/** Draws a crop set for so many steps, trains an activation network for one epoch, and measures. */
export async function epochTimes({ size, threads, steps, rounds, signal }: EpochOptions): Promise<EpochFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-bench-'));
  const bareStep = ourWorker({ workload: 'ldcnet-train', batch: epochBatch, size, threads });
  try {
    const data = join(folder, 'data');
    // Of each subject a live image and two attacks, of which a step takes five.
    const subjects = Math.max(5, Math.ceil((5 * steps) / 2));
    await synthesise({ out: data, seed: 1, subjects, frames: 1, size, signal });
    await bareStep.ready();
    await bareStep.step(); // warms up
    const epochs: Record<Source, (Times & { checkpoint: number })[]> = { jpeg: [], cache: [] };
    const bare: Times[] = [];
    const device = openDevice('cpu', { threads }); // one for all epochs, as in a long run
    for (let round = 0; round < rounds; round++) {
      for (const source of ['jpeg', 'cache'] as const) {
        const sum = { ms: 0, cpu: 0 };
        for (let step = 0; step < steps; step++) {
          const time = await bareStep.step();
          sum.ms += time.ms;
          sum.cpu += time.cpu_ms;
        }
        bare.push({ ms: sum.ms / steps, cpu: sum.cpu / steps });
        const number = 2 * round + (source === 'jpeg' ? 1 : 2);
        epochs[source].push(await epoch(folder, number, source, device, { size, signal }));
      }
    }
    const median = (times: readonly Times[]) => ({
      ms: spreadOf(times.map(({ ms }) => ms)).median,
      cpu: spreadOf(times.map(({ cpu }) => cpu)).median,
    });
    return (['jpeg', 'cache'] as const).map((source) => ({
      source,
      epoch: median(epochs[source]),
      bare: median(bare),
      checkpoint: spreadOf(epochs[source].map(({ checkpoint }) => checkpoint)).median,
    }));
  } finally {
    await bareStep.end();
    await rm(folder, { recursive: true });
  }
}

/** Trains one epoch on, the first time after stage 1. */
async function epoch(
  folder: string,
  number: number,
  source: Source,
  device: Device,
  { size, signal }: Pick<EpochOptions, 'size' | 'signal'>,
): Promise<Times & { checkpoint: number }> {
  const config = await loadConfig(undefined, [
    `data.image_size=${size}`,
    `data.cache=${source === 'cache'}`,
    'data.dev_fraction=0',
    `model.map_size=${Math.min(32, size / 8)}`,
    'activation.epochs=1',
    `train.epochs=${number}`,
    'train.keep=1',
  ]);
  const run = runFolder(join(folder, 'runs'), protocol, 'epochs');
  const experiment = await openExperiment(protocol, config, join(folder, 'data'));
  const watch = new Watch();
  const options = { folder: run, out: join(folder, 'runs'), resume: existsSync(run.config), progress: watch, signal };
  await train(experiment, device, options);
  return watch.times();
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

  /** Of one step, on average. */
  times(): Times & { checkpoint: number } {
    const steps = this.marks.length - 2;
    const [begin, last, end] = [this.marks[0]!, this.marks[steps]!, this.marks[steps + 1]!];
    return { ms: (last.ms - begin.ms) / steps, cpu: (last.cpu - begin.cpu) / steps, checkpoint: end.ms - last.ms };
  }
}
