/** Forward and backward pass of one step of a training, as the loop submits it. */

import type { Config } from '../config/schema.js';
import type { LoadedBatch } from '../data/loader.js';
import type { Device } from '../engine/device.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { backward, withTape } from '../engine/tape.js';
import { scope } from '../engine/tensor.js';
import type { Position, Terms, Training } from '../method/method.js';
import { pixelScaling } from '../method/normalize.js';

/** Submits the work of one step; `mark` is called between its two passes. What comes back is the caller's. */
export type SubmitStep = (
  batch: Pick<LoadedBatch, 'pixels' | 'frames'>,
  positions: readonly number[],
  at: Readonly<Position>,
  mark: () => void,
) => Terms;

export function stepOf(training: Training, { data }: Pick<Config, 'data'>, device: Device): SubmitStep {
  const size = data.image_size;
  const scaling = pixelScaling(data.normalize);
  return ({ pixels, frames }, positions, at, mark) =>
    scope(() =>
      withTape(() => {
        const images = () => imagesToFeatures(device, pixels, [frames.length, size, size], scaling);
        const terms = training.loss({ images, frames, positions, at });
        mark();
        backward([{ tensor: terms.loss }], training.optimizer.parameters);
        return terms;
      }),
    );
}
