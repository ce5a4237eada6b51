/** Weights by name from a file of either kind: safetensors or a PyTorch checkpoint, told apart by content. */
import { openBytes } from './byteFile.js';
import type { Dtype, FileTensor } from './dtype.js';
import { notA } from './fileKind.js';
import { looksLikeSafetensors, readSafetensors, type SafetensorsFile } from './safetensors.js';
import { readTorch } from './torch.js';
import { looksLikeTorch } from './torchContainer.js';
import { wrapperPrefix } from './wrappers.js';

/** An open file of named tensors, which are read when they are asked for (widen them with `toFloat32`). */
export interface StateFile {
  path: string;
  format: 'safetensors' | 'torch';
  /** Without what a wrapper put in front of all. */
  names: string[];
  /** What that was; empty where there was nothing. */
  taken: string;
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
  if (looksLikeSafetensors(start)) return withoutWrappers(await readSafetensors(path));
  if (!looksLikeTorch(start)) throw await notA('a safetensors file or a PyTorch checkpoint', file);
  const { names, taken, has, info, tensor } = await readTorch(path);
  return { path, format: 'torch', names, taken, has, info, tensor, metadata: {} };
}

function withoutWrappers(file: SafetensorsFile): StateFile {
  const taken = wrapperPrefix(file.names);
  return {
    ...file,
    format: 'safetensors',
    names: file.names.map((name) => name.slice(taken.length)),
    taken,
    has: (name) => file.has(taken + name),
    info: (name) => file.info(taken + name),
    tensor: (name) => file.tensor(taken + name),
  };
}
