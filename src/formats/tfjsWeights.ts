/** Weights of TensorFlow.js models: a manifest that names tensors, and files with their bytes, most of them 8-bit numbers with a scale. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { countOf } from './dtype.js';

export interface TfjsTensor {
  shape: number[];
  data: Float32Array;
}

const quantizationSchema = z.object({ dtype: z.literal('uint8'), scale: z.number(), min: z.number() });
const manifestSchema = z.array(
  z.object({
    paths: z.array(z.string()),
    weights: z.array(
      z.object({ name: z.string(), shape: z.array(z.int().min(0)), quantization: quantizationSchema.optional() }),
    ),
  }),
);

/**
 * The tensors of a model by name, as float32.
 * @param manifest path of its `weights_manifest.json`, beside which the files lie that it names
 * @throws UserError when the manifest is no such file, or the files do not have the bytes it promises
 */
export async function readTfjsWeights(manifest: string): Promise<Map<string, TfjsTensor>> {
  const parsed = manifestSchema.safeParse(JSON.parse(await readFile(manifest, 'utf8')));
  if (!parsed.success) throw new UserError(`${manifest} is no list of weights that is understood`);
  const tensors = new Map<string, TfjsTensor>();
  for (const { paths, weights } of parsed.data) {
    const files = await Promise.all(paths.map((path) => readFile(join(dirname(manifest), path))));
    const bytes = Uint8Array.from(Buffer.concat(files));
    let at = 0;
    for (const { name, shape, quantization } of weights) {
      const count = countOf(shape)!;
      const width = quantization ? 1 : 4;
      if (at + count * width > bytes.length) throw new UserError(`the files of ${manifest} end before ${name}`);
      const own = bytes.slice(at, at + count * width);
      const data = quantization
        ? Float32Array.from(own, (value) => value * quantization.scale + quantization.min)
        : new Float32Array(own.buffer);
      tensors.set(name, { shape, data });
      at += own.length;
    }
    if (at !== bytes.length) throw new UserError(`the files of ${manifest} are longer than it says`);
  }
  return tensors;
}
