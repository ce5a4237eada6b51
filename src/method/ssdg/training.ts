/** SSDG-R's training (methods, sections 2.3 to 2.5): six streams, and a discriminator that learns beside the network. */
import { dropout } from '../../engine/ops/elementwise.js';
import { reversal } from '../../engine/optim/schedules.js';
import { purposes } from '../../engine/random.js';
import { scope } from '../../engine/tensor.js';
import { classOf, type Training, type TrainingStart } from '../method.js';
import { domainsOf } from '../streams.js';
import { streamTraining } from '../streamTraining.js';
import type { SsdgConfig } from './config.js';
import { ssdgLoss } from './losses.js';
import { Discriminator, type SsdgNet } from './network.js';

export function ssdgTraining(start: TrainingStart<SsdgConfig, SsdgNet>): Training {
  const { config, device, network, frames } = start;
  const { ssdg, seed } = config;
  const domains = domainsOf(frames);
  const discriminator = new Discriminator(device, { seed, sources: domains.length });
  const shared = streamTraining(start, ssdg, [...network.parameters(), ...discriminator.parameters()]);
  const strength = reversal({ length: Math.max(1, ssdg.steps - 1) });
  const options = {
    lambdaTriplet: Number(ssdg.lambda_triplet),
    lambdaDomain: Number(ssdg.lambda_adreal),
    margin: ssdg.margin,
    squared: ssdg.variant === 'as-described',
  };
  return {
    title: 'SSDG-R',
    ...shared,
    batchKey: 'ssdg.batch',
    companion: discriminator,
    loss({ images, frames: batch, at: { steps: step } }) {
      const dropWith = (purpose: number) => (x: Parameters<typeof dropout>[0]) =>
        dropout(x, ssdg.dropout, { seed, purpose, step });
      const output = scope(() => network.forward(images(), dropWith(purposes.dropout)));
      const targets = { classes: batch.map(classOf), domains: batch.map(({ domain }) => domains.indexOf(domain)) };
      // The released counter is raised before it is used.
      const adversary = { coefficient: strength(step + 1), drop: dropWith(purposes.adversary) };
      const { loss, ce, triplet, domain } = ssdgLoss(
        output,
        targets,
        (rows) => discriminator.forward(rows, adversary),
        options,
      );
      return { loss, ce, triplet, domain };
    },
    dispose() {
      shared.optimizer.dispose();
      discriminator.dispose();
    },
  };
}
