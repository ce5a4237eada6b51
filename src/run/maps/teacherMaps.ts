/** The maps that a teacher draws of an experiment's training frames, the quasi ground truth of the method's own: kept in one file. */
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { inBatches, type LoadedBatch, loadBatches } from '../../data/loader.js';
import { type Frame, relativePath } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { imagesToFeatures } from '../../engine/ops/images.js';
import { scope } from '../../engine/tensor.js';
import { readSafetensors, type SafetensorsFile, toFloat32 } from '../../formats/safetensors.js';
import { writeSealed } from '../../formats/sealed.js';
import { classOf, liveClass, type Network, spoofClass, type TeacherMaps } from '../../method/method.js';
import { pixelScaling } from '../../method/normalize.js';
import type { Experiment } from '../experiment.js';
import type { Progress } from '../progress.js';
import { mapSizeOf, teacherOf } from './teacher.js';

/** Images of a batch of maps. */
export const mapBatch = 10;

/** The maps of the training frames, by position in `Experiment.train`. */
export interface QuasiGroundTruth extends TeacherMaps {
  /** Images whose Grad-CAM is nowhere positive. */
  zero: number;
  /** What the activation network, in evaluation mode as it drew the maps, makes of the frames of each class. */
  recognised: Record<'live' | 'spoof', { images: number; right: number }>;
}

/** Maps [N,M,M] of a batch, each image for its own class, and logits [N,2]; the teacher in evaluation mode, its weights packed in `frozen`. */
export async function drawMaps(
  { config }: Pick<Experiment, 'config'>,
  device: Device,
  net: Network,
  { pixels, frames }: Pick<LoadedBatch, 'pixels' | 'frames'>,
  frozen: FrozenWeights,
): Promise<{ maps: Float32Array; logits: Float32Array }> {
  const size = config.data.image_size;
  const result = scope(() => {
    const images = imagesToFeatures(device, pixels, [frames.length, size, size], pixelScaling(config.data.normalize));
    return frozen.use(() => teacherOf({ config }).maps(config, net, images, frames.map(classOf)));
  });
  const maps = (await result.maps.read()) as Float32Array;
  const logits = (await result.logits.read()) as Float32Array;
  result.maps.release();
  result.logits.release();
  return { maps, logits };
}

/**
 * Writes `maps` [frames,M,M] and the teacher's `logits` [frames,2] to a safetensors file, with the frames' paths in a text
 * file beside it.
 * @throws Interrupted when `signal` fires
 */
export async function writeMaps(
  experiment: Experiment,
  device: Device,
  net: Network,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { config, train } = experiment;
  const mapSize = mapSizeOf(experiment);
  const maps = new Float32Array(train.length * mapSize * mapSize);
  const logits = new Float32Array(train.length * 2);
  net.train(false);
  progress.begin('quasi ground truth maps', train.length, 0, 'images');
  let done = 0;
  const { image_size: size, workers, cache } = config.data;
  const loading = { size, workers, signal, cache, note: (text: string) => progress.note(text) };
  const frozen = new FrozenWeights();
  try {
    for await (const batch of loadBatches(inBatches(train, mapBatch), loading)) {
      const made = await drawMaps(experiment, device, net, batch, frozen);
      maps.set(made.maps, done * mapSize * mapSize);
      logits.set(made.logits, done * 2);
      done += batch.frames.length;
      progress.update(done);
    }
  } finally {
    frozen.release();
  }
  progress.end();
  // The maps come last: once they are there, stage 1 is whole.
  await writeFileWhole(
    path.replace(/safetensors$/, 'txt'),
    train.map((frame) => `${frame.domain}/${relativePath(frame)}\n`).join(''),
  );
  const tensors = [
    { name: 'maps', dtype: 'F32', shape: [train.length, mapSize, mapSize], data: maps },
    { name: 'logits', dtype: 'F32', shape: [train.length, 2], data: logits },
  ] as const;
  await writeSealed(path, tensors, precisionEntry(device));
}

/** The header's entry of a file of stage 1 that says what it was computed in; fp32 goes without saying. */
export function precisionEntry({ arithmetic }: Device): Record<string, string> {
  return arithmetic === 'fp32' ? {} : { precision: arithmetic };
}

/**
 * @param train the frames the maps were made for
 * @param size side of the maps
 * @throws UserError when the file's shapes are others
 */
export async function readMaps(path: string, train: readonly Frame[], size: number): Promise<QuasiGroundTruth> {
  const file = await readSafetensors(path);
  const values = await float32(file, 'maps', [train.length, size, size]);
  const logits = await float32(file, 'logits', [train.length, 2]);
  const recognised = { live: { images: 0, right: 0 }, spoof: { images: 0, right: 0 } };
  let zero = 0;
  train.forEach((frame, i) => {
    if (values.subarray(i * size * size, (i + 1) * size * size).every((value) => value === 0)) zero++;
    const decided = logits[2 * i + liveClass]! > logits[2 * i + spoofClass]! ? liveClass : spoofClass;
    const counts = recognised[frame.label];
    counts.images++;
    if (decided === classOf(frame)) counts.right++;
  });
  return { values, size, zero, recognised };
}

/** The maps' quality in a sentence. An all-zero map is one whose Grad-CAM is nowhere positive. */
export function describeMaps({ zero, recognised: { live, spoof } }: QuasiGroundTruth): string {
  const share = ({ images, right }: { images: number; right: number }) => `${right} of ${images}`;
  return `the activation network recognises ${share(live)} live and ${share(spoof)} spoof images; all-zero maps: ${zero}`;
}

/**
 * Says how good the maps are, and warns where the network mistakes most images of a class: Grad-CAM then shows little of why they
 * belong to it. Seen when the running batch-norm statistics, which evaluation uses, are far behind the weights.
 */
export function noteQuality(maps: QuasiGroundTruth, progress: Progress): void {
  progress.note(describeMaps(maps));
  if (Object.values(maps.recognised).some(({ images, right }) => right < images / 2)) {
    progress.note('these maps are poor: train stage 1 longer (activation.epochs) or in smaller steps (activation.lr)');
  }
}

async function float32(file: SafetensorsFile, name: string, needed: readonly number[]): Promise<Float32Array> {
  const shape = file.names.includes(name) ? file.info(name).shape : [];
  if (shape.join() !== needed.join()) {
    throw new UserError(
      `${file.path} holds ${name} [${shape}], [${needed}] are needed`,
      'remove that folder; it is made again',
    );
  }
  return toFloat32(await file.tensor(name));
}
