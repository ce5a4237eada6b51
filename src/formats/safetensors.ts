/** Reads and writes safetensors files: a JSON header with names, types, shapes and offsets, then the raw elements. */
import type { FileHandle } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { writeWhole } from '../base/files.js';
import { type ByteFile, openBytes } from './byteFile.js';
import { bytesOf, countOf, type Dtype, type FileTensor, isDtype, type TensorData, viewAs, widthOf } from './dtype.js';
import { quote } from './quote.js';

export { type Dtype, type FileTensor, type TensorData, toFloat32 } from './dtype.js';

/** Headers beyond this are refused; it is room for about 150,000 tensors. */
const headerLimit = 16 * 1024 * 1024;

/** An open safetensors file. Tensors are read from the disk when they are asked for. */
export interface SafetensorsFile {
  path: string;
  /** In the order of the header. */
  names: string[];
  /** The free text entries of the header, `{}` when there are none. */
  metadata: Record<string, string>;
  has(name: string): boolean;
  /** Type and shape, without reading the elements. */
  info(name: string): { dtype: Dtype; shape: number[] };
  tensor(name: string): Promise<FileTensor>;
}

/** A tensor to write; large ones may come in pieces, each a whole number of elements or not. */
export interface NamedTensor {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  data: TensorData | (() => AsyncIterable<Uint8Array>);
}

interface Entry {
  dtype: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Opens a safetensors file and checks its header against the file.
 * @throws UserError naming the file when it is missing, damaged or not safetensors
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openBytes(path);
  const { header, dataStart } = await readHeader(file);
  const { metadata, entries } = checkHeader(path, header, file.size - dataStart);
  const entry = (name: string): Entry => {
    const found = entries.get(name);
    if (found === undefined) throw new UserError(`${path} holds no tensor '${name}'`);
    return found;
  };
  return {
    path,
    names: [...entries.keys()],
    metadata,
    has: (name) => entries.has(name),
    info: (name) => ({ dtype: entry(name).dtype, shape: [...entry(name).shape] }),
    async tensor(name) {
      const { dtype, shape, begin, end } = entry(name);
      return { dtype, shape: [...shape], data: viewAs(dtype, await file.bytes(dataStart + begin, end - begin)) };
    },
  };
}

/** Whether the first bytes of a file can open a safetensors file: a header length and the brace of the JSON object. */
export function looksLikeSafetensors(start: Uint8Array): boolean {
  return start.length >= 9 && start[8] === 0x7b && Buffer.from(start).readBigUInt64LE(0) <= headerLimit;
}

async function readHeader(file: ByteFile): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  const { path, size } = file;
  if (size < 10) throw new UserError(`${path} is not a safetensors file: it holds ${size} bytes`);
  const length = Number(Buffer.from(await file.bytes(0, 8)).readBigUInt64LE(0));
  if (length > headerLimit) throw new UserError(`${path} is not a safetensors file: its header length is ${length}`);
  if (8 + length > size) throw new UserError(`${path} is cut short inside its header`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await file.bytes(8, length)));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} has a damaged header: it is not JSON`);
  }
  if (!isObject(header)) throw new UserError(`${path} has a damaged header: it is no JSON object`);
  return { header, dataStart: 8 + length };
}

/** Every tensor must have the size its shape asks for, and together they must cover the `room` bytes without gap or overlap. */
function checkHeader(path: string, header: Record<string, unknown>, room: number) {
  const entries = new Map<string, Entry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkMetadata(path, value);
    else entries.set(name, checkEntry(path, name, value));
  }
  let covered = 0;
  for (const [name, { begin, end }] of [...entries].sort((a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end)) {
    if (begin !== covered) {
      throw new UserError(
        `${path} is damaged: tensor ${quote(name)} begins at byte ${begin} of the data, not ${covered}`,
      );
    }
    covered = end;
  }
  if (covered > room) throw new UserError(`${path} is cut short: its tensors need ${covered} bytes, it holds ${room}`);
  if (covered < room) throw new UserError(`${path} is damaged: ${room - covered} bytes follow the last tensor`);
  return { metadata, entries };
}

function checkEntry(path: string, name: string, value: unknown): Entry {
  const wrong = (what: string) => new UserError(`${path} has a damaged header: tensor ${quote(name)} ${what}`);
  if (!isObject(value)) throw wrong('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) throw wrong(`has the type ${quote(String(dtype))}, which is not supported`);
  const count = Array.isArray(shape) ? countOf(shape) : null;
  if (count === null) throw wrong('has no valid shape');
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    countOf(offsets.slice(0, 1)) === null ||
    countOf(offsets.slice(1)) === null
  ) {
    throw wrong('has no valid offsets');
  }
  const [begin, end] = offsets as [number, number];
  if (end - begin !== count * widthOf(dtype)) {
    throw wrong(`spans ${end - begin} bytes, its shape needs ${count * widthOf(dtype)}`);
  }
  return { dtype, shape: shape as number[], begin, end };
}

function checkMetadata(path: string, value: unknown): Record<string, string> {
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw new UserError(`${path} has a damaged header: its metadata is not a list of texts`);
  }
  return value as Record<string, string>;
}

/**
 * Writes a safetensors file, whole or not at all. Equal input gives equal bytes: the header lists the tensors in the order given, the
 * data lies widest elements first so that every tensor is aligned for its type, and the header is padded to a multiple of 8 bytes.
 * @throws UserError for two tensors of one name; Error when data and shape of a tensor differ in size
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<NamedTensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const list = [...tensors];
  const layout = layOut(path, list);
  const header = encodeHeader(list, layout, metadata);
  await writeWhole(path, async (file) => {
    await writeAll(file, header);
    for (const tensor of byWidth(list)) {
      const { begin, end } = layout.get(tensor.name)!;
      let written = 0;
      for await (const piece of piecesOf(tensor)) {
        await writeAll(file, piece);
        written += piece.length;
      }
      if (written !== end - begin) throw sizeError(tensor, written);
    }
  });
}

function layOut(path: string, list: readonly NamedTensor[]): Map<string, { begin: number; end: number }> {
  const layout = new Map<string, { begin: number; end: number }>();
  let at = 0;
  for (const tensor of byWidth(list)) {
    const { name, dtype, shape, data } = tensor;
    if (layout.has(name)) throw new UserError(`two tensors for ${path} are called ${quote(name)}`);
    if (name === '__metadata__') throw new UserError(`a tensor for ${path} has the reserved name '__metadata__'`);
    const count = countOf(shape);
    if (count === null) throw new Error(`tensor ${quote(name)} has the shape [${shape}]`);
    const end = at + count * widthOf(dtype);
    if (typeof data !== 'function' && data.byteLength !== end - at) throw sizeError(tensor, data.byteLength);
    layout.set(name, { begin: at, end });
    at = end;
  }
  return layout;
}

function encodeHeader(
  list: readonly NamedTensor[],
  layout: ReadonlyMap<string, { begin: number; end: number }>,
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const fields = list.map(({ name, dtype, shape }) => {
    const { begin, end } = layout.get(name)!;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  if (metadata !== undefined) fields.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const json = Buffer.from(`{${fields.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  json.copy(header, 8);
  return header;
}

/** A stable sort: tensors of one width keep their order. */
function byWidth(list: readonly NamedTensor[]): NamedTensor[] {
  return [...list].sort((a, b) => widthOf(b.dtype) - widthOf(a.dtype));
}

function piecesOf({ data }: NamedTensor): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return typeof data === 'function' ? data() : [bytesOf(data)];
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += (await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30))).bytesWritten;
  }
}

function sizeError({ name, dtype, shape }: NamedTensor, bytes: number): Error {
  return new Error(`tensor ${quote(name)} of type ${dtype} and shape [${shape}] came with ${bytes} bytes of data`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
