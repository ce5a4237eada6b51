import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { type NamedTensor, readSafetensors, toFloat32, writeSafetensors } from '../../src/formats/safetensors.js';

const folder = mkdtempSync(join(tmpdir(), 'ldc-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header text and so many zero bytes of data. */
function fileOf(name: string, header: string, dataBytes: number): string {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return path;
}

const tensors: NamedTensor[] = [
  { name: 'flag', dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
  { name: 'weight', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, 1e-40) },
  { name: 'steps', dtype: 'I64', shape: [], data: BigInt64Array.of(-(2n ** 62n)) },
  { name: 'none', dtype: 'F64', shape: [0, 3], data: new Float64Array() },
  { name: 'half', dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xfc00) },
  { name: 'brain', dtype: 'BF16', shape: [1], data: Uint16Array.of(0x4049) },
  { name: 'double', dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) },
  { name: 'int', dtype: 'I32', shape: [1], data: Int32Array.of(-7) },
  { name: 'short', dtype: 'I16', shape: [1], data: Int16Array.of(-300) },
  { name: 'byte', dtype: 'I8', shape: [1], data: Int8Array.of(-128) },
  { name: 'octet', dtype: 'U8', shape: [1, 2], data: Uint8Array.of(0, 255) },
];

describe('a written file', () => {
  it('reads back bit by bit, in the order given, with its metadata', async () => {
    const path = join(folder, 'all.safetensors');
    await writeSafetensors(path, tensors, { format: 'pt', note: 'ü' });
    const file = await readSafetensors(path);
    expect(file.names).toEqual(tensors.map((tensor) => tensor.name));
    expect(file.metadata).toEqual({ format: 'pt', note: 'ü' });
    for (const { name, dtype, shape, data } of tensors) {
      expect(await file.tensor(name)).toEqual({ dtype, shape, data });
      expect(file.info(name)).toEqual({ dtype, shape });
    }
  });

  it('has the same bytes for the same input, an aligned header and aligned tensors', async () => {
    const paths = [join(folder, 'one.safetensors'), join(folder, 'two.safetensors')];
    for (const path of paths) await writeSafetensors(path, tensors);
    const [one, two] = paths.map((path) => readFileSync(path));
    expect(one!.equals(two!)).toBe(true);
    const length = Number(one!.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(one!.subarray(8, 8 + length).toString());
    for (const { name, data } of tensors) {
      expect(header[name].data_offsets[0] % (data as Float32Array).BYTES_PER_ELEMENT).toBe(0);
    }
  });

  it('takes a tensor in pieces', async () => {
    const path = join(folder, 'pieces.safetensors');
    const data = async function* () {
      yield Uint8Array.of(1, 0);
      yield Uint8Array.of(0, 0, 2, 0, 0, 0);
    };
    await writeSafetensors(path, [{ name: 'x', dtype: 'I32', shape: [2], data }]);
    expect((await (await readSafetensors(path)).tensor('x')).data).toEqual(Int32Array.of(1, 2));
  });

  it('is absent when a tensor fails', async () => {
    const path = join(folder, 'absent.safetensors');
    const short = async function* () {
      yield Uint8Array.of(1);
    };
    const broken = async function* () {
      yield Uint8Array.of(1, 2);
      throw new UserError('cut short');
    };
    for (const data of [short, broken]) {
      await expect(writeSafetensors(path, [{ name: 'x', dtype: 'I32', shape: [1], data }])).rejects.toThrow();
    }
    await expect(
      writeSafetensors(path, [{ name: 'x', dtype: 'I32', shape: [2], data: new Int32Array(1) }]),
    ).rejects.toThrow('came with 4 bytes');
    const twice = { name: 'x', dtype: 'U8', shape: [1], data: new Uint8Array(1) } as const;
    await expect(writeSafetensors(path, [twice, twice])).rejects.toThrow(UserError);
    expect(readdirSync(folder).filter((name) => name.startsWith('absent'))).toEqual([]);
  });
});

describe('a damaged file is refused in one sentence', () => {
  const x = (rest: string) => `{"x":${rest}}`;
  const cases: [string, string, number, RegExp][] = [
    ['not JSON', '{"x"', 0, /not JSON/],
    ['not an object', '[1,2,3,4]', 0, /no JSON object/],
    ['no description', x('7'), 0, /not described/],
    ['unknown type', x('{"dtype":"toString","shape":[1],"data_offsets":[0,1]}'), 1, /"toString"/],
    ['negative extent', x('{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}'), 1, /no valid shape/],
    ['fractional extent', x('{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}'), 1, /no valid shape/],
    ['overflowing shape', x('{"dtype":"F32","shape":[94906267,94906267],"data_offsets":[0,1]}'), 1, /no valid shape/],
    ['offsets missing', x('{"dtype":"U8","shape":[1]}'), 1, /no valid offsets/],
    ['size and shape differ', x('{"dtype":"F32","shape":[2],"data_offsets":[0,4]}'), 4, /spans 4 bytes, .* needs 8/],
    ['reversed offsets', x('{"dtype":"F32","shape":[2],"data_offsets":[8,0]}'), 8, /spans -8/],
    ['a terabyte', x('{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}'), 4, /cut short/],
    ['a gap in front', x('{"dtype":"U8","shape":[1],"data_offsets":[1,2]}'), 2, /begins at byte 1 of the data, not 0/],
    ['bytes left over', x('{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'), 2, /1 bytes follow/],
    [
      'an overlap',
      '{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
      6,
      /"y" begins at byte 2 of the data, not 4/,
    ],
    ['metadata of numbers', '{"__metadata__":{"a":1}}', 0, /metadata/],
  ];
  it.each(cases)('%s', async (name, header, dataBytes, message) => {
    const path = fileOf(`${name}.bad`, header, dataBytes);
    const error = await readSafetensors(path).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
  });

  it('header longer than the file or the limit, empty file, folder, missing file', async () => {
    const long = fileOf('long.bad', '{}', 0);
    writeFileSync(long, Buffer.concat([Buffer.of(100, 0, 0, 0, 0, 0, 0, 0), Buffer.from('{}')]));
    await expect(readSafetensors(long)).rejects.toThrow('cut short inside its header');
    writeFileSync(long, Buffer.alloc(20, 0xff));
    await expect(readSafetensors(long)).rejects.toThrow('header length');
    writeFileSync(long, '');
    await expect(readSafetensors(long)).rejects.toThrow('holds 0 bytes');
    await expect(readSafetensors(folder)).rejects.toThrow('is not a file');
    await expect(readSafetensors(join(folder, 'nowhere'))).rejects.toThrow('there is no file');
  });

  it('a tensor that is not there, a file replaced meanwhile', async () => {
    const path = join(folder, 'replaced.safetensors');
    await writeSafetensors(path, [{ name: 'x', dtype: 'U8', shape: [1], data: new Uint8Array(1) }]);
    const file = await readSafetensors(path);
    await expect(file.tensor('y')).rejects.toThrow("no tensor 'y'");
    await writeSafetensors(path, [{ name: 'x', dtype: 'U8', shape: [2], data: new Uint8Array(2) }]);
    await expect(file.tensor('x')).rejects.toThrow('changed while it was read');
  });
});

describe('widening to float32', () => {
  it('every half and bfloat16 value agrees with its definition', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, k) => k);
    const half = toFloat32({ dtype: 'F16', data: bits });
    const brain = toFloat32({ dtype: 'BF16', data: bits });
    const wrong: number[] = [];
    for (let k = 0; k < 65536; k++) {
      const sign = k & 0x8000 ? -1 : 1;
      if (!Object.is(half[k], sign * magnitude(k & 0x7fff, 5, 10)) && !Number.isNaN(half[k])) wrong.push(k);
      if (!Object.is(brain[k], sign * magnitude(k & 0x7fff, 8, 7)) && !Number.isNaN(brain[k])) wrong.push(k);
      if (Number.isNaN(half[k]) !== (k & 0x7fff) > 0x7c00) wrong.push(k);
      if (Number.isNaN(brain[k]) !== (k & 0x7fff) > 0x7f80) wrong.push(k);
    }
    expect(wrong).toEqual([]);
  });

  it('integers, doubles, booleans', () => {
    expect(toFloat32({ dtype: 'I64', data: BigInt64Array.of(-5n, 2n ** 24n + 1n) })).toEqual(
      Float32Array.of(-5, 2 ** 24),
    );
    expect(toFloat32({ dtype: 'F64', data: Float64Array.of(0.1) })).toEqual(Float32Array.of(0.1));
    expect(toFloat32({ dtype: 'BOOL', data: Uint8Array.of(1, 0) })).toEqual(Float32Array.of(1, 0));
  });
});

/** IEEE 754 binary interchange value of a non-negative bit pattern. */
function magnitude(bits: number, exponentBits: number, fractionBits: number): number {
  const exponent = bits >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
}
