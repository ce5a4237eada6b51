/** The training loop that both stages share: batches ahead, one step at a time, checkpoints, interruption, time budget. */
import { WorkError } from '../base/errors.js';
import { type LoadedBatch, loadBatches } from '../data/loader.js';
import { type Frame, relativePath } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import { Tensor } from '../engine/tensor.js';
import { type Checkpoints, epochName, interruptedName, type Position } from './checkpoint.js';
import { Interrupted, type Progress } from './progress.js';

/** Seconds of one step: decoding (in the background), waiting for it, and the three parts of the computation. */
export interface StepSeconds {
  load: number;
  wait: number;
  forward: number;
  backward: number;
  optimizer: number;
}

export interface StepRecord {
  epoch: number;
  /** Steps done in all, this one included. */
  step: number;
  /** What the stage reports, `loss` among it. */
  figures: Record<string, number>;
  seconds: StepSeconds;
  images: number;
}

/** Scalars of a step on the device; the loop reads and releases them. */
export type StepTensors = { loss: Tensor } & Record<string, Tensor>;

export interface Stage {
  title: string;
  device: Device;
  frames: readonly Frame[];
  imageSize: number;
  workers: number | 'auto';
  epochs: number;
  /** Batches of positions in `frames`: a pure function of the epoch, so that an interrupted one can be gone on with. */
  batchesOf(epoch: number): number[][];
  /** Submits one step; `mark` is called between forward, backward and optimiser. */
  submit(batch: LoadedBatch, positions: readonly number[], at: Position, mark: () => void): StepTensors;
  checkpoints: Checkpoints;
  saveEvery: number;
  keep: number | 'all';
  onStep(record: StepRecord): Promise<void> | void;
}

/**
 * Trains from `start` to the last epoch.
 * @throws Interrupted after saving, when `signal` fires; WorkError when the loss is no number any more (the last checkpoint stays)
 */
export async function runEpochs(stage: Stage, start: Position, progress: Progress, signal: AbortSignal): Promise<void> {
  const { frames, epochs, checkpoints } = stage;
  const perEpoch = stage.batchesOf(start.epoch).length;
  progress.begin(stage.title, epochs * perEpoch, start.epoch * perEpoch + start.batch, 'steps');
  const at = { ...start };
  const clock = new StageClock(stage.device);
  for (; at.epoch < epochs; at.epoch++, at.batch = 0) {
    const batches = stage.batchesOf(at.epoch);
    const due = batches.slice(at.batch).map((positions) => positions.map((i) => frames[i]!));
    clock.waiting();
    for await (const loaded of loadBatches(due, { size: stage.imageSize, workers: stage.workers })) {
      clock.begin(loaded.loadMs);
      const tensors = stage.submit(loaded, batches[at.batch]!, at, () => clock.mark());
      const figures = await readAll(tensors);
      at.batch++;
      at.steps++;
      const seconds = await clock.end();
      assertFinite(figures, at, loaded.frames);
      await stage.onStep({ epoch: at.epoch, step: at.steps, figures, seconds, images: loaded.frames.length });
      progress.update(at.epoch * perEpoch + at.batch, { epoch: at.epoch + 1, loss: figures.loss! });
      if (signal.aborted) {
        await checkpoints.save(interruptedName, at);
        throw new Interrupted(`stopped in epoch ${at.epoch + 1} after ${at.steps} steps; everything is saved`);
      }
      clock.waiting();
    }
    const done = at.epoch + 1;
    if (done % stage.saveEvery === 0 || done === epochs) {
      await checkpoints.save(epochName(done), { epoch: done, batch: 0, steps: at.steps });
      await checkpoints.retain(stage.keep);
    }
  }
  progress.end();
}

async function readAll(tensors: StepTensors): Promise<Record<string, number>> {
  const entries = Object.entries(tensors);
  const values = Promise.all(entries.map(([, tensor]) => tensor.item()));
  for (const [, tensor] of entries) tensor.release();
  return Object.fromEntries((await values).map((value, i) => [entries[i]![0], value]));
}

function assertFinite(figures: Record<string, number>, at: Position, frames: readonly Frame[]): void {
  const [name] = Object.entries(figures).find(([, value]) => !Number.isFinite(value)) ?? [];
  if (name === undefined) return;
  const files = frames.slice(0, 3).map(relativePath).join(', ');
  throw new WorkError(
    `training diverged: ${name} is ${figures[name]} in epoch ${at.epoch + 1}, step ${at.steps} (batch of ${files}, …)`,
    'lower train.lr or activation.lr; the last checkpoint is as it was',
  );
}

/**
 * Splits a step's time. Work runs later than it is submitted, so a mark is a tiny download: it settles when the queue has come
 * to that place.
 */
class StageClock {
  private readonly flag: Tensor;
  private waitFrom = 0;
  private started = 0;
  private load = 0;
  private marks: Promise<number>[] = [];
  private wait = 0;

  constructor(device: Device) {
    this.flag = Tensor.unowned(device, [1]);
    device.native.fill(this.flag.handle, 0);
  }

  waiting(): void {
    this.waitFrom = performance.now();
  }

  begin(loadMs: number): void {
    this.started = performance.now();
    this.wait = this.started - this.waitFrom;
    this.load = loadMs;
    this.marks = [];
  }

  mark(): void {
    this.marks.push(this.flag.item().then(() => performance.now()));
  }

  async end(): Promise<StepSeconds> {
    this.mark();
    const [forward, backward, optimizer] = (await Promise.all(this.marks)) as [number, number, number];
    return {
      load: this.load / 1000,
      wait: this.wait / 1000,
      forward: (forward - this.started) / 1000,
      backward: (backward - forward) / 1000,
      optimizer: (optimizer - backward) / 1000,
    };
  }
}
