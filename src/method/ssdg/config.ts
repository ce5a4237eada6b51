/** SSDG-R's keys of the configuration (methods, section 2). `auto` is what the released configurations say for the target. */
import type { z } from 'zod';
import { autoOrNotNegative, oneOf, positive, section, share } from '../../config/keys.js';
import type { Config, MethodSettings } from '../../config/schema.js';
import { streamDefaults, streamKeys } from '../streamKeys.js';
import { ssdgVariants } from './network.js';

const ssdg = section({
  variant: oneOf(ssdgVariants, 'as-released'),
  lambda_triplet: autoOrNotNegative(),
  lambda_adreal: autoOrNotNegative(),
  margin: positive(0.1),
  dropout: share(0.5),
  ...streamKeys,
});

export const settings = { name: 'ssdg', sections: { ssdg }, defaults: streamDefaults } satisfies MethodSettings;

export type SsdgConfig = Config & { ssdg: z.output<typeof ssdg> };
