/** How much memory a training will need, before its first step: both stages' steps are gone through on a device that computes nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { balancedStreams, epochBatches } from '../data/sampler.js';
import type { Device } from '../engine/device.js';
import { dryDevice } from '../engine/dryDevice.js';
import type { Module } from '../engine/nn/module.js';
import { FrozenWeights } from '../engine/ops/conv2d.js';
import { Adam } from '../engine/optim/optimizers.js';
import { clearGrads } from '../engine/tape.js';
import { LdcNet } from '../method/ldcnet/network.js';
import { activationStep, makeNetwork, stage1Folder } from './activationStage.js';
import { trainingStart } from './checkpoint.js';
import type { Stage } from './epochs.js';
import type { Experiment } from './experiment.js';
import { Health } from './health.js';
import { ldcNetStep } from './ldcnetStage.js';
import { camBatch, camMaps } from './quasiMaps.js';

/** Bytes. */
export interface MemoryNeed {
  stage: string;
  /** Images of a batch. */
  batch: number;
  /** Of the device: tensors at the peak of a step, and the kernels' working memory. */
  device: number;
  /** Of the process beside it: Node and its libraries as they are, images decoded ahead, a checkpoint being written, maps. */
  host: number;
}

/** Batches in memory at a time: one in use, two decoded ahead. */
const batchesAtHand = 3;
/** Working memory of the kernels, which grows with the number of threads and hardly with the batch. */
const workingMemory = (threads: number) => 8 * threads * 2 ** 20;
/** What Node, sharp and their threads take more once they are at work. */
const allowance = 16 * 2 ** 20;

/** What each stage that is still to be done needs. */
export async function memoryNeeds(experiment: Experiment, device: Device, out: string): Promise<MemoryNeed[]> {
  const { config, train } = experiment;
  const needs: MemoryNeed[] = [];
  const now = process.memoryUsage.rss();
  const dry = () => dryDevice(device.threads, { convAlgorithm: config.train.conv_algorithm });
  const area = config.model.map_size ** 2;
  if (!existsSync(join(stage1Folder(experiment, out), 'maps.safetensors'))) {
    const net = makeNetwork(experiment, dry());
    const batch = Math.min(config.activation.batch_size, train.length);
    const positions = Array.from({ length: batch }, (_, i) => i);
    await goThrough(experiment, net, activationStep(experiment, net), positions);
    net.train(false);
    const frames = train.slice(0, camBatch);
    await camMaps(
      experiment,
      net.device,
      net,
      { pixels: pixelsOf(experiment, frames.length), frames },
      new FrozenWeights(),
    );
    needs.push(needOf('activation network', experiment, net, device, batch, now));
  }
  const net = new LdcNet(dry(), { conv: config.model.conv, mapSize: config.model.map_size, seed: config.seed });
  const maps = { values: new Float32Array(train.length * area), size: config.model.map_size };
  const positions = epochBatches(balancedStreams(train, config.train.per_domain), config.seed, 0)[0]!;
  await goThrough(experiment, net, ldcNetStep(experiment, net, maps), positions);
  needs.push(needOf('LDCNet', experiment, net, device, positions.length, now));
  return needs;
}

/** @throws UserError when a stage needs more than `limit` bytes */
export async function checkMemory(experiment: Experiment, device: Device, out: string, limit: number): Promise<void> {
  if (device.name !== 'cpu') throw new UserError(`--memory-limit is for the device cpu, not for ${device.name}`);
  const needs = await memoryNeeds(experiment, device, out);
  const [largest] = needs.sort((a, b) => b.device + b.host - a.device - a.host);
  const { stage, batch, device: tensors, host } = largest!;
  if (tensors + host <= limit) return;
  const { image_size: size } = experiment.config.data;
  const key = stage === 'LDCNet' ? 'train.per_domain' : 'activation.batch_size';
  throw new UserError(
    `training would take about ${inUnits(tensors + host)} (${stage}, ${batch} images of ${size} pixels a batch), more than the limit of ${inUnits(limit)}`,
    `less is needed with smaller ${key} or data.image_size`,
  );
}

/** Two steps: the second finds what the first left. */
async function goThrough(
  experiment: Experiment,
  net: Module<never, unknown>,
  submit: Stage['submit'],
  positions: readonly number[],
): Promise<void> {
  const optimizer = new Adam(net.device, net.parameters(), { lr: 1 });
  const health = new Health(net);
  const frames = positions.map((i) => experiment.train[i]!);
  const batch = { pixels: pixelsOf(experiment, frames.length), frames, loadMs: 0 };
  for (let step = 0; step < 2; step++) {
    const figures = submit(batch, positions, trainingStart, () => {});
    for (const tensor of Object.values(figures)) tensor.release();
    await health.gradientsAreFinite();
    optimizer.step();
    clearGrads(optimizer.parameters);
  }
}

function pixelsOf({ config: { data } }: Experiment, images: number): Uint8Array {
  return new Uint8Array(images * data.image_size ** 2 * 3);
}

function needOf(
  stage: string,
  { config, train }: Experiment,
  net: Module<never, unknown>,
  { threads }: Device,
  batch: number,
  now: number,
): MemoryNeed {
  const parameters = net.parameters().reduce((sum, { size }) => sum + size, 0);
  const checkpoint = 3 * 4 * parameters;
  const images = batchesAtHand * batch * config.data.image_size ** 2 * 3;
  const maps = 2 * 4 * train.length * config.model.map_size ** 2;
  const host = now + allowance + checkpoint + images + maps;
  return { stage, batch, device: net.device.memory().reserved + workingMemory(threads), host };
}

function inUnits(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
