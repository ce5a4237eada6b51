/** Reads the weights in PyTorch checkpoints without Python: nothing in the file is executed, and only tensors are taken. */
import { UserError } from '../base/errors.js';
import { allocate, openBytes } from './byteFile.js';
import { type Dtype, type FileTensor, swapBytes, viewAs, widthOf } from './dtype.js';
import { isOf, type Value } from './pickle.js';
import { quote } from './quote.js';
import { type NamedTensor, writeSafetensors } from './safetensors.js';
import { openTorch, type TorchContainer, type TorchStorage } from './torchContainer.js';
import { isContiguous, TensorReference, tensorBytes, touchedRange } from './torchValues.js';
import { wrapperPrefix } from './wrappers.js';

/** An open checkpoint. Tensors are read from the disk when they are asked for. */
export interface TorchFile {
  path: string;
  /** In the order of the state dict, without what a wrapper put in front of all. */
  names: string[];
  /** What that was: `module._orig_mod.`; empty where there was nothing. */
  taken: string;
  /** Entries of the state dict that are no tensors. */
  skipped: string[];
  /** Classes of objects anywhere in the file that were passed over unread. */
  passedOver: string[];
  has(name: string): boolean;
  /** Type in the file and shape, without reading the elements. */
  info(name: string): { dtype: Dtype; shape: number[] };
  /** A tensor in row-major order, of the type it has in the file. */
  tensor(name: string): Promise<FileTensor>;
  /** The bytes of a tensor in row-major order, in pieces: for tensors of any size. */
  pieces(name: string): AsyncIterable<Uint8Array>;
}

/** PyTorch's names of the element types, without `torch.`. */
export const torchDtypeNames: Readonly<Record<Dtype, string>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

/** Where training programs put the state dict; the first that holds tensors is taken. */
const stateKeys = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'module',
  'weights',
  'params',
];

/** State dicts within dictionaries within dictionaries: this deep and no deeper. */
const deepest = 3;

const largestStateDict = 65_536;

/**
 * How much reading all tensors may cost, in sizes of the file: weights shared by several names are read once for each, but a small file
 * must not unfold into a huge one.
 */
const largestUnfolding = 16;
const unfoldingAllowance = 16 * 1024 * 1024;

/**
 * Opens a checkpoint of `torch.save`, zip or legacy, and finds its state dict: the file itself or the entry `state_dict` (or another
 * usual name) of it.
 * @throws UserError naming the file when it is missing or damaged, holds no state dict, or refers to anything but plain data
 */
export async function readTorch(path: string): Promise<TorchFile> {
  const file = await openBytes(path);
  const container = await openTorch(file);
  const { tensors, taken, skipped } = collect(path, container);
  const passedOver = [...container.passedOver];
  await checkStorages(path, file.size, container, tensors.values());
  const find = (name: string): TensorReference => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new UserError(`${path} holds no tensor ${quote(name)}`);
    return tensor;
  };
  return {
    path,
    names: [...tensors.keys()],
    taken,
    skipped,
    passedOver,
    has: (name) => tensors.has(name),
    info: (name) => ({ dtype: find(name).storage.dtype, shape: [...find(name).shape] }),
    async tensor(name) {
      const tensor = find(name);
      const { dtype } = tensor.storage;
      return { dtype, shape: [...tensor.shape], data: viewAs(dtype, await readTensor(path, container, tensor)) };
    },
    pieces: (name) => readPieces(path, container, find(name)),
  };
}

/**
 * Converts a checkpoint to safetensors: names, shapes and types stay as they are, but for what a wrapper put in front of all names. The
 * output appears when it is complete.
 * @returns how many tensors and bytes of them were written, and what was taken off and passed over
 */
export async function convertTorch(
  input: string,
  output: string,
): Promise<{ tensors: number; bytes: number } & Pick<TorchFile, 'taken' | 'skipped' | 'passedOver'>> {
  const file = await readTorch(input);
  const tensors = file.names.map((name): NamedTensor => ({ name, ...file.info(name), data: () => file.pieces(name) }));
  await writeSafetensors(output, tensors, { format: 'pt' });
  const bytes = tensors.reduce((sum, { dtype, shape }) => sum + shape.reduce((a, b) => a * b, widthOf(dtype)), 0);
  const { taken, skipped, passedOver } = file;
  return { tensors: tensors.length, bytes, taken, skipped, passedOver };
}

function collect(path: string, { root, passedOver }: TorchContainer) {
  const state = findState(root, deepest) ?? onlyState(path, root, passedOver);
  const tensors = new Map<string, TensorReference>();
  const skipped: string[] = [];
  for (const [key, value] of state) {
    const tensor = asTensor(value);
    if (typeof key === 'string' && tensor !== null) tensors.set(key, tensor);
    else skipped.push(typeof key === 'string' || typeof key === 'number' ? String(key) : 'an unnamed entry');
  }
  if (tensors.size > largestStateDict)
    throw new UserError(`${path} holds ${tensors.size} tensors, more than any network`);
  const lightning = root instanceof Map && root.has('pytorch-lightning_version');
  const taken = wrapperPrefix([...tensors.keys()], lightning);
  if (taken === '') return { tensors, taken, skipped };
  return { tensors: new Map([...tensors].map(([name, tensor]) => [name.slice(taken.length), tensor])), taken, skipped };
}

/** The dictionary of tensors under a usual name in `value`, or `value` itself. A dictionary is looked through once, as it may hold itself. */
function findState(value: Value | undefined, depth: number, seen = new Set<Value>()): Map<Value, Value> | null {
  if (!(value instanceof Map) || depth === 0 || seen.has(value)) return null;
  seen.add(value);
  for (const key of stateKeys) {
    const inner = findState(value.get(key), depth - 1, seen);
    if (inner !== null) return inner;
  }
  return holdsTensors(value) ? value : null;
}

/** The dictionary of tensors under a name of its own, if there is only one. */
function onlyState(path: string, root: Value, passedOver: ReadonlySet<string>): Map<Value, Value> {
  const entries = root instanceof Map ? [...root] : [];
  // Looked at once each: a hostile file may list one large dictionary under a million names.
  const states = new Set(entries.map(([, inner]) => inner).filter((inner) => inner instanceof Map));
  const [state, another] = [...states].filter(holdsTensors);
  if (state === undefined) {
    const [object] = passedOver;
    throw new UserError(
      `${path} holds no state dict${object === undefined ? '' : `, but an object of ${quote(object)}`}`,
      'save one in Python: torch.save(model.state_dict(), FILE)',
    );
  }
  if (another !== undefined) {
    const names = entries
      .filter(([, inner]) => inner === state || inner === another)
      .map(([key]) => quote(String(key)));
    throw new UserError(
      `${path} holds several state dicts, such as ${names.slice(0, 4).join(' and ')}`,
      'save one by itself',
    );
  }
  return state;
}

function holdsTensors(map: Map<Value, Value>): boolean {
  for (const [key, inner] of map) if (typeof key === 'string' && asTensor(inner) !== null) return true;
  return false;
}

function asTensor(value: Value): TensorReference | null {
  return isOf(value, 'reference') && value.of instanceof TensorReference ? value.of : null;
}

/** Looks at every storage before any is read, so that a bad one is met at once, and at what all tensors cost together. */
async function checkStorages(
  path: string,
  fileSize: number,
  container: TorchContainer,
  tensors: Iterable<TensorReference>,
): Promise<void> {
  let cost = 0;
  const storages = new Set<TorchStorage>();
  for (const tensor of tensors) {
    const storage = container.storage(tensor.storage);
    const { first, last } = touchedRange(tensor);
    const touched = storage.compressed ? storage.size : (last - first) * widthOf(tensor.storage.dtype);
    cost += Math.max(tensorBytes(tensor), touched);
    storages.add(storage);
  }
  if (cost > largestUnfolding * fileSize + unfoldingAllowance) {
    throw new UserError(
      `${path} asks for ${cost} bytes of tensors out of ${fileSize}`,
      'save tensors that are not views of others: {name: tensor.clone()}',
    );
  }
  for (const storage of storages) await storage.verify();
}

async function readTensor(
  path: string,
  container: TorchContainer,
  tensor: TensorReference,
): Promise<Uint8Array<ArrayBuffer>> {
  const { first, last } = touchedRange(tensor);
  const width = widthOf(tensor.storage.dtype);
  const touched = await container.storage(tensor.storage).bytes(first * width, (last - first) * width);
  if (container.bigEndian) swapBytes(touched, width);
  return isContiguous(tensor) ? touched : gather(path, tensor, touched);
}

async function* readPieces(
  path: string,
  container: TorchContainer,
  tensor: TensorReference,
): AsyncGenerator<Uint8Array> {
  if (!isContiguous(tensor)) {
    yield await readTensor(path, container, tensor);
    return;
  }
  const { first, last } = touchedRange(tensor);
  const width = widthOf(tensor.storage.dtype);
  for await (const piece of container.storage(tensor.storage).pieces(first * width, (last - first) * width)) {
    if (container.bigEndian) swapBytes(piece, width);
    yield piece;
  }
}

/** Puts the elements of a strided view in row-major order; `touched` begins with the first of them. */
function gather(
  path: string,
  { shape, stride, storage }: TensorReference,
  touched: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const width = widthOf(storage.dtype);
  const result = allocate(
    path,
    shape.reduce((a, b) => a * b, width),
  );
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to += width) {
    for (let k = 0; k < width; k++) result[to + k] = touched[from * width + k]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= stride[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
