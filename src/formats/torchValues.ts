/** The allow-list of PyTorch's pickles: what the names in a checkpoint stand for, and the tensors they make. */
import { UserError } from '../base/errors.js';
import { countOf, type Dtype, widthOf } from './dtype.js';
import { type Callable, describe, type Inert, isOf, type PickleRules, type Reference, type Value } from './pickle.js';

/** A block of elements that tensors are views of; `key` finds its bytes in the container. */
export interface StorageReference {
  key: string;
  dtype: Dtype;
  count: number;
}

/** A tensor as the pickle describes it: element `[i, j, ...]` is number `offset + i * stride[0] + j * stride[1] + ...`. */
export class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}
}

/** PyTorch's own limit on the number of axes. */
const largestRank = 64;

const storageDtypes: Record<string, Dtype> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** Data that may stand beside the weights (optimiser settings, NumPy numbers, options) and is passed over. */
const inertNames = new Set([
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'torch.strided',
  ...['float16', 'bfloat16', 'float32', 'float64', 'uint8', 'int8', 'int16', 'int32', 'int64', 'bool'].map(
    (t) => `torch.${t}`,
  ),
  ...['dict', 'list', 'tuple', 'set', 'int', 'float', 'bool', 'str'].flatMap((t) => [
    `builtins.${t}`,
    `__builtin__.${t}`,
  ]),
  'numpy.ndarray',
]);

/** Calls whose results are of that kind. Their arguments are dropped. */
const inertCalls = new Set([
  'torch.device',
  'torch.serialization._get_layout',
  'argparse.Namespace',
  '_codecs.encode',
  'builtins.set',
  '__builtin__.set',
  'builtins.frozenset',
  'builtins.bytearray',
  '__builtin__.bytearray',
  '__builtin__.frozenset',
  'numpy.dtype',
  ...['numpy.core.multiarray', 'numpy._core.multiarray'].flatMap((m) => [`${m}.scalar`, `${m}._reconstruct`]),
]);

/**
 * Modules of Python's own whose classes and functions act: with one of them in a file, somebody wants something done. Nothing would be;
 * the user should know.
 */
const acting = new Set(
  (
    '__builtin__ _io _pickle _posixsubprocess _socket _thread asyncio bdb builtins code codeop commands concurrent ctypes _ctypes dill ' +
    'distutils cloudpickle functools ftplib http imp importlib inspect io joblib logging marshal multiprocessing nt ntpath operator os ' +
    'pdb pickle pip pkgutil platform popen2 posix posixpath profile cProfile pty runpy setuptools shelve shutil signal site smtplib ' +
    'socket socketserver sqlite3 subprocess sys tarfile tempfile threading timeit trace types urllib webbrowser xmlrpc zipfile zipimport'
  ).split(' '),
);

/** Classes that are not written like one, and functions that only put an object together. */
const plainClasses = new Set([
  ...['datetime', 'date', 'time', 'timedelta', 'timezone'].map((name) => `datetime.${name}`),
  'array.array',
  'collections.deque',
  'copyreg._reconstructor',
  'copy_reg._reconstructor',
  'time.struct_time',
  'types.SimpleNamespace',
  ...['slice', 'range', 'complex', 'object'].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  ...['__randomstate_ctor', '__generator_ctor', '__bit_generator_ctor'].map((name) => `numpy.random._pickle.${name}`),
]);

/**
 * Whether a name is that of a class whose objects may stand beside weights and are passed over: dates, paths, options of a training program.
 * Functions are not; neither is what acts.
 */
function isPassedOver(name: string): boolean {
  if (plainClasses.has(name)) return true;
  const parts = name.split('.');
  const isClass = /^_*[A-Z]\w*$/.test(parts.at(-1)!) && parts.length > 1 && parts.every(isWord);
  // A storage of a kind that is not known would be weights.
  return isClass && !acting.has(parts[0]!) && !name.endsWith('Storage');
}

function isWord(part: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(part) && (!part.startsWith('__') || part === '__main__');
}

export interface TorchRules extends PickleRules {
  /** Classes that `isPassedOver` met, in the order of the file. */
  passedOver: ReadonlySet<string>;
}

/** The rules for a checkpoint. `path` is for messages; `note` is told of every storage that is referred to. */
export function torchRules(path: string, note: (storage: StorageReference) => void = () => {}): TorchRules {
  const passedOver = new Set<string>();
  const refuse = (what: string) => new UserError(`${path} is not a checkpoint that can be read: ${what}`);
  const calls = new Map<string, (args: Value[]) => Value>([
    ['collections.OrderedDict', ([pairs]) => toMap(pairs ?? [], refuse)],
    ['collections.Counter', ([counts]) => toMap(counts ?? [], refuse)],
    ['collections.defaultdict', ([, items]) => toMap(items ?? [], refuse)],
    ['torch.Size', ([extents]) => extents ?? []],
    ['torch._utils._rebuild_tensor', (args) => rebuildTensor(args, refuse)],
    ['torch._utils._rebuild_tensor_v2', (args) => rebuildTensor(args, refuse)],
    ['torch._utils._rebuild_parameter', ([data]) => expectTensor(data, refuse)],
    ['torch._utils._rebuild_parameter_with_state', ([data]) => expectTensor(data, refuse)],
    ['torch._tensor._rebuild_from_type_v2', (args) => rebuildFromType(args, refuse)],
  ]);
  return {
    path,
    passedOver,
    global(name) {
      const call = calls.get(name);
      if (call !== undefined) return callable(name, call);
      if (inertCalls.has(name)) return callable(name, () => inert(name));
      if (inertNames.has(name)) return inert(name);
      if (/^torch\.(cuda\.)?\w+Storage$/.test(name)) return inert(name);
      if (!isPassedOver(name)) return undefined;
      passedOver.add(name);
      return callable(name, () => inert(name));
    },
    persistent(id) {
      const storage = readStorageIdentifier(id, refuse);
      note(storage);
      return reference(storage);
    },
  };
}

type Refuse = (what: string) => UserError;

/** `('storage', type, key, device, count)`; legacy files add a sixth item for a view of another storage, no longer written since 2017. */
function readStorageIdentifier(id: Value, refuse: Refuse): StorageReference {
  if (!Array.isArray(id)) throw refuse('a storage is not described by a tuple');
  const [tag, type, key, , count, view] = id;
  const typeName = type !== undefined && isOf(type, 'inert') ? (type.name.split('.').at(-1) ?? '') : '';
  if (tag !== 'storage' || typeof key !== 'string' || typeof count !== 'number' || countOf([count]) === null) {
    throw refuse('a storage is not described as PyTorch does');
  }
  if (!Object.hasOwn(storageDtypes, typeName))
    throw refuse(`its elements are of the type ${typeName || describe(type ?? null)}`);
  if (view !== undefined && view !== null) throw refuse('it holds a view of a storage');
  return { key, dtype: storageDtypes[typeName]!, count };
}

/** `(storage, offset, shape, stride, ...)`: every element must lie within the storage. */
function rebuildTensor([storage, offset, shape, stride]: Value[], refuse: Refuse): Value {
  if (storage === undefined || !isOf(storage, 'reference') || storage.of instanceof TensorReference) {
    throw refuse('a tensor has no storage');
  }
  const extents = toExtents(shape);
  const steps = toExtents(stride);
  if (extents === null || steps === null || extents.length !== steps.length || countOf(extents) === null) {
    throw refuse('a tensor has no valid shape');
  }
  const of = storage.of as StorageReference;
  if (typeof offset !== 'number' || countOf([offset]) === null) throw refuse('a tensor has no valid offset');
  const tensor = new TensorReference(of, offset, extents, steps);
  const { first, last } = touchedRange(tensor);
  if (!Number.isSafeInteger(last) || last > of.count) {
    throw refuse(`a tensor [${extents.slice(0, 8)}] needs elements ${first} to ${last} of a storage of ${of.count}`);
  }
  return reference(tensor);
}

/** `(function, type, arguments, attributes)`, for tensors that carry attributes. */
function rebuildFromType([rebuild, , args]: Value[], refuse: Refuse): Value {
  if (rebuild === undefined || !isOf(rebuild, 'callable') || !rebuild.name.startsWith('torch._utils._rebuild_tensor')) {
    throw refuse('a tensor is made in a way that is not known');
  }
  if (!Array.isArray(args)) throw refuse('a tensor has no storage');
  return rebuild.call(args);
}

/** The elements of its storage that a tensor touches: from `first` up to but not including `last`. */
export function touchedRange({ offset, shape, stride }: TensorReference): { first: number; last: number } {
  if (shape.includes(0)) return { first: offset, last: offset };
  const reach = shape.reduce((sum, extent, axis) => sum + (extent - 1) * stride[axis]!, 0);
  return { first: offset, last: offset + reach + 1 };
}

/** Whether the elements lie one after the other in row-major order. */
export function isContiguous({ shape, stride }: TensorReference): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Bytes of the elements of a tensor; a repeated element counts each time. */
export function tensorBytes({ shape, storage }: TensorReference): number {
  return countOf(shape)! * widthOf(storage.dtype);
}

/** A copy, because the pickle could change its list later. */
function toExtents(value: Value | undefined): number[] | null {
  if (!Array.isArray(value) || value.length > largestRank) return null;
  return value.every((extent) => countOf([extent]) !== null) ? ([...value] as number[]) : null;
}

/** What a dictionary is made from: another one, or a list of pairs. */
function toMap(source: Value, refuse: Refuse): Map<Value, Value> {
  if (source instanceof Map) return source;
  const pairs = Array.isArray(source) ? source : [null];
  if (!pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw refuse('a dictionary is not made from pairs');
  return new Map(pairs as [Value, Value][]);
}

function expectTensor(value: Value | undefined, refuse: Refuse): Value {
  if (value === undefined || !isOf(value, 'reference') || !(value.of instanceof TensorReference)) {
    throw refuse('a parameter holds no tensor');
  }
  return value;
}

function callable(name: string, call: (args: Value[]) => Value): Callable {
  return { kind: 'callable', name, call };
}

function inert(name: string): Inert {
  return { kind: 'inert', name };
}

function reference(of: object): Reference {
  return { kind: 'reference', of };
}
