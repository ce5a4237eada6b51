/** Stage 2 (method, section 4): LDCNet on balanced batches, supervised by labels, materials and quasi ground truth maps. */
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { writeFileWhole } from '../base/files.js';
import type { Frame } from '../data/manifest.js';
import { balancedStreams, epochBatches } from '../data/sampler.js';
import type { Device } from '../engine/device.js';
import { dropout } from '../engine/ops/elementwise.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { Adam } from '../engine/optim/optimizers.js';
import { Profiler } from '../engine/profile.js';
import { purposes } from '../engine/random.js';
import { backward, withTape } from '../engine/tape.js';
import { features, scope } from '../engine/tensor.js';
import { ldcNetLoss, materials } from '../method/ldcnet/losses.js';
import { LdcNet } from '../method/ldcnet/network.js';
import { pixelScaling } from '../method/normalize.js';
import type { Stage1 } from './activationStage.js';
import { Checkpoints, checkpointNames, loadModel, trainingStart } from './checkpoint.js';
import { runEpochs, type Stage, type StepRecord } from './epochs.js';
import { bestCheckpoint } from './evaluateRun.js';
import type { Experiment } from './experiment.js';
import type { Progress } from './progress.js';
import { classOf, type QuasiGroundTruth } from './quasiMaps.js';
import type { RunFolder } from './runFolder.js';
import { loadWeights } from './weights.js';
import { networkMetadata } from './weightsFile.js';

export interface LdcNetStageOptions {
  folder: RunFolder;
  progress: Progress;
  signal: AbortSignal;
  /** Times every kernel of the steps, and is told when they are done. */
  onProfile?: (profiler: Profiler) => void;
  /** Told of every step. */
  onStep: (record: StepRecord) => void;
}

/**
 * Trains from the newest checkpoint, if there is one, to the last epoch, and writes metrics.jsonl.
 * @throws Interrupted after saving, when `signal` fires; WorkError when training diverges
 */
export async function trainLdcNet(
  experiment: Experiment,
  device: Device,
  stage1: Stage1,
  { folder, progress, signal, onProfile, onStep }: LdcNetStageOptions,
): Promise<void> {
  const { config, train: frames } = experiment;
  const { data, train: settings, seed } = config;
  const net = await startNetwork(experiment, device, stage1, folder, progress);
  const optimizer = new Adam(device, net.parameters(), { lr: settings.lr });
  const checkpoints = new Checkpoints(folder.checkpoints, net, optimizer, {
    network: 'ldcnet',
    protocol: experiment.protocol.name,
    ...networkMetadata(config),
  });
  const start = await checkpoints.resume((text) => progress.note(text));
  if (start !== undefined) progress.note(`resumed after ${start.epoch} epochs and ${start.batch} steps`);
  await cutMetrics(folder, start?.steps ?? 0);
  const streams = balancedStreams(frames, settings.per_domain);
  const profiler = onProfile && new Profiler(device, net);
  await runEpochs(
    {
      title: 'LDCNet',
      device,
      module: net,
      optimizer,
      frames,
      imageSize: data.image_size,
      workers: data.workers,
      cache: data.cache,
      epochs: settings.epochs,
      batchesOf: (epoch) => epochBatches(streams, seed, epoch),
      submit: ldcNetStep(experiment, net, stage1.maps),
      checkpoints,
      saveEvery: settings.save_every,
      checkpointEvery: settings.checkpoint_every,
      onNan: settings.on_nan,
      retain: () => retain(experiment, device, folder, checkpoints),
      onStep: async (record) => {
        onStep(record);
        profiler?.endStep();
        await appendFile(folder.metrics, `${JSON.stringify(metricsLine(record))}\n`);
      },
    },
    start ?? trainingStart,
    progress,
    signal,
  );
  if (profiler !== undefined) {
    onProfile!(profiler);
    profiler.close();
  }
  optimizer.dispose();
  net.dispose();
}

/** LDCNet as training starts: at random, from ImageNet weights, or as stage 1 left it. */
async function startNetwork(
  { config }: Experiment,
  device: Device,
  stage1: Stage1,
  folder: RunFolder,
  progress: Progress,
): Promise<LdcNet> {
  const { model, seed } = config;
  const net = new LdcNet(device, { conv: model.conv, mapSize: model.map_size, seed });
  if (config.activation.network === 'ldcnet') await loadModel(stage1.network, net);
  else if (model.weights !== null) await loadWeights(model.weights, net, folder.weights, progress);
  return net;
}

/** Forward and backward of one step, as `runEpochs` calls it. */
export function ldcNetStep(
  { config, train: frames }: Experiment,
  net: LdcNet,
  maps: Pick<QuasiGroundTruth, 'values' | 'size'>,
): Stage['submit'] {
  const { data, model, train: settings, seed } = config;
  const { device } = net;
  const parameters = net.parameters();
  const scaling = pixelScaling(data.normalize);
  const materialOf = materialLabels(frames);
  return ({ pixels, frames: batch }, positions, { steps }, mark) =>
    scope(() =>
      withTape(() => {
        const key = { seed, purpose: purposes.dropout, step: steps };
        const output = scope(() => {
          const images = imagesToFeatures(device, pixels, [batch.length, data.image_size, data.image_size], scaling);
          return net.forward(images, (feature) => dropout(feature, model.dropout, key));
        });
        const targets = targetMaps(maps, batch, positions);
        const shape = [batch.length, 1, maps.size, maps.size];
        const terms = ldcNetLoss(
          output,
          {
            classes: batch.map(classOf),
            materials: batch.map(materialOf),
            liveMap: features(device, targets.live, shape),
            spoofMap: features(device, targets.spoof, shape),
          },
          settings,
        );
        mark();
        backward([{ tensor: terms.loss }], parameters);
        return { ...terms };
      }),
    );
}

/** Only where a checkpoint would go: scoring the development split takes time. */
async function retain(experiment: Experiment, device: Device, folder: RunFolder, checkpoints: Checkpoints) {
  const { keep } = experiment.config.train;
  const names = await checkpointNames(folder.checkpoints);
  const spare = keep !== 'all' && names.length > Math.max(2, keep);
  const best = spare ? await bestCheckpoint(experiment, device, folder) : undefined;
  await checkpoints.retain(keep, best === undefined ? [] : [best]);
}

/** A live image's live map is its CAM and its spoof map is zero; the other way round for a spoof. */
function targetMaps(
  maps: Pick<QuasiGroundTruth, 'values' | 'size'>,
  batch: readonly Frame[],
  positions: readonly number[],
) {
  const area = maps.size * maps.size;
  const [live, spoof] = [new Float32Array(batch.length * area), new Float32Array(batch.length * area)];
  batch.forEach((frame, row) => {
    const cam = maps.values.subarray(positions[row]! * area, (positions[row]! + 1) * area);
    (frame.label === 'live' ? live : spoof).set(cam, row * area);
  });
  return { live, spoof };
}

/** print 0, live 1, replay 2, as released; further attack types follow in alphabetical order. */
function materialLabels(frames: readonly Frame[]): (frame: Frame) => number {
  const types = new Set(frames.filter(({ label }) => label === 'spoof').map(({ attackType }) => attackType));
  const others = [...types].filter((type) => !(type in materials)).sort();
  const labels = new Map<string, number>([
    ...Object.entries(materials),
    ...others.map((type, i) => [type, 3 + i] as const),
  ]);
  return (frame) => (frame.label === 'live' ? materials.live : labels.get(frame.attackType)!);
}

/** A line of metrics.jsonl. */
function metricsLine({ epoch, step, figures, seconds, images }: StepRecord) {
  const { loss, ce, triplet, liveMap, spoofMap } = figures;
  const total = seconds.wait + seconds.forward + seconds.backward + seconds.optimizer;
  const rounded = Object.fromEntries(
    Object.entries(seconds).map(([name, value]) => [name, Math.round(value * 1e4) / 1e4]),
  );
  return {
    epoch: epoch + 1,
    step,
    loss,
    ce,
    triplet,
    live_map: liveMap,
    spoof_map: spoofMap,
    images_per_s: Math.round((images / total) * 100) / 100,
    seconds: rounded,
  };
}

/** Drops the lines of steps that are done again after a resume. */
async function cutMetrics(folder: RunFolder, steps: number): Promise<void> {
  if (!existsSync(folder.metrics)) return;
  const lines = (await readFile(folder.metrics, 'utf8')).split('\n');
  await writeFileWhole(
    folder.metrics,
    lines
      .slice(0, steps)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
