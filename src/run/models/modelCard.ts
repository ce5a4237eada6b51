/** What a user of an exported model must know: the metadata inside the ONNX file, and `model.json` beside it. */
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import type { Config } from '../../config/schema.js';
import { normalizations, pixelScaling } from '../../method/normalize.js';
import { methodOf } from '../configuration.js';
import { type Threshold, thresholdSchema } from '../threshold.js';
import { version } from '../version.js';

const triple = z.tuple([z.number(), z.number(), z.number()]);

const cardSchema = z.looseObject({
  format: z.literal('ldcnet'),
  /** The method that trained it, and which variant of it; a file that does not say is LDCNet's. */
  method: z.string().default('ldcnet'),
  variant: z.string().nullable().default(null),
  /** Of the program that wrote it. */
  version: z.string(),
  /** From an image file to the input: the whole image resized to size × size, then value = pixel · scale + shift by channel. */
  preprocessing: z.object({
    color: z.literal('RGB'),
    pixels: z.literal('0…255'),
    size: z.int(),
    layout: z.literal('NCHW'),
    normalize: z.enum(normalizations),
    scale: triple,
    shift: triple,
  }),
  /** Side of the maps; null for a network without. */
  map_size: z.int().nullable(),
  precision: z.enum(['float32', 'float16']),
  protocol: z.string().nullable(),
  checkpoint: z.string().nullable(),
  /** Trained on drawn faces; null where nobody knows. */
  synthetic: z.boolean().nullable(),
  /** An image, or a video by the mean of its images, is live from this score on. */
  threshold: thresholdSchema,
  /** SHA-256 of the weights that went in: names, shapes and float32 values. */
  weights_sha256: z.string(),
});

export type ModelCard = z.output<typeof cardSchema>;

/** Where weights come from and what is decided with them, as far as it is known. */
export interface Provenance {
  protocol: string | null;
  checkpoint: string | null;
  synthetic: boolean | null;
  threshold: Threshold;
}

/**
 * The card of weights under a configuration.
 * @param weights what the model stores of them: its precision, and the hash of the values
 */
export function modelCard(
  config: Config,
  provenance: Provenance,
  weights: { precision: ModelCard['precision']; sha256: string },
): ModelCard {
  const { data } = config;
  const method = methodOf(config);
  const { scale, shift } = pixelScaling(data.normalize);
  const { protocol, checkpoint, synthetic, threshold } = provenance;
  return {
    format: 'ldcnet',
    method: method.name,
    variant: method.variant(config),
    version,
    preprocessing: {
      color: 'RGB',
      pixels: '0…255',
      size: data.image_size,
      layout: 'NCHW',
      normalize: data.normalize,
      scale: [...scale],
      shift: [...shift],
    },
    map_size: method.mapSize?.(config) ?? null,
    ...method.card?.(config),
    precision: weights.precision,
    protocol,
    checkpoint,
    synthetic,
    threshold,
    weights_sha256: weights.sha256,
  };
}

/** The card as entries of an ONNX file: texts as they are, the rest as JSON. */
export function cardToMetadata(card: ModelCard): Record<string, string> {
  return Object.fromEntries(
    Object.entries(card).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

/** @param path for messages @throws UserError when the file was not written by `ldc export` */
export function cardFromMetadata(metadata: Record<string, string>, path: string): ModelCard {
  const decoded = Object.fromEntries(Object.entries(metadata).map(([key, text]) => [key, decode(key, text)]));
  const parsed = cardSchema.safeParse(decoded);
  if (parsed.success) return parsed.data;
  const key = parsed.error.issues[0]!.path.join('.');
  throw new UserError(
    `${path} was not written by ldc export: its metadata entry ${key} is missing or wrong`,
    'make one from a run or from weights: ldc export',
  );
}

/** Entries that are texts even where they read like JSON. */
const texts = new Set(['version', 'weights_sha256']);

function decode(key: string, text: string): unknown {
  if (texts.has(key)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
