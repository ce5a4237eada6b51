/** A network of a few numbers on real image files, through the training loop that the large ones go through. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Frame } from '../../../src/data/manifest.js';
import { shuffledBatches } from '../../../src/data/sampler.js';
import { Device, openDevice } from '../../../src/engine/device.js';
import type { Precision } from '../../../src/engine/native.js';
import { BatchNorm, Linear } from '../../../src/engine/nn/layers.js';
import { Module } from '../../../src/engine/nn/module.js';
import { crossEntropy } from '../../../src/engine/ops/losses.js';
import { globalAvgPool } from '../../../src/engine/ops/pooling.js';
import { Adam } from '../../../src/engine/optim/optimizers.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { classOf, type Position, type Training } from '../../../src/method/method.js';
import { Checkpoints, trainingStart } from '../../../src/run/checkpoint.js';
import { loadConfig } from '../../../src/run/configuration.js';
import { silent } from '../../../src/run/progress.js';
import { runEpochs, type Stage, type StepRecord } from '../../../src/run/training/epochs.js';

const side = 8;
const images = 12;
const batch = 4;

/** Batch norm, mean over pixels, one linear layer. */
class TinyNet extends Module {
  private readonly norm: BatchNorm;
  private readonly linear: Linear;

  constructor(device: Device) {
    super(device);
    this.norm = this.child('norm', new BatchNorm(device, 3));
    this.linear = this.child(
      'linear',
      new Linear(device, [2, 3], Float32Array.of(1, 0, 2, 0, 1, 3), new Float32Array(2)),
    );
  }

  protected override compute(x: Tensor): Tensor {
    return this.linear.forward(globalAvgPool(this.norm.forward(x)));
  }
}

export async function writeFrames(folder: string): Promise<Frame[]> {
  await mkdir(folder, { recursive: true });
  return Promise.all(
    Array.from({ length: images }, async (_, i): Promise<Frame> => {
      const pixels = Uint8Array.from({ length: side * side * 3 }, (_, k) => (k * (7 + i) + 13 * i) % 256);
      const path = join(folder, `${i}.png`);
      await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
        .png()
        .toFile(path);
      const label = i % 2 === 0 ? 'live' : 'spoof';
      const attackType = label === 'live' ? 'live' : 'print';
      return {
        ...{ path, domain: 'T', split: 'train', subject: String(i), video: String(i), frame: 0, label, attackType },
        ...{ pai: '', extra: {}, manifest: join(folder, 'manifest.csv'), row: i + 2 },
      };
    }),
  );
}

export interface TinyOptions extends Partial<Pick<Stage, 'onStep' | 'saveEvery' | 'retain'>> {
  epochs?: number;
  checkpointEvery?: number | string;
  onNan?: 'stop' | 'skip';
  /** Does something to the network before step `at.steps`. */
  before?: (net: TinyNet, at: Position) => void;
  /** Ends the process' work after so many steps as kill -9 would. */
  dieAfter?: number;
  signal?: AbortSignal;
  precision?: Precision;
  /** As on a GPU: the next step is submitted before this one is done. */
  ahead?: boolean;
}

export interface TinyRun {
  notes: string[];
  records: StepRecord[];
  start: Position;
  /** Live handles and bytes of the device when all is disposed. */
  left: { live: number; tensors: number };
}

export class Killed extends Error {}

/** Trains, or goes on, with checkpoints in `folder`. */
export async function trainTiny(folder: string, frames: Frame[], options: TinyOptions = {}): Promise<TinyRun> {
  const { before, dieAfter, signal = new AbortController().signal, epochs = 4, precision, ahead, ...rest } = options;
  const { checkpointEvery, onNan, ...stage } = rest;
  const cpu = openDevice('cpu', { threads: 1, precision });
  const device = ahead ? new Device('ahead', cpu.native) : cpu;
  const net = new TinyNet(device);
  const optimizer = new Adam(device, net.parameters(), { lr: 0.01 });
  const training: Training = {
    title: 'tiny',
    epochs,
    batches: (epoch) => shuffledBatches(frames.length, batch, 1, epoch),
    batchKey: 'none',
    optimizer,
    loss({ images, frames: due, at }) {
      before?.(net, at);
      const loss = crossEntropy(net.forward(images()), due.map(classOf));
      return { loss, ce: loss };
    },
    dispose: () => optimizer.dispose(),
  };
  const checkpoints = new Checkpoints(folder, net, training, { network: 'tiny' });
  const [notes, records]: [string[], StepRecord[]] = [[], []];
  const progress = { ...silent, note: (text: string) => void notes.push(text) };
  const start = (await checkpoints.resume(progress.note)) ?? trainingStart;
  const { data, train, augment, seed } = await loadConfig(undefined, ['data.workers=1', 'data.cache=false']);
  const config = {
    // Smaller than a configuration file may say.
    data: { ...data, image_size: side },
    augment,
    seed,
    train: { ...train, checkpoint_every: checkpointEvery ?? null, on_nan: onNan ?? 'stop' },
  };
  try {
    await runEpochs(
      {
        device,
        network: net,
        training,
        frames,
        config,
        checkpoints,
        saveEvery: 1,
        onStep: (record) => {
          records.push(record);
          if (record.step === dieAfter) throw new Killed();
        },
        retain: () => checkpoints.retain('all'),
        ...stage,
      },
      start,
      progress,
      signal,
    );
  } finally {
    training.dispose();
    net.dispose();
  }
  const { live, tensors } = device.memory();
  return { notes, records, start, left: { live, tensors } };
}

/** Content of all files by name. */
export async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')] as const),
    ),
  );
}
