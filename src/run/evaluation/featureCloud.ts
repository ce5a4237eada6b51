/** Where crops of the sources and the target lie in the space of the feature f, seen along its two principal components. */
import { join } from 'node:path';
import { evenly } from '../../base/evenly.js';
import { inBatches, loadBatches } from '../../data/loader.js';
import { type Frame, type Label, labels } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { imagesToFeatures } from '../../engine/ops/images.js';
import { scope } from '../../engine/tensor.js';
import { principalComponents } from '../../evaluate/pca.js';
import type { Network } from '../../method/method.js';
import { pixelScaling } from '../../method/normalize.js';
import { loadModel } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { emptyNet } from '../engines.js';
import type { Experiment } from '../experiment.js';
import type { Progress } from '../progress.js';
import type { RunFolder } from '../runFolder.js';

/** Crops of each domain and label that are looked at, at most. */
const CROPS_EACH = 40;

/** One crop. */
export interface CloudPoint {
  /** Letter of the domain; the target's says so, `M (target)`. */
  domain: string;
  label: Label;
  /** Along the first and the second component. */
  x: number;
  y: number;
}

export interface FeatureCloud {
  checkpoint: string;
  points: CloudPoint[];
  /** Shares of the variance of f along x and y. */
  shares: readonly [number, number];
}

/**
 * Null where the method has no features. At most 40 crops of every domain and label, evenly spaced in the order of the manifests, so that they are of as many videos as there are.
 * @throws UserError for an unreadable image or a checkpoint that does not fit
 */
export async function featureCloud(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  checkpoint: string,
  progress: Progress,
): Promise<FeatureCloud | null> {
  if (methodOf(experiment.config).features === undefined) return null;
  const crops = cropsOf(experiment, CROPS_EACH);
  const net = emptyNet(experiment, device);
  try {
    await loadModel(join(folder.checkpoints, `${checkpoint}.safetensors`), net);
    const frames = crops.map(({ frame }) => frame);
    const { coordinates, shares } = principalComponents(await featuresOf(experiment, device, net, frames, progress), 2);
    const points = crops.map(({ domain, frame: { label } }, i) => {
      const [x, y] = coordinates[i] as [number, number];
      return { domain, label, x, y };
    });
    return { checkpoint, points, shares: shares as [number, number] };
  } finally {
    net.dispose();
  }
}

function cropsOf({ sources, targets }: Experiment, each: number): { domain: string; frame: Frame }[] {
  const sides = [
    ...sources.map(({ domain, frames }) => ({ domain, frames })),
    ...targets.map(({ domain, frames }) => ({ domain: `${domain} (target)`, frames })),
  ];
  return sides.flatMap(({ domain, frames }) =>
    labels.flatMap((label) => {
      const own = frames.filter((frame) => frame.label === label);
      return evenly(own, each).map((frame) => ({ domain, frame }));
    }),
  );
}

/** The feature of each frame, [F]. */
async function featuresOf(
  { config }: Experiment,
  device: Device,
  net: Network,
  frames: readonly Frame[],
  progress: Progress,
): Promise<Float32Array[]> {
  const { data, eval: evaluation } = config;
  const { image_size: size, workers } = data;
  const scaling = pixelScaling(data.normalize);
  const weights = new FrozenWeights();
  const features: Float32Array[] = [];
  const of = methodOf(config).features!;
  net.train(false);
  progress.begin('features', frames.length);
  try {
    for await (const { pixels, frames: some } of loadBatches(inBatches(frames, evaluation.batch_size), {
      size,
      workers,
    })) {
      const output = scope(() =>
        weights.use(() => of(net, imagesToFeatures(device, pixels, [some.length, size, size], scaling))),
      );
      const values = (await output.read()) as Float32Array;
      output.release();
      const width = values.length / some.length;
      for (let i = 0; i < some.length; i++) features.push(values.subarray(i * width, (i + 1) * width));
      progress.update(features.length);
    }
    progress.end();
    return features;
  } finally {
    weights.release();
  }
}
