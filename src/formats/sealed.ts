/** safetensors files that carry a checksum of all they say, so that a flipped bit is noticed before it is trained on. */
import { createHash } from 'node:crypto';
import { UserError } from '../base/errors.js';
import { bytesOf, type Dtype, type FileTensor, type TensorData } from './dtype.js';
import { type SafetensorsFile, writeSafetensors } from './safetensors.js';

/** The metadata entry of the checksum. */
export const sealKey = 'content_sha256';

export interface SealedTensor {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  data: TensorData;
}

/**
 * Writes a safetensors file, whole or not at all, with a checksum over metadata, names, types, shapes and values.
 * @returns the checksum
 */
export async function writeSealed(
  path: string,
  tensors: readonly SealedTensor[],
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const seal = new Seal(metadata);
  for (const tensor of tensors) seal.add(tensor.name, tensor);
  const digest = seal.digest();
  await writeSafetensors(path, tensors, { ...metadata, [sealKey]: digest });
  return digest;
}

/**
 * Reads the whole file and compares.
 * @returns the checksum; undefined for a file without one, of which nothing is known
 * @throws UserError when the content is not what was written
 */
export async function checkSeal(file: SafetensorsFile): Promise<string | undefined> {
  const { [sealKey]: expected, ...metadata } = file.metadata;
  if (expected === undefined) return undefined;
  const seal = new Seal(metadata);
  for (const name of file.names) seal.add(name, await file.tensor(name));
  if (seal.digest() !== expected) throw new UserError(`${file.path} is damaged: its checksum is another`);
  return expected;
}

class Seal {
  private readonly hash = createHash('sha256');

  constructor(metadata: Readonly<Record<string, string>>) {
    this.hash.update(`${JSON.stringify(Object.entries(metadata))}\n`);
  }

  add(name: string, { dtype, shape, data }: Pick<FileTensor, 'dtype' | 'data'> & { shape: readonly number[] }): void {
    this.hash.update(`${JSON.stringify([name, dtype, shape])}\n`).update(bytesOf(data));
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}
