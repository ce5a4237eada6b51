/** Keys of the configuration that ERM and SSDG share: length, batches and optimiser. */
import { z } from 'zod';
import { autoOrCount, count, key, learningRate, notNegative, share, weightsFile } from '../config/keys.js';

export const streamKeys = {
  steps: count(4001),
  batch: count(10),
  frame: key(z.int().min(0), 6, 'a whole number of at least 0'),
  lr: learningRate(1e-3),
  lr_drop: autoOrCount(),
  momentum: share(0.9),
  weight_decay: notNegative(5e-4),
  weights: weightsFile(),
};

export type StreamSettings = z.output<z.ZodObject<typeof streamKeys>>;

/** Values of common keys for both. */
export const streamDefaults = {
  data: { normalize: 'imagenet' },
  augment: { flip: 0.5 },
  train: { epochs: 401, save_every: 10 },
};
