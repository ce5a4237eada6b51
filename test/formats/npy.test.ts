import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { openNpy, readNpy } from '../../src/formats/npy.js';

const folder = mkdtempSync(join(tmpdir(), 'ldc-npy-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, header: string, data: Uint8Array, version = 1): string {
  const start = Buffer.alloc(version === 1 ? 10 : 12);
  start.write('\x93NUMPY', 'latin1');
  start[6] = version;
  if (version === 1) start.writeUInt16LE(header.length, 8);
  else start.writeUInt32LE(header.length, 8);
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([start, Buffer.from(header), data]));
  return path;
}

const headerOf = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

/** 4 rows of 2×3 elements whose value tells their place: 100 row + 10 line + column. */
const places = [0, 1, 2, 3].flatMap((r) => [0, 1].flatMap((i) => [0, 1, 2].map((j) => 100 * r + 10 * i + j)));
const placesFortran = [0, 1, 2].flatMap((j) => [0, 1].flatMap((i) => [0, 1, 2, 3].map((r) => 100 * r + 10 * i + j)));

describe('rows', () => {
  it.each([
    ['C', 'False', places],
    ['Fortran', 'True', placesFortran],
  ])('are the same slices of a file in %s order', async (name, fortran, values) => {
    const data = new Uint8Array(Int32Array.from(values).buffer);
    const file = await openNpy(fileOf(`${name}.npy`, headerOf("'<i4'", '(4, 2, 3)', fortran), data));
    expect(file.shape).toEqual([4, 2, 3]);
    expect(await file.readAll()).toEqual({ dtype: 'I32', shape: [4, 2, 3], data: Int32Array.from(places) });
    for (const [from, count] of [
      [0, 1],
      [1, 2],
      [3, 1],
      [4, 0],
    ] as const) {
      const want = Int32Array.from(places.slice(from * 6, (from + count) * 6));
      expect(await file.readRows(from, count)).toEqual({ dtype: 'I32', shape: [count, 2, 3], data: want });
    }
    for (const [from, count] of [
      [3, 2],
      [-1, 1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      await expect(file.readRows(from, count)).rejects.toThrow(UserError);
    }
  });

  it('of a file beyond 4 GiB are read without the rest', async () => {
    const path = fileOf('huge.npy', headerOf("'|u1'", '(6000, 1024, 1024)'), new Uint8Array());
    const file = openNpy(path);
    await expect(file).rejects.toThrow('cut short');
    truncateSync(path, 10 + headerOf("'|u1'", '(6000, 1024, 1024)').length + 6000 * 1024 * 1024);
    const rows = await (await openNpy(path)).readRows(5999, 1);
    expect(rows.shape).toEqual([1, 1024, 1024]);
  });
});

describe('headers', () => {
  const one = new Uint8Array(4);
  it.each([
    ['keys in another order', "{'shape':(1,),'fortran_order':False,'descr':'<f4'}"],
    ['the long integers of Python 2', headerOf("'<f4'", '(1L,)')],
    ['the byte order of the machine', headerOf("'=f4'", '(1,)')],
    ['spaces', " { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 1 , ) , } "],
  ])('with %s are read', async (name, header) => {
    expect((await readNpy(fileOf(`${name}.npy`, header, one))).shape).toEqual([1]);
  });

  it.each([
    ['a structured type', headerOf("[('a', '<f4')]", '(1,)'), /type \[/],
    ['unsigned 16 bit', headerOf("'<u2'", '(2,)'), /type '<u2'/],
    ['a property of every object', headerOf("'<toString'", '(1,)'), /type '<toString'/],
    ['Python objects', headerOf("'O'", '(1,)'), /Python objects/],
    ['no shape', "{'descr': '<f4', 'fortran_order': False}", /no valid shape/],
    ['a negative extent', headerOf("'<f4'", '(-1,)'), /no valid shape/],
    ['a name as extent', headerOf("'<f4'", '(one,)'), /no valid shape/],
    ['an overflowing shape', headerOf("'<f4'", '(4294967296, 4294967296)'), /no valid shape/],
    ['a terabyte', headerOf("'|u1'", '(1099511627776,)'), /needs 1099511627776 bytes/],
    ['a call', "{'descr': '<f4', 'fortran_order': exit(), 'shape': (1,)}", /no dictionary of/],
    ['no order', "{'descr': '<f4', 'shape': (1,)}", /fortran_order/],
    ['no dictionary', '(1,)', /no dictionary/],
    ['more data than the shape', headerOf("'<i2'", '(1,)'), /2 bytes follow/],
  ])('with %s are refused', async (name, header, message) => {
    const error = await readNpy(fileOf(`${name}.npy`, header, one)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });

  it('of another version, or longer than the file, are refused', async () => {
    await expect(readNpy(fileOf('v4.npy', headerOf("'<f4'", '(1,)'), one, 4))).rejects.toThrow('version 4');
    const path = fileOf('long.npy', '', new Uint8Array());
    writeFileSync(path, Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'));
    await expect(readNpy(path)).rejects.toThrow('length is 4294967295');
  });
});
