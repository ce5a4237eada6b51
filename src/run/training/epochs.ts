/** The training loop that every training goes through: batches ahead, one step at a time, checkpoints, interruption. */
import type { Config } from '../../config/schema.js';
import { loadBatches } from '../../data/loader.js';
import { type Frame, relativePath } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { Tensor } from '../../engine/tensor.js';
import type { Network, Position, Terms, Training } from '../../method/method.js';
import type { Checkpoints } from '../checkpoint.js';
import { Diverged, Health } from '../health.js';
import { interruptedBy, noteOnce, type Progress } from '../progress.js';
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
  // A step that is passed over must not count, which is known when it has been computed; otherwise the device itself leaves out an update
  // from numbers that are not finite, and nobody waits. A GPU then gets the next step before it has done this one.
  const held = onNan === 'skip';
  const ahead = !held && device.name !== 'cpu';
  let skippedInARow = 0;
  /** The rest of the step before, which the device may still be computing. */
  let rest = async () => {};
  const settle = async () => {
    const last = rest;
    rest = async () => {};
    await last();
  };
  for (; at.epoch < epochs; at.epoch++, at.batch = 0) {
    const batches = training.batches(at.epoch);
    const left = batches.slice(at.batch).map((positions) => positions.map((i) => frames[i]!));
    clock.waiting();
    for await (const loaded of loadBatches(left, { size, workers, cache, note })) {
      const times = clock.begin(loaded.loadMs);
      if (held) health.remember();
      training.schedule?.(at);
      const { lr: learningRate } = optimizer;
      const update = (finite?: Tensor) => {
        optimizer.step(finite);
        training.afterStep?.(at);
      };
      const terms = device.step(() => {
        const submitted = submit(loaded, batches[at.batch]!, at, () => times.mark());
        health.look(Object.values(submitted));
        times.mark();
        at.batch++;
        at.steps++;
        if (!held) update(health.finite);
        return submitted;
      });
      // An image that cannot be read is an error when its batch is due.
      loaded.next?.then(({ pixels }) => device.prefetch(pixels)).catch(() => {});
      const here = { ...at };
      const gradients = health.gradients();
      // The next step makes its own; these are looked at once more where something is not finite.
      const takeGradients = () => {
        for (const tensor of gradients.keys()) tensor.grad = undefined;
      };
      const read = Promise.all([readAll(terms), health.finite.item()]);
      read.catch(() => {}); // heard of when it is awaited
      if (!held) {
        takeGradients();
        times.mark();
      }
      await settle();
      rest = async () => {
        const [figures, finite] = await read;
        const fault = finite === 1 ? undefined : await faultOf(figures, gradients, health);
        if (fault === undefined) {
          skippedInARow = 0;
        } else {
          const what = `${fault} in epoch ${here.epoch + 1}, step ${here.steps}`;
          if (!held || ++skippedInARow > mostSkipped) throw diverged(what, loaded.frames);
          health.restore();
          at.skipped++;
          progress.note(`skipped: ${what} (batch of ${loaded.frames.map(relativePath).join(', ')})`);
        }
        if (held) {
          if (fault === undefined) update();
          takeGradients();
          times.mark();
        }
        for (const gradient of gradients.values()) gradient.release();
        const seconds = await times.end();
        const { length: images } = loaded.frames;
        const { epoch, steps: step } = here;
        await stage.onStep({ epoch, step, figures, learningRate, seconds, images, skipped: fault });
        progress.update(here.epoch * perEpoch + here.batch, { epoch: here.epoch + 1, loss: figures.loss! });
      };
      const save = due(at.steps);
      if (!ahead || save || signal.aborted) await settle();
      if (signal.aborted) {
        await checkpoints.saveStep(at);
        throw interruptedBy(signal, `stopped in epoch ${at.epoch + 1} after ${at.steps} steps; everything is saved`);
      }
      if (save) await checkpoints.saveStep(at);
      clock.waiting();
    }
    await settle();
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

/** What is not finite, in words. */
async function faultOf(
  figures: Readonly<Record<string, number>>,
  gradients: ReadonlyMap<Tensor, Tensor>,
  health: Health,
): Promise<string> {
  const figure = Object.entries(figures).find(([, value]) => !Number.isFinite(value));
  const parts = figure === undefined ? [] : [`${figure[0]} is ${figure[1]}`];
  const inside = await health.diagnosis(gradients);
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
 * Splits steps' times. Work runs later than it is submitted, so a mark is a tiny download: it settles when the queue has come
 * to that place. A step that is submitted before the one before it is done begins when that is.
 */
class StageClock {
  private readonly flag: Tensor;
  private waitFrom = 0;
  private lastEnd = 0;

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

  /** Begins a step, which marks the ends of its forward pass, its backward pass and its update. */
  begin(loadMs: number) {
    const started = performance.now();
    const wait = started - this.waitFrom;
    const marks: Promise<number>[] = [];
    return {
      mark: () => {
        const mark = this.flag.item().then(() => performance.now());
        mark.catch(() => {}); // heard of when it is awaited
        marks.push(mark);
      },
      end: async (): Promise<StepSeconds> => {
        const [forward, backward, optimizer] = (await Promise.all(marks)) as [number, number, number];
        const begun = Math.max(started, this.lastEnd);
        this.lastEnd = optimizer;
        return {
          load: loadMs / 1000,
          wait: wait / 1000,
          forward: (forward - begun) / 1000,
          backward: (backward - forward) / 1000,
          optimizer: (optimizer - backward) / 1000,
        };
      },
    };
  }
}
