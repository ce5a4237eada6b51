/** The training loop that every training goes through: batches ahead, one step at a time, checkpoints, interruption. */
import type { Config } from '../config/schema.js';
import { loadBatches } from '../data/loader.js';
import { type Frame, relativePath } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import { clearGrads } from '../engine/tape.js';
import { Tensor } from '../engine/tensor.js';
import type { Network, Position, Terms, Training } from '../method/method.js';
import type { Checkpoints } from './checkpoint.js';
import { Diverged, Health } from './health.js';
import { interruptedBy, noteOnce, type Progress } from './progress.js';
import { releaseTerms, stepOf } from './step.js';

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
  /** That the step was made with; undefined where the optimiser does not say. */
  learningRate?: number;
  seconds: StepSeconds;
  images: number;
  /** Why the step had no effect, when it had none (`on_nan: skip`). */
  skipped?: string;
}

export interface Stage {
  device: Device;
  /** What learns, and how. */
  network: Network;
  training: Training;
  frames: readonly Frame[];
  config: Pick<Config, 'data' | 'augment' | 'seed' | 'train'>;
  checkpoints: Checkpoints;
  /** Epochs between checkpoints. */
  saveEvery: number;
  onStep(record: StepRecord): Promise<void> | void;
  /** After the checkpoint of an epoch: what older ones may go. */
  retain(): Promise<void>;
}

/** So many steps in a row without effect are no accident. */
const mostSkipped = 10;

/**
 * Trains from `start` to the last epoch.
 * @throws Interrupted after saving, when `signal` fires; WorkError when loss or gradients are not finite (the last checkpoint stays)
 */
export async function runEpochs(stage: Stage, start: Position, progress: Progress, signal: AbortSignal): Promise<void> {
  const { device, network, training, frames, config, checkpoints } = stage;
  const { epochs, optimizer } = training;
  const { image_size: size, workers, cache } = config.data;
  const { checkpoint_every: checkpointEvery, on_nan: onNan } = config.train;
  const perEpoch = training.batches(start.epoch).length;
  progress.begin(training.title, epochs * perEpoch, start.epoch * perEpoch + start.batch, 'steps');
  const at = { ...start };
  const clock = new StageClock(device);
  const health = new Health(network, training.companion);
  const submit = stepOf(training, config, device);
  const due = savesDue(checkpointEvery);
  const note = noteOnce(progress);
  let skippedInARow = 0;
  for (; at.epoch < epochs; at.epoch++, at.batch = 0) {
    const batches = training.batches(at.epoch);
    const left = batches.slice(at.batch).map((positions) => positions.map((i) => frames[i]!));
    clock.waiting();
    for await (const loaded of loadBatches(left, { size, workers, cache, note })) {
      clock.begin(loaded.loadMs);
      if (onNan === 'skip') health.remember();
      training.schedule?.(at);
      const tensors = device.step(() => submit(loaded, batches[at.batch]!, at, () => clock.mark()));
      // An image that cannot be read is an error when its batch is due.
      loaded.next?.then(({ pixels }) => device.prefetch(pixels)).catch(() => {});
      const [figures, finite] = await Promise.all([readAll(tensors), health.gradientsAreFinite()]);
      clock.mark();
      at.batch++;
      at.steps++;
      const fault = await faultOf(figures, finite, health);
      if (fault === undefined) {
        optimizer.step();
        training.afterStep?.(at);
        skippedInARow = 0;
      } else {
        const what = `${fault} in epoch ${at.epoch + 1}, step ${at.steps}`;
        if (onNan === 'stop' || ++skippedInARow > mostSkipped) throw diverged(what, loaded.frames);
        health.restore();
        at.skipped++;
        progress.note(`skipped: ${what} (batch of ${loaded.frames.map(relativePath).join(', ')})`);
      }
      clearGrads(optimizer.parameters);
      const seconds = await clock.end();
      const { length: images } = loaded.frames;
      const { lr: learningRate } = optimizer;
      await stage.onStep({ epoch: at.epoch, step: at.steps, figures, learningRate, seconds, images, skipped: fault });
      progress.update(at.epoch * perEpoch + at.batch, { epoch: at.epoch + 1, loss: figures.loss! });
      if (signal.aborted) {
        await checkpoints.saveStep(at);
        throw interruptedBy(signal, `stopped in epoch ${at.epoch + 1} after ${at.steps} steps; everything is saved`);
      }
      if (due(at.steps)) await checkpoints.saveStep(at);
      clock.waiting();
    }
    const done = at.epoch + 1;
    if (done % stage.saveEvery === 0 || done === epochs) {
      await checkpoints.saveEpoch({ ...at, epoch: done, batch: 0 });
      await stage.retain();
    }
  }
  health.dispose();
  clock.dispose();
  progress.end();
}

/** Whether a checkpoint is due after a step, every so many steps or minutes. */
function savesDue(every: number | string | null): (steps: number) => boolean {
  if (every === null) return () => false;
  if (typeof every === 'number') return (steps) => steps % every === 0;
  const milliseconds = Number.parseInt(every, 10) * 60_000;
  let last = Date.now();
  return () => {
    if (Date.now() - last < milliseconds) return false;
    last = Date.now();
    return true;
  };
}

/** What is not finite, in words; undefined when all is. */
async function faultOf(
  figures: Readonly<Record<string, number>>,
  gradients: boolean,
  health: Health,
): Promise<string | undefined> {
  const figure = Object.entries(figures).find(([, value]) => !Number.isFinite(value));
  if (gradients && figure === undefined) return undefined;
  const parts = figure === undefined ? [] : [`${figure[0]} is ${figure[1]}`];
  const inside = await health.diagnosis();
  if (inside !== undefined) parts.push(`${inside} is not finite`);
  return parts.join(' and ');
}

function diverged(what: string, frames: readonly Frame[]): Diverged {
  return new Diverged(
    `${what} (batch of ${frames.map(relativePath).join(', ')})`,
    'lower train.lr or activation.lr, or pass over such steps: --set train.on_nan=skip; the last checkpoint is as it was',
  );
}

async function readAll(tensors: Terms): Promise<Record<string, number>> {
  const entries = Object.entries(tensors);
  const values = Promise.all(entries.map(([, tensor]) => tensor.item()));
  releaseTerms(tensors);
  return Object.fromEntries((await values).map((value, i) => [entries[i]![0], value]));
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

  dispose(): void {
    this.flag.release();
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
