/** Makes pickles, zip archives and checkpoints byte by byte, so that tests can make those that no program would. */
import { crc32, deflateRawSync } from 'node:zlib';

/** What `pickle` writes: arrays become tuples, maps dictionaries. `raw` are opcodes that leave one value. */
export type Sketch =
  | null
  | boolean
  | number
  | string
  | Sketch[]
  | Map<Sketch, Sketch>
  | { global: string }
  | { call: string; args: Sketch[] }
  | { persistent: Sketch[] }
  | { raw: Uint8Array };

/** A pickle of protocol 2. */
export function pickle(value: Sketch): Buffer {
  return Buffer.concat([Buffer.of(0x80, 2), opcodes(value), Buffer.from('.')]);
}

/** Opcodes that leave `value` on the stack. */
export function opcodes(value: Sketch): Buffer {
  if (value === null) return Buffer.from('N');
  if (typeof value === 'boolean') return Buffer.of(value ? 0x88 : 0x89);
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return Buffer.concat([sized('X', Buffer.byteLength(value)), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('('), ...value.map(opcodes), Buffer.from('t')]);
  if (value instanceof Map) {
    return Buffer.concat([Buffer.from('}('), ...[...value].flat().map(opcodes), Buffer.from('u')]);
  }
  if ('global' in value) return named(value.global);
  if ('call' in value) return Buffer.concat([named(value.call), opcodes(value.args), Buffer.from('R')]);
  if ('persistent' in value) return Buffer.concat([opcodes(value.persistent), Buffer.from('Q')]);
  return Buffer.from(value.raw);
}

/** An int32, a longer integer, or a double. */
function number(value: number): Buffer {
  if (value === (value | 0)) {
    const bytes = sized('J', 0);
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  if (!Number.isSafeInteger(value)) {
    const bytes = Buffer.alloc(9, 'G');
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(10, 0x8a);
  bytes[1] = 8;
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

function named(name: string): Buffer {
  const dot = name.lastIndexOf('.');
  return Buffer.from(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`);
}

function sized(opcode: string, length: number): Buffer {
  const bytes = Buffer.alloc(5, opcode);
  bytes.writeUInt32LE(length, 1);
  return bytes;
}

export interface TensorSketch {
  key?: string;
  type?: string;
  count: number;
  offset?: number;
  shape: Sketch[];
  stride: Sketch[];
}

/** A tensor as PyTorch describes it. */
export function tensor({ key = '0', type = 'FloatStorage', count, offset = 0, shape, stride }: TensorSketch): Sketch {
  const storage = { persistent: ['storage', { global: `torch.${type}` }, key, 'cpu', count] };
  return { call: 'torch._utils._rebuild_tensor_v2', args: [storage, offset, shape, stride, false, new Map()] };
}

export interface EntrySketch {
  name: string;
  data: Uint8Array;
  deflate?: boolean;
  /** Numbers of the directory that shall differ from the truth. */
  lie?: { size?: number; packedSize?: number; headerAt?: number; flags?: number; method?: number };
  /** Writes sizes and place into a zip64 field. */
  zip64?: boolean;
}

/** A zip archive. */
export function zip(entries: EntrySketch[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const packed = entry.deflate ? deflateRawSync(entry.data) : Buffer.from(entry.data);
    const truth = { size: entry.data.length, packedSize: packed.length, flags: 0, method: entry.deflate ? 8 : 0 };
    const numbers = { ...truth, headerAt: at, ...entry.lie };
    const name = Buffer.from(entry.name);
    const local = Buffer.alloc(30);
    local.write('PK\x03\x04', 'latin1');
    local.writeUInt16LE(truth.method, 8);
    local.writeUInt32LE(crc32(entry.data), 14);
    local.writeUInt32LE(truth.packedSize, 18);
    local.writeUInt32LE(truth.size, 22);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(3, 28);
    parts.push(local, name, Buffer.from('ZZZ'), packed);
    at += local.length + name.length + 3 + packed.length;
    directory.push(record(name, numbers, Boolean(entry.zip64)));
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end]);
}

type Numbers = Required<NonNullable<EntrySketch['lie']>>;

function record(name: Buffer, { size, packedSize, headerAt, flags, method }: Numbers, zip64: boolean): Buffer {
  const fixed = Buffer.alloc(46);
  fixed.write('PK\x01\x02', 'latin1');
  fixed.writeUInt16LE(flags, 8);
  fixed.writeUInt16LE(method, 10);
  fixed.writeUInt32LE(zip64 ? 0xffffffff : packedSize, 20);
  fixed.writeUInt32LE(zip64 ? 0xffffffff : size, 24);
  fixed.writeUInt16LE(name.length, 28);
  fixed.writeUInt32LE(zip64 ? 0xffffffff : headerAt, 42);
  const extra = Buffer.alloc(zip64 ? 33 : 0);
  if (zip64) {
    // A field of another kind in front, as PyTorch's padding is.
    extra.writeUInt16LE(0x4246, 0);
    extra.writeUInt16LE(1, 2);
    extra.writeUInt16LE(1, 5);
    extra.writeUInt16LE(24, 7);
    [size, packedSize, headerAt].forEach((value, k) => void extra.writeBigUInt64LE(BigInt(value), 9 + 8 * k));
  }
  fixed.writeUInt16LE(extra.length, 30);
  return Buffer.concat([fixed, name, extra]);
}

/** A checkpoint in the zip container; `data` are the bytes of storage `0`. */
export function checkpoint(root: Sketch, data: Uint8Array, more: EntrySketch[] = []): Buffer {
  return zip([
    { name: 'archive/data.pkl', data: pickle(root) },
    { name: 'archive/data/0', data },
    { name: 'archive/version', data: Buffer.from('3\n') },
    ...more,
  ]);
}
