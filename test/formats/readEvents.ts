/**
 * Reads TensorBoard's event files by their definitions alone: checksums bit by bit, messages field by field. TensorBoard itself comes from PyPI
 * and not from npm; where somebody has it, `tensorboard --logdir runs` is the other check.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ReadValue {
  tag: string;
  scalar?: number;
  /** Height, width and content. */
  image?: { height: number; width: number; content: Buffer };
  plugin?: { name: string; content: Buffer };
}

export interface ReadEvent {
  wallTime: number;
  step: number;
  version?: string;
  values: ReadValue[];
}

/** The events of all files in a folder, in the order of the files' names. @throws Error for a checksum that is wrong, or a torn record */
export function readEvents(folder: string): ReadEvent[] {
  const names = readdirSync(folder).filter((name) => name.includes('tfevents'));
  return names.sort().flatMap((name) => eventsOf(readFileSync(join(folder, name))));
}

export function eventsOf(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const message = file.subarray(at + 12, at + 12 + length);
    if (message.length < length) throw new Error(`the record at ${at} is torn`);
    if (file.readUInt32LE(at + 8) !== masked(file.subarray(at, at + 8))) throw new Error(`length at ${at}`);
    if (file.readUInt32LE(at + 12 + length) !== masked(message)) throw new Error(`message at ${at}`);
    events.push(eventOf(message));
    at += length + 16;
  }
  return events;
}

/** CRC-32C by long division, one bit at a time, then TensorFlow's mask: turned right by 15, plus 0xa282ead8. */
export function masked(bytes: Uint8Array): number {
  let remainder = 0xffffffffn;
  for (const byte of bytes) {
    remainder ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1n ? (remainder >> 1n) ^ 0x82f63b78n : remainder >> 1n;
  }
  const crc = remainder ^ 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

function eventOf(message: Buffer): ReadEvent {
  const fields = fieldsOf(message);
  const summary = fields.get(5)?.[0];
  return {
    wallTime: (fields.get(1)![0] as Buffer).readDoubleLE(),
    step: Number(fields.get(2)?.[0] ?? 0),
    version: fields.get(3)?.[0]?.toString(),
    values: summary === undefined ? [] : (fieldsOf(summary as Buffer).get(1) as Buffer[]).map(taggedValueOf),
  };
}

function taggedValueOf(message: Buffer): ReadValue {
  const fields = fieldsOf(message);
  const value: ReadValue = { tag: String(fields.get(1)![0]) };
  if (fields.has(2)) value.scalar = (fields.get(2)![0] as Buffer).readFloatLE();
  if (fields.has(4)) {
    const image = fieldsOf(fields.get(4)![0] as Buffer);
    const [height, width] = [Number(image.get(1)![0]), Number(image.get(2)![0])];
    value.image = { height, width, content: image.get(4)![0] as Buffer };
  }
  if (fields.has(9)) {
    const plugin = fieldsOf(fieldsOf(fields.get(9)![0] as Buffer).get(1)![0] as Buffer);
    value.plugin = { name: String(plugin.get(1)![0]), content: plugin.get(2)![0] as Buffer };
  }
  return value;
}

/** The fields of a message by number: varints as numbers, all else as bytes. */
export function fieldsOf(message: Buffer): Map<number, (bigint | Buffer)[]> {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const bytes = (length: number) => {
    at += length;
    return message.subarray(at - length, at);
  };
  const fields = new Map<number, (bigint | Buffer)[]>();
  while (at < message.length) {
    const tag = Number(varint());
    const type = tag & 7;
    const value = type === 0 ? varint() : type === 1 ? bytes(8) : type === 5 ? bytes(4) : bytes(Number(varint()));
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}
