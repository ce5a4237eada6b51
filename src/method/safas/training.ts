/** SA-FAS's training (methods, sections 3.2 to 3.5): two views of one random frame a video, and heads aligned after each update. */
import type { Frame } from '../../data/manifest.js';
import { Sgd } from '../../engine/optim/optimizers.js';
import { steps } from '../../engine/optim/schedules.js';
import { Philox, purposes } from '../../engine/random.js';
import { scope } from '../../engine/tensor.js';
import { classOf, type Training, type TrainingStart } from '../method.js';
import { domainsOf, videosOf } from '../streams.js';
import type { SafasConfig } from './config.js';
import { safasLoss } from './losses.js';
import type { SafasNet } from './network.js';

export function safasTraining({ config, device, network, frames }: TrainingStart<SafasConfig, SafasNet>): Training {
  const { safas, train, seed } = config;
  const domains = domainsOf(frames);
  const videos = videosOf(frames);
  const optimizer = new Sgd(device, network.parameters(), {
    lr: safas.lr,
    momentum: safas.momentum,
    weightDecay: safas.weight_decay,
  });
  const rate = steps(safas.lr, { every: Number(safas.lr_step), gamma: 0.5 });
  const options = {
    supconWeight: safas.control === 'heads_only' ? 0 : safas.supcon_weight,
    temperature: safas.temperature,
    baseTemperature: safas.base_temperature,
    scale: safas.scale,
  };
  return {
    title: 'SA-FAS',
    epochs: Number(train.epochs),
    batches: (epoch) => frameBatches(videos, safas.batch, seed, epoch),
    views: 2,
    batchKey: 'safas.batch',
    optimizer,
    schedule({ epoch }) {
      optimizer.lr = rate(epoch);
    },
    loss({ images, frames: rows }) {
      const output = scope(() => network.forward(images()));
      const { loss, bce, supcon } = safasLoss(output, targetsOf(rows, domains), options);
      return { loss, bce, ...(supcon && { supcon }) };
    },
    afterStep({ epoch }) {
      if (safas.control === 'none' && epoch >= safas.align_from) network.align(safas.alpha)?.release();
    },
    dispose: () => optimizer.dispose(),
  };
}

function targetsOf(rows: readonly Frame[], domains: readonly string[]) {
  return { classes: rows.map(classOf), domains: rows.map(({ domain }) => domains.indexOf(domain)) };
}

/** All videos shuffled, one random frame of each, cut into batches; the last holds what is left. A pure function of its arguments. */
export function frameBatches(
  videos: readonly (readonly number[])[],
  size: number,
  seed: number,
  epoch: number,
): number[][] {
  const random = new Philox(seed, purposes.sampler, epoch);
  const chosen = random.shuffle(videos.map((video) => video[random.int(video.length)]!));
  return Array.from({ length: Math.ceil(chosen.length / size) }, (_, i) => chosen.slice(i * size, (i + 1) * size));
}
