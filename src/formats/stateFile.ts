/** Weights by name from a file of either kind: safetensors or a PyTorch checkpoint, told apart by content. */
import { UserError } from '../base/errors.js';
import { openBytes } from './byteFile.js';
import type { Dtype, FileTensor } from './dtype.js';
import { looksLikeSafetensors, readSafetensors } from './safetensors.js';
import { readTorch } from './torch.js';
import { looksLikeTorch } from './torchContainer.js';

/** An open file of named tensors, which are read when they are asked for (widen them with `toFloat32`). */
export interface StateFile {
  path: string;
  format: 'safetensors' | 'torch';
  names: string[];
  has(name: string): boolean;
  /** Type in the file and shape, without reading the elements. */
  info(name: string): { dtype: Dtype; shape: number[] };
  tensor(name: string): Promise<FileTensor>;
  /** The free text entries of a safetensors header; `{}` for a PyTorch checkpoint. */
  metadata: Record<string, string>;
}

/**
 * Opens a file of weights.
 * @throws UserError naming the file when it is missing, damaged, or of neither kind
 */
export async function readState(path: string): Promise<StateFile> {
  const file = await openBytes(path);
  const start = await file.bytes(0, Math.min(16, file.size));
  if (looksLikeSafetensors(start)) return { ...(await readSafetensors(path)), format: 'safetensors' };
  if (!looksLikeTorch(start)) throw new UserError(`${path} is neither a safetensors file nor a PyTorch checkpoint`);
  const { names, has, info, tensor } = await readTorch(path);
  return { path, format: 'torch', names, has, info, tensor, metadata: {} };
}
