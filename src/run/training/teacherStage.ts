/**
 * Stage 1 of a method with a teacher: the teacher of a set of source domains and the maps that it draws. Both depend on the sources
 * and on a few settings only, so that runs which agree in these share one folder.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import { removeLeftovers } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import type { Device } from '../../engine/device.js';
import { readSafetensors } from '../../formats/safetensors.js';
import { checkSeal } from '../../formats/sealed.js';
import type { Network } from '../../method/method.js';
import { Checkpoints, loadModel, saveModel, trainingStart } from '../checkpoint.js';
import type { Experiment } from '../experiment.js';
import { mapSizeOf, stage1Folder, teacherFile, teacherOf } from '../maps/teacher.js';
import { precisionEntry, type QuasiGroundTruth, readMaps, writeMaps } from '../maps/teacherMaps.js';
import { loadWeights } from '../models/weights.js';
import type { Progress } from '../progress.js';
import { runEpochs } from './epochs.js';

export interface TeacherStage {
  folder: string;
  /** safetensors of the teacher. */
  network: string;
  maps: QuasiGroundTruth;
  /** What it was computed in: fp32, tf32 or bf16, "bf16 and fp32" where the maps were drawn in another than the teacher was trained in. */
  precision: string;
}

/**
 * Makes what is missing of stage 1, or damaged, and returns it. Runs that share it wait for the one that makes it. Runs in another
 * precision share it too, and are told.
 * @throws Interrupted after saving, when `signal` fires
 */
export async function teacherStage(
  experiment: Experiment,
  device: Device,
  out: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<TeacherStage> {
  const teacher = teacherOf(experiment);
  const folder = stage1Folder(experiment, out);
  const network = teacherFile(folder);
  const mapFile = join(folder, 'maps.safetensors');
  const ready = async () => (await isWhole(network, progress)) && (await isWhole(mapFile, progress));
  const make = async () => {
    await removeLeftovers(folder);
    if (await ready()) return;
    const net = teacher.network(experiment.config, device);
    try {
      if (await isWhole(network, progress)) await loadModel(network, net);
      else await trainTeacher(experiment, device, net, folder, progress, signal);
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
  const precision = [...new Set([await precisionOf(network), await precisionOf(mapFile)])].join(' and ');
  if (precision !== device.arithmetic) {
    progress.note(
      `stage 1 in ${folder} was made in ${precision} and is used as it is; what follows is computed in ${device.arithmetic} ` +
        '(another --out makes a stage 1 of its own)',
    );
  }
  return { folder, network, maps: await readMaps(mapFile, experiment.train, mapSizeOf(experiment)), precision };
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

const precisionOf = async (path: string) => (await readSafetensors(path)).metadata.precision ?? 'fp32';

/** The path of stage 1 as run.json holds it. */
export function stage1Reference(runPath: string, stage1: TeacherStage): string {
  return relative(runPath, stage1.folder);
}

async function trainTeacher(
  experiment: Experiment,
  device: Device,
  net: Network,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { config, train: frames } = experiment;
  const teacher = teacherOf(experiment);
  const weights = teacher.weights(config);
  if (weights !== null) {
    const ownName = (name: string) => teacher.ownName(name, config);
    await loadWeights(weights, net, ownName, join(folder, 'weights.json'), progress);
  }
  const training = teacher.training({ config, device, network: net, frames });
  const checkpoints = new Checkpoints(join(folder, 'checkpoints'), net, training, {});
  const start = (await checkpoints.resume((text) => progress.note(text))) ?? trainingStart;
  await runEpochs(
    {
      device,
      network: net,
      training,
      frames,
      config,
      checkpoints,
      // Only to resume from: what lasts is the network after the last epoch.
      saveEvery: Math.max(1, Math.floor(training.epochs / 10)),
      onStep: () => {},
      retain: () => checkpoints.retain(1),
    },
    start,
    progress,
    signal,
  );
  await saveModel(teacherFile(folder), net, { ...teacher.metadata(config), ...precisionEntry(device) });
  training.dispose();
}
