/** How much memory a training will need, before its first step: both stages' steps are gone through on a device that computes nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import type { Device } from '../../engine/device.js';
import { dryDevice } from '../../engine/dryDevice.js';
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { clearGrads } from '../../engine/tape.js';
import { EngineScorer } from '../../evaluate/engineEvaluator.js';
import type { Network, Training } from '../../method/method.js';
import { trainingStart } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { emptyNet, scoringNetwork } from '../engines.js';
import type { Experiment } from '../experiment.js';
import { Health } from '../health.js';
import { stage1Folder } from '../maps/teacher.js';
import { drawMaps, mapBatch } from '../maps/teacherMaps.js';
import { releaseTerms, stepOf } from './step.js';

/** Bytes. */
export interface MemoryNeed {
  stage: string;
  /** The key that makes its batches smaller. */
  batchKey: string;
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
const allowance = 32 * 2 ** 20;

/** What each stage that is still to be done needs. */
export async function memoryNeeds(experiment: Experiment, device: Device, out: string): Promise<MemoryNeed[]> {
  const { config, train: frames } = experiment;
  const { teacher, mapSize, ...method } = methodOf(config);
  const needs: MemoryNeed[] = [];
  const now = process.memoryUsage.rss();
  const dry = () =>
    dryDevice(device.threads, { convAlgorithm: config.train.conv_algorithm, precision: device.precision });
  if (teacher !== undefined && !existsSync(join(stage1Folder(experiment, out), 'maps.safetensors'))) {
    const net = teacher.network(config, dry());
    const training = teacher.training({ config, device: net.device, network: net, frames });
    const batch = await goThrough(experiment, net, training);
    net.train(false);
    const some = frames.slice(0, mapBatch);
    const pixels = pixelsOf(experiment, some.length);
    await drawMaps(experiment, net.device, net, { pixels, frames: some }, new FrozenWeights());
    needs.push(needOf(training, experiment, net, device, batch, now));
  }
  const net = method.network(config, dry(), config.seed);
  const size = mapSize?.(config);
  const maps = size === undefined ? undefined : { values: new Float32Array(frames.length * size * size), size };
  const training = method.training({ config, device: net.device, network: net, frames, maps });
  const batch = await goThrough(experiment, net, training);
  await scoreBetween(experiment, net.device);
  needs.push(needOf(training, experiment, net, device, batch, now));
  return needs;
}

/** @throws UserError when a stage needs more than `limit` bytes */
export async function checkMemory(experiment: Experiment, device: Device, out: string, limit: number): Promise<void> {
  if (device.name !== 'cpu') throw new UserError(`--memory-limit is for the device cpu, not for ${device.name}`);
  const needs = await memoryNeeds(experiment, device, out);
  const [largest] = needs.sort((a, b) => b.device - a.device);
  const { stage, batch, batchKey, device: tensors } = largest!;
  // The arena never shrinks: what the largest stage took of it is there while another one writes its checkpoints.
  const host = Math.max(...needs.map((need) => need.host));
  if (tensors + host <= limit) return;
  const { image_size: size } = experiment.config.data;
  throw new UserError(
    `training would take about ${inUnits(tensors + host)} (${stage}, ${batch} images of ${size} pixels a batch), more than the limit of ${inUnits(limit)}`,
    `less is needed with smaller ${batchKey} or data.image_size`,
  );
}

/** Two steps with the first batch: the second finds what the first left. Returns the images of a batch. */
async function goThrough(experiment: Experiment, net: Network, training: Training): Promise<number> {
  const { optimizer, companion } = training;
  const health = new Health(net, companion);
  const positions = training.batches(0)[0]!;
  const frames = positions.map((i) => experiment.train[i]!);
  const submit = stepOf(training, experiment.config, net.device);
  for (let step = 0; step < 2; step++) {
    training.schedule?.(trainingStart);
    const terms = submit({ pixels: pixelsOf(experiment, frames.length), frames }, positions, trainingStart, () => {});
    health.look(Object.values(terms));
    releaseTerms(terms);
    optimizer.step(health.finite);
    training.afterStep?.(trainingStart);
    clearGrads(optimizer.parameters);
  }
  return frames.length;
}

/**
 * What a training scores between its epochs, by a copy of the network beside all that learns: the development split, to choose what is kept;
 * else the faces whose maps TensorBoard shows, one by one.
 */
async function scoreBetween(experiment: Experiment, device: Device): Promise<void> {
  const { config, dev } = experiment;
  const shown = config.log.tensorboard && methodOf(config).mapSize !== undefined ? 1 : 0;
  const images = config.train.keep === 'all' ? shown : Math.min(config.eval.batch_size, dev.length);
  if (images === 0) return;
  const copy = emptyNet(experiment, device);
  const scorer = new EngineScorer(device, scoringNetwork(config, copy), config.data.normalize);
  await scorer.score(pixelsOf(experiment, images), images, config.data.image_size);
  scorer.release();
  copy.dispose();
}

function pixelsOf({ config: { data } }: Experiment, images: number): Uint8Array {
  return new Uint8Array(images * data.image_size ** 2 * 3);
}

function needOf(
  { title, batchKey }: Training,
  { config, train }: Experiment,
  net: Network,
  { threads }: Device,
  batch: number,
  now: number,
): MemoryNeed {
  const parameters = net.parameters().reduce((sum, { size }) => sum + size, 0);
  const checkpoint = 3 * 4 * parameters;
  const images = batchesAtHand * batch * config.data.image_size ** 2 * 3;
  const maps = 2 * 4 * train.length * (methodOf(config).mapSize?.(config) ?? 0) ** 2;
  const host = now + allowance + checkpoint + images + maps;
  return { stage: title, batch, batchKey, device: net.device.memory().reserved + workingMemory(threads), host };
}

function inUnits(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
