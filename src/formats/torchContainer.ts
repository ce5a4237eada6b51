/**
 * The two containers of `torch.save`: a zip archive (since PyTorch 1.6) with a pickle and one entry a storage, and the legacy stream of
 * pickles followed by all storages. Both come out as a value and a way to find the bytes of a storage.
 */
import { UserError } from '../base/errors.js';
import type { ByteFile, ByteRange } from './byteFile.js';
import { widthOf } from './dtype.js';
import { notA } from './fileKind.js';
import { PickleCutShort, unpickle, type Value } from './pickle.js';
import { quote } from './quote.js';
import { type StorageReference, type TorchRules, torchRules } from './torchValues.js';
import { readZip, type ZipEntry } from './zip.js';

/** Pickles beyond this are refused; they describe tensors, whose elements stand elsewhere. */
const pickleLimit = 32 * 1024 * 1024;

/** First pickle of a legacy file, and the only version of the format there ever was. */
const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyVersion = 1001;

/** An opened checkpoint. */
export interface TorchContainer {
  root: Value;
  /** Classes whose objects were passed over unread. */
  passedOver: ReadonlySet<string>;
  bigEndian: boolean;
  /** The bytes of a storage; throws when they are missing or not as many as its elements need. */
  storage(reference: StorageReference): TorchStorage;
}

export interface TorchStorage extends ByteRange {
  /** Whether reading any part costs unpacking the whole. */
  compressed: boolean;
  /** Throws when the bytes are not all there. */
  verify(): Promise<void>;
}

/** Whether a file that starts so can be of `torch.save`: a zip archive or a pickle of protocol 2 or later. */
export function looksLikeTorch(start: Uint8Array): boolean {
  return (start[0] === 0x50 && start[1] === 0x4b) || start[0] === 0x80;
}

/** Opens a file of `torch.save`, whose first bytes tell the container. */
export async function openTorch(file: ByteFile): Promise<TorchContainer> {
  const start = await file.bytes(0, Math.min(2, file.size));
  if (!looksLikeTorch(start)) throw await notA('a PyTorch checkpoint', file);
  return start[0] === 0x80 ? openLegacy(file) : openZip(file);
}

async function openZip(file: ByteFile): Promise<TorchContainer> {
  const { path } = file;
  const entries = await readZip(file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw otherArchive(path, [...entries.keys()]);
  const folder = pickles[0]!.slice(0, -'data.pkl'.length);
  const rules = torchRules(path);
  const bigEndian = await readByteOrder(path, entries.get(`${folder}byteorder`));
  return {
    root: await readZipPickle(entries.get(pickles[0]!)!, rules),
    passedOver: rules.passedOver,
    bigEndian,
    storage({ key, dtype, count }) {
      const entry = entries.get(`${folder}data/${key}`);
      if (entry === undefined) throw new UserError(`${path} is damaged: storage ${quote(key)} is missing`);
      if (entry.size !== count * widthOf(dtype)) {
        throw new UserError(
          `${path} is damaged: storage ${quote(key)} has ${entry.size} bytes, its ${count} elements need ${count * widthOf(dtype)}`,
        );
      }
      return entry;
    },
  };
}

async function readByteOrder(path: string, entry: ZipEntry | undefined): Promise<boolean> {
  if (entry === undefined) return false;
  const text = Buffer.from(await entry.bytes(0, Math.min(entry.size, 16))).toString('latin1');
  if (text !== 'little' && text !== 'big') throw new UserError(`${path} is damaged: its byte order is ${quote(text)}`);
  return text === 'big';
}

/** Of an archive that is none of `torch.save`: what is in it says what to do with it. */
function otherArchive(path: string, names: readonly string[]): UserError {
  const named = names.slice(0, 3).map(quote).join(', ');
  const inside = names.length === 0 ? 'it is empty' : `it holds ${named}${names.length > 3 ? ', …' : ''}`;
  const packed = names.some((name) => /\.(?:pth?|tar|ckpt|bin|safetensors)$/i.test(name));
  return new UserError(
    `${path} is a zip archive but not a PyTorch checkpoint: it has no data.pkl; ${inside}`,
    packed ? 'unpack it: unzip FILE' : undefined,
  );
}

async function readZipPickle(entry: ZipEntry, rules: TorchRules): Promise<Value> {
  const { path } = rules;
  if (entry.size > pickleLimit)
    throw new UserError(`${path} has a pickle of ${entry.size} bytes, more than any checkpoint`);
  try {
    return unpickle(await entry.bytes(0, entry.size), 0, rules).value;
  } catch (error) {
    if (error instanceof PickleCutShort) throw new UserError(`${path} is damaged: its pickle ends too early`);
    throw error;
  }
}

/** Nothing says how long the pickles of a legacy file are: they are tried with ever more of the file. */
async function openLegacy(file: ByteFile): Promise<TorchContainer> {
  for (let window = 256 * 1024; ; window *= 8) {
    const length = Math.min(window, file.size, pickleLimit);
    try {
      return await parseLegacy(file, await file.bytes(0, length));
    } catch (error) {
      if (!(error instanceof PickleCutShort)) throw error;
      if (length === file.size) throw new UserError(`${file.path} is cut short inside its pickles`);
      if (length === pickleLimit) throw new UserError(`${file.path} has a pickle of more than ${pickleLimit} bytes`);
    }
  }
}

/** Magic number, version, facts of the machine that wrote it (not needed: elements are always little-endian), value, storage keys. */
async function parseLegacy(file: ByteFile, bytes: Uint8Array): Promise<TorchContainer> {
  const { path } = file;
  const references = new Map<string, StorageReference>();
  const rules = torchRules(path, (storage) => {
    if (!references.has(storage.key)) references.set(storage.key, storage);
  });
  let at = 0;
  const next = () => {
    const { value, end } = unpickle(bytes, at, rules);
    at = end;
    return value;
  };
  if (next() !== legacyMagic) throw new UserError(`${path} is a pickle but not a file of torch.save`);
  if (next() !== legacyVersion) throw new UserError(`${path} is of an unknown version of PyTorch's legacy format`);
  next();
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new UserError(`${path} is damaged: the list of its storages is missing`);
  const storages = await locateStorages(file, at, keys, references);
  return {
    root,
    passedOver: rules.passedOver,
    bigEndian: false,
    storage({ key, dtype, count }) {
      const storage = storages.get(key);
      if (storage?.size !== count * widthOf(dtype))
        throw new UserError(`${path} is damaged: storage ${quote(key)} is missing`);
      return storage;
    },
  };
}

/** Each storage is its number of elements in 8 bytes, then the elements, in the order of `keys`. */
async function locateStorages(file: ByteFile, start: number, keys: Value[], references: Map<string, StorageReference>) {
  const storages = new Map<string, TorchStorage>();
  const counts = readAhead(file);
  let at = start;
  for (const key of keys) {
    const reference = typeof key === 'string' ? references.get(key) : undefined;
    if (typeof key !== 'string' || reference === undefined)
      throw new UserError(`${file.path} is damaged: it lists an unknown storage`);
    const count = await counts(at);
    if (count !== BigInt(reference.count)) {
      throw new UserError(
        `${file.path} is damaged: storage ${quote(key)} has ${count} elements, not ${reference.count}`,
      );
    }
    const size = reference.count * widthOf(reference.dtype);
    if (at + 8 + size > file.size) throw new UserError(`${file.path} is cut short inside storage ${quote(key)}`);
    storages.set(key, partOf(file, at + 8, size));
    at += 8 + size;
  }
  return storages;
}

/** Reads 8 byte numbers at rising positions, many at once where they lie close together. */
function readAhead(file: ByteFile): (at: number) => Promise<bigint> {
  let windowAt = 0;
  let window = Buffer.alloc(0);
  return async (at) => {
    if (at < windowAt || at + 8 > windowAt + window.length) {
      windowAt = at;
      window = Buffer.from(await file.bytes(at, Math.max(8, Math.min(65536, file.size - at))));
    }
    return window.readBigUInt64LE(at - windowAt);
  };
}

/** A part that is known to lie within the file. */
function partOf(file: ByteFile, start: number, size: number): TorchStorage {
  return {
    size,
    compressed: false,
    verify: async () => {},
    bytes: (at, length) => file.bytes(start + at, length),
    pieces: (at, length) => file.pieces(start + at, length),
  };
}
