/** A run (method, section 4): stage 1 and maps where missing, then LDCNet, with everything it leaves in its directory. */
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { makeFolder, removeLeftovers, writeFileWhole } from '../base/files.js';
import { withLock } from '../base/lock.js';
import { configToYaml } from '../config/schema.js';
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
import { LdcNet } from '../method/ldcnet.js';
import { ldcNetLoss, materials } from '../method/losses.js';
import { pixelScaling } from '../method/normalize.js';
import { activationStage, classOf, type QuasiGroundTruth, stage1Reference } from './activationStage.js';
import { Checkpoints, checkpointNames, loadModel, trainingStart } from './checkpoint.js';
import { withEnding } from './ending.js';
import { runEpochs, type StepRecord } from './epochs.js';
import { bestCheckpoint } from './evaluateRun.js';
import { dataFacts, type Experiment } from './experiment.js';
import { Interrupted, type Progress } from './progress.js';
import { type RunFacts, type RunFolder, readFacts, writeFacts } from './runFolder.js';
import { version } from './version.js';
import { loadWeights } from './weights.js';
import { networkMetadata } from './weightsFile.js';

export interface TrainOptions {
  folder: RunFolder;
  /** The folder that holds all runs: stage 1 is shared there. */
  out: string;
  resume: boolean;
  progress: Progress;
  signal: AbortSignal;
  /** Times every kernel of LDCNet's steps, and is told when they are done. */
  onProfile?: (profiler: Profiler) => void;
}

/**
 * @throws UserError when the run exists and is not to be resumed, or another process works on it; Interrupted after saving, when the
 * signal fires
 */
export async function train(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  return withLock(options.folder.path, () => trainLocked(experiment, device, options));
}

async function trainLocked(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  const { folder } = options;
  await removeLeftovers(folder.path);
  await prepareFolder(experiment, options);
  return withEnding(folder, () => trainPrepared(experiment, device, options));
}

async function trainPrepared(experiment: Experiment, device: Device, options: TrainOptions): Promise<RunFacts> {
  const { folder, progress } = options;
  for (const notice of experiment.notices) progress.note(notice);
  const started = new Date();
  const stage1 = await activationStage(experiment, device, options.out, progress, options.signal);
  if (stage1.maps.zero > 0) {
    progress.note(
      `${stage1.maps.zero} of ${experiment.train.length} images have an all-zero map: their Grad-CAM is nowhere positive`,
    );
  }
  const facts: RunFacts = {
    version,
    protocol: experiment.protocol.name,
    device: device.description,
    threads: device.threads,
    seed: experiment.config.seed,
    data: dataFacts(experiment),
    synthetic: experiment.synthetic,
    stage1: stage1Reference(folder.path, stage1),
    started: started.toISOString(),
    seconds: 0,
    epochs: 0,
    finished: false,
  };
  const earlier = await earlierSeconds(folder);
  const settle = (epochs: number, finished: boolean) => {
    const seconds = Math.round((earlier + (Date.now() - started.getTime()) / 1000) * 10) / 10;
    return writeFacts(folder, Object.assign(facts, { seconds, epochs, finished }));
  };
  await settle(0, false);
  let reached = 0;
  try {
    await trainLdcNet(experiment, device, stage1.maps, stage1.network, options, (record) => {
      reached = record.epoch;
    });
    await settle(experiment.config.train.epochs, true);
  } catch (error) {
    if (error instanceof Interrupted) await settle(reached, false);
    throw error;
  }
  return facts;
}

async function prepareFolder({ config }: Experiment, { folder, resume, progress }: TrainOptions): Promise<void> {
  const yaml = configToYaml(config);
  if (!existsSync(folder.config)) {
    if (resume) progress.note(`there is nothing to resume in ${folder.path}; training starts afresh`);
    await makeFolder(folder.path);
    await writeFileWhole(folder.config, yaml);
    return;
  }
  if (!resume) {
    throw new UserError(
      `the run ${folder.path} exists already`,
      'go on with it: --resume; or give the new one a name: --name NAME',
    );
  }
  const earlier = await readFile(folder.config, 'utf8');
  const changed = differingLines(earlier, yaml);
  if (changed.length > 0) {
    throw new UserError(
      `the run ${folder.path} was started with another configuration (${changed.join('; ')})`,
      'resume with the same flags, or give the new run a name: --name NAME',
    );
  }
}

/** Lines of the new configuration that the old one does not have; more epochs and another device are no other run. */
function differingLines(before: string, after: string): string[] {
  const known = new Set(before.split('\n'));
  const free = /^\s*(epochs|threads|workers|cache|follow|save_every|keep|device|precision|checkpoint_every|on_nan):/;
  return after
    .split('\n')
    .filter((line) => !known.has(line) && !free.test(line))
    .map((line) => line.trim());
}

async function earlierSeconds(folder: RunFolder): Promise<number> {
  if (!existsSync(folder.facts)) return 0;
  return (await readFacts(folder)).seconds;
}

async function trainLdcNet(
  experiment: Experiment,
  device: Device,
  maps: QuasiGroundTruth,
  activationNetwork: string,
  { folder, progress, signal, onProfile }: TrainOptions,
  reached: (record: StepRecord) => void,
): Promise<void> {
  const { config, train: frames } = experiment;
  const { data, model, train: settings, seed } = config;
  const net = new LdcNet(device, { conv: model.conv, mapSize: model.map_size, seed });
  if (config.activation.network === 'ldcnet') await loadModel(activationNetwork, net);
  else if (model.weights !== null) {
    const report = await loadWeights(model.weights, net, (text) => progress.note(text));
    await writeFileWhole(folder.weights, `${JSON.stringify(report, null, 2)}\n`);
  }
  const parameters = net.parameters();
  const optimizer = new Adam(device, parameters, { lr: settings.lr });
  const checkpoints = new Checkpoints(folder.checkpoints, net, optimizer, {
    network: 'ldcnet',
    protocol: experiment.protocol.name,
    ...networkMetadata(config),
  });
  const start = await checkpoints.resume((text) => progress.note(text));
  if (start !== undefined) progress.note(`resumed after ${start.epoch} epochs and ${start.batch} steps`);
  await cutMetrics(folder, start?.steps ?? 0);

  /** Only where a checkpoint would go: scoring the development split takes time. */
  const retain = async () => {
    const { keep } = settings;
    const names = await checkpointNames(folder.checkpoints);
    const best =
      keep === 'all' || names.length <= Math.max(2, keep)
        ? undefined
        : await bestCheckpoint(experiment, device, folder);
    await checkpoints.retain(keep, best === undefined ? [] : [best]);
  };
  const streams = balancedStreams(frames, settings.per_domain);
  const scaling = pixelScaling(data.normalize);
  const size = data.image_size;
  const materialOf = materialLabels(frames);
  const profiler = onProfile && new Profiler(device, net);
  await runEpochs(
    {
      title: 'LDCNet',
      device,
      module: net,
      optimizer,
      frames,
      imageSize: size,
      workers: data.workers,
      cache: data.cache,
      epochs: settings.epochs,
      batchesOf: (epoch) => epochBatches(streams, seed, epoch),
      submit: ({ pixels, frames: batch }, positions, { steps }, mark) =>
        scope(() =>
          withTape(() => {
            const key = { seed, purpose: purposes.dropout, step: steps };
            const output = scope(() => {
              const images = imagesToFeatures(device, pixels, [batch.length, size, size], scaling);
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
        ),
      checkpoints,
      saveEvery: settings.save_every,
      checkpointEvery: settings.checkpoint_every,
      onNan: settings.on_nan,
      retain,
      onStep: async (record) => {
        reached(record);
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

/** A live image's live map is its CAM and its spoof map is zero; the other way round for a spoof. */
function targetMaps(maps: QuasiGroundTruth, batch: readonly Frame[], positions: readonly number[]) {
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
