/**
 * Stage 1 (method, section 3): the activation network of a set of source domains and the quasi ground truth maps it gives. Both
 * depend on the sources and on a few settings only, so that runs which agree in these share one folder.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { removeLeftovers } from '../base/files.js';
import { withLock } from '../base/lock.js';
import { protocolFolder } from '../config/protocol.js';
import { relativePath } from '../data/manifest.js';
import { shuffledBatches } from '../data/sampler.js';
import type { Device } from '../engine/device.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { crossEntropy } from '../engine/ops/losses.js';
import { Adam } from '../engine/optim/optimizers.js';
import { backward, withTape } from '../engine/tape.js';
import { scope } from '../engine/tensor.js';
import { readSafetensors } from '../formats/safetensors.js';
import { checkSeal } from '../formats/sealed.js';
import { ActivationNet } from '../method/ldcnet/activationNet.js';
import { LdcNet } from '../method/ldcnet/network.js';
import { pixelScaling } from '../method/normalize.js';
import { Checkpoints, loadModel, saveModel, trainingStart } from './checkpoint.js';
import { runEpochs, type Stage } from './epochs.js';
import type { Experiment } from './experiment.js';
import type { Progress } from './progress.js';
import { type ActivationNetwork, classOf, type QuasiGroundTruth, readMaps, writeMaps } from './quasiMaps.js';
import { loadWeights } from './weights.js';

export interface Stage1 {
  folder: string;
  /** safetensors of the activation network. */
  network: string;
  maps: QuasiGroundTruth;
}

/**
 * Makes what is missing of stage 1, or damaged, and returns it. Runs that share it wait for the one that makes it.
 * @throws Interrupted after saving, when `signal` fires
 */
export async function activationStage(
  experiment: Experiment,
  device: Device,
  out: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<Stage1> {
  const { config } = experiment;
  const folder = stage1Folder(experiment, out);
  const network = join(folder, 'activation.safetensors');
  const mapFile = join(folder, 'maps.safetensors');
  const ready = async () => (await isWhole(network, progress)) && (await isWhole(mapFile, progress));
  const make = async () => {
    await removeLeftovers(folder);
    if (await ready()) return;
    const net = makeNetwork(experiment, device);
    try {
      if (await isWhole(network, progress)) await loadModel(network, net);
      else await trainNetwork(experiment, device, net, folder, progress, signal);
      await rm(join(folder, 'checkpoints'), { recursive: true, force: true });
      await writeMaps(experiment, device, net, mapFile, progress, signal);
    } finally {
      net.dispose();
    }
  };
  if (!(await ready())) {
    await withLock(folder, make, {
      signal,
      onWait: ({ pid, host }) => progress.note(`process ${pid} on ${host} makes stage 1 of these sources; waiting`),
    });
  }
  return { folder, network, maps: await readMaps(mapFile, experiment.train, config.model.map_size) };
}

/** Whether a file is there and as it was written; what is damaged is made again. */
async function isWhole(path: string, progress: Progress): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    if ((await checkSeal(await readSafetensors(path))) !== undefined) return true;
    throw new UserError(`${path} has no checksum`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    progress.note(`${messageOf(error)}; it is made again`);
    return false;
  }
}

/** Where stage 1 of an experiment is, or will be. It holds maps.safetensors when it is whole. */
export function stage1Folder(experiment: Experiment, out: string): string {
  return join(out, protocolFolder(experiment.protocol), `stage1-${stage1Key(experiment)}`);
}

/** The activation network in a folder of stage 1, in evaluation mode; undefined where it is not there any more. */
export async function openActivationNetwork(
  experiment: Experiment,
  device: Device,
  folder: string,
): Promise<ActivationNetwork | undefined> {
  const path = join(folder, 'activation.safetensors');
  if (!existsSync(path)) return undefined;
  const net = makeNetwork(experiment, device);
  try {
    await loadModel(path, net);
  } catch (error) {
    net.dispose();
    throw error;
  }
  net.train(false);
  return net;
}

/** The path of stage 1 as run.json holds it. */
export function stage1Reference(runPath: string, stage1: Stage1): string {
  return relative(runPath, stage1.folder);
}

/** What stage 1 depends on, as a short hash. */
function stage1Key({ config, sources, train }: Experiment): string {
  const { seed, data, activation, model } = config;
  const conv = activation.network === 'ldcnet' ? [model.conv, model.weights] : [];
  const settings = [seed, data.image_size, data.normalize, data.dev_fraction, activation, model.map_size, ...conv];
  const hash = createHash('sha256').update(JSON.stringify([settings, sources.map((source) => source.hash)]));
  for (const frame of train) hash.update(`${frame.domain}/${relativePath(frame)}\n`);
  return hash.digest('hex').slice(0, 8);
}

export function makeNetwork({ config }: Experiment, device: Device): ActivationNetwork {
  const { seed, model } = config;
  if (config.activation.network === 'resnet18') return new ActivationNet(device, { seed });
  return new LdcNet(device, { conv: model.conv, mapSize: model.map_size, seed });
}

async function trainNetwork(
  experiment: Experiment,
  device: Device,
  net: ActivationNetwork,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { config, train } = experiment;
  const { activation, data, seed } = config;
  const weights = activation.weights ?? (activation.network === 'ldcnet' ? config.model.weights : null);
  if (weights !== null) await loadWeights(weights, net, join(folder, 'weights.json'), progress);
  const optimizer = new Adam(device, net.parameters(), { lr: activation.lr });
  const checkpoints = new Checkpoints(join(folder, 'checkpoints'), net, optimizer, {});
  const start = (await checkpoints.resume((text) => progress.note(text))) ?? trainingStart;
  await runEpochs(
    {
      title: 'activation network',
      device,
      module: net,
      optimizer,
      frames: train,
      imageSize: data.image_size,
      workers: data.workers,
      cache: data.cache,
      epochs: activation.epochs,
      batchesOf: (epoch) => shuffledBatches(train.length, activation.batch_size, seed, epoch),
      submit: activationStep(experiment, net),
      checkpoints,
      // Only to resume from: what lasts is the network after the last epoch.
      saveEvery: Math.max(1, Math.floor(activation.epochs / 10)),
      checkpointEvery: config.train.checkpoint_every,
      onNan: config.train.on_nan,
      onStep: () => {},
      retain: () => checkpoints.retain(1),
    },
    start,
    progress,
    signal,
  );
  await saveModel(join(folder, 'activation.safetensors'), net, { network: activation.network });
  optimizer.dispose();
}

/** Forward and backward of one step, as `runEpochs` calls it. */
export function activationStep({ config: { data } }: Experiment, net: ActivationNetwork): Stage['submit'] {
  const parameters = net.parameters();
  const scaling = pixelScaling(data.normalize);
  const size = data.image_size;
  return ({ pixels, frames }, _, __, mark) =>
    scope(() =>
      withTape(() => {
        const logits = scope(() =>
          net.classify(imagesToFeatures(net.device, pixels, [frames.length, size, size], scaling)),
        );
        const loss = crossEntropy(logits, frames.map(classOf));
        mark();
        backward([{ tensor: loss }], parameters);
        return { loss };
      }),
    );
}
