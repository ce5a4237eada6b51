/**
 * TensorBoard's event files: records with masked checksums (CRC-32C) around `Event` messages. Field numbers are those of TensorFlow's
 * event.proto and summary.proto and of the plugin hparams' plugin_data.proto (Apache-2.0).
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export type HyperParameter = string | number | boolean;

/** What stands under one tag at one step. */
export type TaggedValue = { tag: string } & (
  | { scalar: number }
  /** `encoded`: the content of a PNG or JPEG file. */
  | { image: { width: number; height: number; encoded: Uint8Array } }
  | { hparams: Readonly<Record<string, HyperParameter>> }
  | { ended: 'success' | 'failure' }
);

export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  values: readonly TaggedValue[];
}

/** Tags that the plugin hparams looks for. */
export const hparamsStart = '_hparams_/session_start_info';
export const hparamsEnd = '_hparams_/session_end_info';

/** What a file begins with. */
export function fileVersion(wallTime: number): Buffer {
  return record(event(wallTime, 0).tag(3, WireType.LengthDelimited).string('brain.Event:2').finish());
}

/** What earlier files said of this step and later ones is void. */
export function sessionStart(wallTime: number, step: number): Buffer {
  const message = event(wallTime, step).tag(7, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(1).join();
  return record(message.finish());
}

export function eventRecord({ wallTime, step, values }: Event): Buffer {
  const writer = event(wallTime, step).tag(5, WireType.LengthDelimited).fork();
  for (const value of values) writeValue(writer.tag(1, WireType.LengthDelimited).fork(), value).join();
  return record(writer.join().finish());
}

/** The records of a file with their steps, up to the end or to the first that is torn or damaged. */
export function* recordsOf(bytes: Buffer): Generator<{ record: Buffer; step: number }> {
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const end = at + 12 + length + 4;
    if (end > bytes.length || maskedCrc(bytes.subarray(at, at + 8)) !== bytes.readUInt32LE(at + 8)) return;
    const message = bytes.subarray(at + 12, end - 4);
    if (maskedCrc(message) !== bytes.readUInt32LE(end - 4)) return;
    yield { record: bytes.subarray(at, end), step: stepOf(message) };
    at = end;
  }
}

function event(wallTime: number, step: number): BinaryWriter {
  return new BinaryWriter().tag(1, WireType.Bit64).double(wallTime).tag(2, WireType.Varint).int64(step);
}

/** Writes the fields of a `Summary.Value`. */
function writeValue(writer: BinaryWriter, value: TaggedValue): BinaryWriter {
  writer.tag(1, WireType.LengthDelimited).string(value.tag);
  if ('scalar' in value) return writer.tag(2, WireType.Bit32).float(value.scalar);
  if ('image' in value) {
    const { width, height, encoded } = value.image;
    writer.tag(4, WireType.LengthDelimited).fork();
    for (const [field, number] of [height, width, 3].entries()) writer.tag(field + 1, WireType.Varint).int32(number);
    return writer.tag(4, WireType.LengthDelimited).bytes(encoded).join();
  }
  const content = 'hparams' in value ? sessionStartInfo(value.hparams) : sessionEndInfo(value.ended);
  writer.tag(9, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string('hparams');
  return writer.tag(2, WireType.LengthDelimited).bytes(content).join().join();
}

function sessionStartInfo(hparams: Readonly<Record<string, HyperParameter>>): Uint8Array {
  const writer = new BinaryWriter().tag(3, WireType.LengthDelimited).fork();
  for (const [name, value] of Object.entries(hparams)) {
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.LengthDelimited).fork();
    if (typeof value === 'number') writer.tag(2, WireType.Bit64).double(value);
    else if (typeof value === 'boolean') writer.tag(4, WireType.Varint).bool(value);
    else writer.tag(3, WireType.LengthDelimited).string(value);
    writer.join().join();
  }
  return writer.join().finish();
}

function sessionEndInfo(ended: 'success' | 'failure'): Uint8Array {
  const status = ended === 'success' ? 1 : 2;
  return new BinaryWriter()
    .tag(4, WireType.LengthDelimited)
    .fork()
    .tag(1, WireType.Varint)
    .int32(status)
    .join()
    .finish();
}

function stepOf(message: Uint8Array): number {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2) return Number(reader.int64());
    reader.skip(type);
  }
  return 0;
}

/** Length, its checksum, the message, its checksum. */
function record(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(message.length + 16);
  bytes.writeBigUInt64LE(BigInt(message.length));
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(message, 12);
  bytes.writeUInt32LE(maskedCrc(message), 12 + message.length);
  return bytes;
}

/** CRC-32C (Castagnoli) of each byte value. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** Turned and shifted, so that the checksum of bytes that hold checksums is of use. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
