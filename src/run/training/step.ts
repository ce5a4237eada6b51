/** Forward and backward pass of one step of a training, as the loop submits it. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../config/schema.js';
import { augmentedImages, drawView, noAugmentation } from '../../data/augmentation.js';
import type { LoadedBatch } from '../../data/loader.js';
import type { Device } from '../../engine/device.js';
import { imagesToFeatures } from '../../engine/ops/images.js';
import { backward, withTape } from '../../engine/tape.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import type { Position, Terms, Training } from '../../method/method.js';
import { pixelScaling } from '../../method/normalize.js';

/** Submits the work of one step; `mark` is called between its two passes. What comes back is the caller's. */
export type SubmitStep = (
  batch: Pick<LoadedBatch, 'pixels' | 'frames'>,
  positions: readonly number[],
  at: Readonly<Position>,
  mark: () => void,
) => Terms;

/** Frees the terms of a step, of which one may stand under two names: a loss that is its only term. */
export function releaseTerms(terms: Terms): void {
  for (const tensor of new Set(Object.values(terms))) tensor.release();
}

export function stepOf(
  training: Training,
  { data, augment, seed }: Pick<Config, 'data' | 'augment' | 'seed'>,
  device: Device,
): SubmitStep {
  const size = data.image_size;
  const scaling = pixelScaling(data.normalize);
  const { views = 1 } = training;
  const plain = views === 1 && isDeepStrictEqual(augment, noAugmentation);
  const { interpolation } = augment;
  /** View 1 of all images, then view 2. */
  const repeated = <T>(list: readonly T[]) => Array.from({ length: views }, () => list).flat() as T[];
  const viewsOf = (pixels: Uint8Array, positions: readonly number[], epoch: number): Tensor => {
    const rows = Array.from({ length: views }, (_, view) =>
      positions.map((position, image) => ({
        image,
        view: drawView(augment, { seed, epoch, image: position, view }, size),
      })),
    ).flat();
    return augmentedImages(device, pixels, [positions.length, size], rows, { interpolation, scaling });
  };
  return ({ pixels, frames }, positions, at, mark) =>
    scope(() =>
      withTape(() => {
        const images = () =>
          plain
            ? imagesToFeatures(device, pixels, [frames.length, size, size], scaling)
            : viewsOf(pixels, positions, at.epoch);
        const terms = training.loss({ images, frames: repeated(frames), positions: repeated(positions), at });
        mark();
        backward([{ tensor: terms.loss }], training.optimizer.parameters);
        return terms;
      }),
    );
}
