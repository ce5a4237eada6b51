/** LDCNet's keys of the configuration. Their defaults are the paper's. */
import { z } from 'zod';
import {
  count,
  flag,
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
import { convKinds } from '../descriptiveConv.js';

const model = section({
  conv: section({ kind: oneOf(convKinds, 'ldc'), theta: fraction(0.5) }),
  map_size: key(z.int().min(1).max(256), 32, 'a whole number from 1 to 256'),
  dropout: share(0.5),
  weights: weightsFile(),
});

/** Stage 1. */
const activation = section({
  network: oneOf(['resnet18', 'ldcnet'], 'resnet18'),
  epochs: count(99),
  batch_size: count(60),
  lr: learningRate(1e-4),
  weights: weightsFile(),
});

/** Stage 2. */
const train = {
  lr: learningRate(1e-4),
  per_domain: section({ live: count(5), spoof: count(5) }),
  gamma: notNegative(0.004),
  beta: notNegative(0.1),
  margin: positive(0.1),
  mining: oneOf(['batch-hard', 'batch-all'], 'batch-hard'),
  squared: flag(false),
};

export const settings = { name: 'ldcnet', sections: { model, activation }, train } satisfies MethodSettings;

const trainSection = z.strictObject(train);

/** A complete configuration of LDCNet. */
export type LdcNetConfig = Config & {
  model: z.output<typeof model>;
  activation: z.output<typeof activation>;
  train: z.output<typeof trainSection>;
};
