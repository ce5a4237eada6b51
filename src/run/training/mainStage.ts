/** The training of a method's own network, from the newest checkpoint on: epochs, metrics.jsonl, TensorBoard's events, checkpoints that may go. */
import { appendFileSync, existsSync } from 'node:fs';
import { linesOf, writeWhole } from '../../base/files.js';
import type { Device } from '../../engine/device.js';
import { Profiler } from '../../engine/profile.js';
import type { Network } from '../../method/method.js';
import { Checkpoints, checkpointNames, loadModel, trainingStart } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { bestCheckpoint } from '../evaluation/evaluateRun.js';
import type { Experiment } from '../experiment.js';
import { loadWeights } from '../models/weights.js';
import { networkMetadata } from '../models/weightsFile.js';
import type { Progress } from '../progress.js';
import type { RunFolder } from '../runFolder.js';
import { runEpochs, type StepRecord } from './epochs.js';
import { EventLog, type MetricsLine } from './eventLog.js';
import type { TeacherStage } from './teacherStage.js';

export interface MainStageOptions {
  folder: RunFolder;
  progress: Progress;
  signal: AbortSignal;
  /** Times every kernel of the steps, and is told when they are done. */
  onProfile?: (profiler: Profiler) => void;
  /** Told of every step. */
  onStep: (record: StepRecord) => void;
}

/**
 * Trains from the newest checkpoint, if there is one, to the last epoch, and writes metrics.jsonl. Returns the number of epochs.
 * @throws Interrupted after saving, when `signal` fires; WorkError when training diverges
 */
export async function trainNetwork(
  experiment: Experiment,
  device: Device,
  stage1: TeacherStage | undefined,
  { folder, progress, signal, onProfile, onStep }: MainStageOptions,
): Promise<number> {
  const { config, train: frames } = experiment;
  const method = methodOf(config);
  const network = await startNetwork(experiment, device, stage1, folder, progress);
  const training = method.training({ config, device, network, frames, maps: stage1?.maps });
  const checkpoints = new Checkpoints(folder.checkpoints, network, training, {
    network: method.name,
    protocol: experiment.protocol.name,
    ...networkMetadata(config),
  });
  const start = await checkpoints.resume((text) => progress.note(text));
  if (start !== undefined) progress.note(`resumed after ${start.epoch} epochs and ${start.batch} steps`);
  await cutMetrics(folder, start?.steps ?? 0);
  const log = config.log.tensorboard ? await EventLog.open(folder, experiment, start?.steps ?? 0) : undefined;
  const done = { epoch: start?.epoch ?? 0, step: start?.steps ?? 0 };
  const profiler = onProfile && new Profiler(device, network);
  await runEpochs(
    {
      device,
      network,
      training,
      frames,
      config,
      checkpoints,
      saveEvery: config.train.save_every,
      async retain() {
        await retain(experiment, device, folder, checkpoints);
        await log?.checkpoint(folder, device, done);
      },
      onStep: (record) => {
        onStep(record);
        profiler?.endStep();
        Object.assign(done, { epoch: record.epoch + 1, step: record.step });
        const line = metricsLine(record);
        // At once: on libuv's threads it would queue behind the decoders.
        appendFileSync(folder.metrics, `${JSON.stringify(line)}\n`);
        log?.step(line);
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
  log?.end(done.step);
  const { epochs } = training;
  training.dispose();
  network.dispose();
  return epochs;
}

/** The network as training starts: at random, from a file of weights, or as its teacher is. */
async function startNetwork(
  { config }: Experiment,
  device: Device,
  stage1: TeacherStage | undefined,
  folder: RunFolder,
  progress: Progress,
): Promise<Network> {
  const method = methodOf(config);
  const network = method.network(config, device, config.seed);
  const weights = method.weights(config);
  if (stage1 !== undefined && method.teacher?.isStart(config)) await loadModel(stage1.network, network);
  else if (weights !== null) {
    await loadWeights(weights, network, (name) => method.ownName(name, config), folder.weights, progress);
  }
  return network;
}

/** Only where a checkpoint would go: scoring the development split takes time. */
async function retain(experiment: Experiment, device: Device, folder: RunFolder, checkpoints: Checkpoints) {
  const { keep } = experiment.config.train;
  const names = await checkpointNames(folder.checkpoints);
  const spare = keep !== 'all' && names.length > Math.max(2, keep);
  const best = spare ? await bestCheckpoint(experiment, device, folder) : undefined;
  await checkpoints.retain(keep, best === undefined ? [] : [best]);
}

/** A line of metrics.jsonl: the terms of the loss by their names, `liveMap` being `live_map`. */
function metricsLine({ epoch, step, figures, learningRate, seconds, images }: StepRecord): MetricsLine {
  const total = seconds.wait + seconds.forward + seconds.backward + seconds.optimizer;
  const rounded = Object.fromEntries(
    Object.entries(seconds).map(([name, value]) => [name, Math.round(value * 1e4) / 1e4]),
  );
  const terms = Object.entries(figures).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return {
    epoch: epoch + 1,
    step,
    ...Object.fromEntries(terms),
    ...(learningRate !== undefined && { learning_rate: learningRate }),
    images_per_s: Math.round((images / total) * 100) / 100,
    seconds: rounded,
  };
}

/** Drops the lines of steps that are done again after a resume. */
async function cutMetrics(folder: RunFolder, steps: number): Promise<void> {
  if (!existsSync(folder.metrics)) return;
  await writeWhole(folder.metrics, async (file) => {
    let [lines, part] = [0, ''];
    for await (const line of linesOf(folder.metrics)) {
      if (lines++ === steps) break;
      part += `${line}\n`;
      if (part.length < 2 ** 20) continue;
      await file.write(part);
      part = '';
    }
    await file.write(part);
  });
}
