/**
 * Finds the entries of a zip archive and reads byte ranges of them, zip64 included (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3).
 * An own reader because a checkpoint needs what general ones hide: where in the file an uncompressed entry lies, so that a part of it
 * can be read without the rest. Nothing is ever written under a name found in the archive.
 */
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { UserError } from '../base/errors.js';
import type { ByteFile, ByteRange } from './byteFile.js';
import { quote } from './quote.js';

const inflate = promisify(inflateRaw);

/** The directory is held in memory; this is room for half a million entries. */
const directoryLimit = 32 * 1024 * 1024;

/** A compressed entry is unpacked in memory as a whole. `torch.save` never compresses. */
const inflatedLimit = 256 * 1024 * 1024;

/** What a 32 bit field holds when the number stands in a zip64 field. */
const elsewhere = 0xffffffff;

export interface ZipEntry extends ByteRange {
  name: string;
  /** Whether any read unpacks the whole entry. */
  compressed: boolean;
  /** Makes sure that the data is where the directory says and as long; reading does so, too. */
  verify(): Promise<void>;
}

interface DirectoryRecord {
  name: string;
  method: number;
  flags: number;
  packedSize: number;
  size: number;
  headerAt: number;
}

/**
 * The entries of the archive `file`, by name.
 * @throws UserError when it is no zip archive, is damaged, or encrypted
 */
export async function readZip(file: ByteFile): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(file);
  const entries = new Map<string, ZipEntry>();
  for (const record of parseDirectory(file.path, directory)) {
    if (entries.has(record.name)) throw new UserError(`${file.path} holds the entry ${quote(record.name)} twice`);
    entries.set(record.name, openEntry(file, record));
  }
  return entries;
}

/** The directory is found from the end of the file, where a record tells its place. */
async function findDirectory(file: ByteFile): Promise<Buffer> {
  const { path, size } = file;
  const tailStart = Math.max(0, size - 22 - 0xffff);
  const tail = Buffer.from(await file.bytes(tailStart, size - tailStart));
  const at = tail.lastIndexOf('PK\x05\x06', Math.max(0, tail.length - 22), 'latin1');
  if (at < 0 || tail.length < 22)
    throw new UserError(`${path} is cut short: the directory of its zip archive is missing`);
  let [length, start] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  const locator = at - 20;
  if (locator >= 0 && tail.toString('latin1', locator, locator + 4) === 'PK\x06\x07') {
    const recordAt = Number(tail.readBigUInt64LE(locator + 8));
    const record = Buffer.from(await file.bytes(recordAt, 56));
    if (record.toString('latin1', 0, 4) !== 'PK\x06\x06') throw damaged(path, 'its zip64 record is missing');
    [length, start] = [Number(record.readBigUInt64LE(40)), Number(record.readBigUInt64LE(48))];
  }
  if (length > directoryLimit) throw damaged(path, `its directory has ${length} bytes`);
  return Buffer.from(await file.bytes(start, length));
}

function* parseDirectory(path: string, directory: Buffer): Generator<DirectoryRecord> {
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || directory.toString('latin1', at, at + 4) !== 'PK\x01\x02') {
      throw damaged(path, 'its directory is broken');
    }
    const [nameLength, extraLength] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30)];
    const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw damaged(path, 'its directory is broken');
    const record = {
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      packedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerAt: directory.readUInt32LE(at + 42),
    };
    const extraAt = at + 46 + nameLength;
    yield widen(path, record, directory.subarray(extraAt, extraAt + extraLength));
    at = next;
  }
}

/** Takes the numbers that did not fit 32 bits from the zip64 field, where they stand in a fixed order. */
function widen(path: string, record: DirectoryRecord, extra: Buffer): DirectoryRecord {
  const missing = (['size', 'packedSize', 'headerAt'] as const).filter((key) => record[key] === elsewhere);
  if (missing.length === 0) return record;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    if (field.length < 8 * missing.length) break;
    missing.forEach((key, k) => {
      record[key] = Number(field.readBigUInt64LE(8 * k));
    });
    return record;
  }
  throw damaged(path, `the size of ${quote(record.name)} is missing`);
}

function openEntry(file: ByteFile, record: DirectoryRecord): ZipEntry {
  const { path } = file;
  const { name, method, flags, size, packedSize } = record;
  if (flags & 1) throw new UserError(`${path} is an encrypted zip archive, which is not read`);
  if (method !== 0 && method !== 8) throw damaged(path, `${quote(name)} is compressed by method ${method}`);
  const compressed = method === 8;
  if (compressed && size > inflatedLimit) throw damaged(path, `${quote(name)} is compressed and ${size} bytes long`);
  if (!compressed && packedSize !== size) throw damaged(path, `${quote(name)} has two different sizes`);
  let start: Promise<number> | undefined;
  const locate = () => {
    start ??= findData(file, record);
    return start;
  };
  async function unpack(): Promise<Uint8Array<ArrayBuffer>> {
    const packed = await file.bytes(await locate(), packedSize);
    const bytes = await inflate(packed, { maxOutputLength: Math.max(size, 1) }).catch(() => null);
    if (bytes?.length !== size) throw damaged(path, `${quote(name)} cannot be unpacked`);
    return bytes;
  }
  function check(at: number, length: number): void {
    if (!(at >= 0 && length >= 0 && at + length <= size)) throw damaged(path, `${quote(name)} has only ${size} bytes`);
  }
  return {
    name,
    size,
    compressed,
    async bytes(at, length) {
      check(at, length);
      if (compressed) return (await unpack()).slice(at, at + length);
      return file.bytes((await locate()) + at, length);
    },
    async *pieces(at, length) {
      check(at, length);
      if (compressed) yield (await unpack()).slice(at, at + length);
      else yield* file.pieces((await locate()) + at, length);
    },
    async verify() {
      await locate();
    },
  };
}

/** The data follows a second header, whose name and extra field may differ in length from those of the directory. */
async function findData(file: ByteFile, { name, packedSize, headerAt }: DirectoryRecord): Promise<number> {
  const header = Buffer.from(await file.bytes(headerAt, 30));
  if (header.toString('latin1', 0, 4) !== 'PK\x03\x04')
    throw damaged(file.path, `${quote(name)} is not where it should be`);
  const start = headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + packedSize > file.size) throw damaged(file.path, `${quote(name)} reaches beyond the end`);
  return start;
}

function damaged(path: string, what: string): UserError {
  return new UserError(`${path} is a damaged zip archive: ${what}`);
}
