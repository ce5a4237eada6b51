/** SA-FAS's keys of the configuration (methods, section 3). `auto` is what the released program does for the protocol. */
import { z } from 'zod';
import {
  autoOrCount,
  count,
  fraction,
  key,
  learningRate,
  notNegative,
  oneOf,
  positive,
  section,
  share,
  weightsFile,
} from '../../config/keys.js';
import type { Config, MethodSettings } from '../../config/schema.js';

const safas = section({
  control: oneOf(['none', 'heads_only', 'supcon_only'], 'none'),
  heads: autoOrCount(),
  scale: positive(1),
  supcon_weight: notNegative(0.1),
  temperature: positive(0.1),
  base_temperature: positive(0.07),
  align_from: key(z.int().min(0), 20, 'a whole number of at least 0'),
  alpha: fraction(0.995),
  batch: count(96),
  lr: learningRate(5e-3),
  lr_step: autoOrCount(),
  momentum: share(0.9),
  weight_decay: notNegative(5e-4),
  weights: weightsFile(),
});

/** Epochs: 100, and 300 to O. */
const train = { epochs: autoOrCount() };

export const settings = {
  name: 'safas',
  sections: { safas },
  train,
  defaults: {
    data: { normalize: 'imagenet' },
    augment: { rotation: 180, interpolation: 'nearest', crop: [0.2, 1], flip: 0.5 },
    train: { save_every: 5 },
  },
} satisfies MethodSettings;

export type SafasConfig = Config & { safas: z.output<typeof safas> };
