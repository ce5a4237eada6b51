/** ERM's keys of the configuration (methods, section 4): data, batches, optimiser and schedule of SSDG-R. */
import type { z } from 'zod';
import { section } from '../../config/keys.js';
import type { Config, MethodSettings } from '../../config/schema.js';
import { streamDefaults, streamKeys } from '../streamKeys.js';

const erm = section(streamKeys);

export const settings = { name: 'erm', sections: { erm }, defaults: streamDefaults } satisfies MethodSettings;

export type ErmConfig = Config & { erm: z.output<typeof erm> };
