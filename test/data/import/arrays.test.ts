import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { readCropSet } from '../../../src/data/cropSet.js';
import { importArrays } from '../../../src/data/import/arrays.js';
import { LeftOut } from '../../../src/data/leftOut.js';
import { failure, put, temporaryFolder } from '../helpers.js';

let base: string;
beforeAll(async () => {
  base = await temporaryFolder();
});

/** Bytes of pixel (x, y) of image `n`, channel `c`: differs in every argument. */
function level(n: number, y: number, x: number, c: number): number {
  return (n * 40 + y * 16 + x * 4 + c * 7) % 256;
}

/** `[count,4,4,3]` or `[count,3,4,4]`, as NumPy writes it. */
function npy(count: number, { dtype = '<f4', scale = 1, first = false, from = 0 } = {}): Buffer {
  const values: number[] = [];
  for (let n = from; n < from + count; n++) {
    if (first) for (let c = 0; c < 3; c++) for (let i = 0; i < 16; i++) values.push(level(n, i >> 2, i & 3, c));
    else for (let i = 0; i < 16; i++) for (let c = 0; c < 3; c++) values.push(level(n, i >> 2, i & 3, c));
  }
  const shape = first ? `${count}, 3, 4, 4` : `${count}, 4, 4, 3`;
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${shape}), }`;
  const header = Buffer.alloc(128, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(118, 8);
  header.write(text, 10);
  header.write('\n', 127);
  const scaled = values.map((value) => value * scale);
  const data =
    dtype === '|u1' ? Uint8Array.from(scaled) : dtype === '<f8' ? Float64Array.from(scaled) : Float32Array.from(scaled);
  return Buffer.concat([header, new Uint8Array(data.buffer)]);
}

async function expectPixels(path: string, n: number): Promise<void> {
  const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([...data]).toEqual(Array.from({ length: 48 }, (_, i) => level(n, (i / 12) | 0, ((i / 3) | 0) % 4, i % 3)));
}

test.each([
  ['bytes', { dtype: '|u1' }],
  ['0 … 255', {}],
  ['0 … 1', { scale: 1 / 255 }],
  ['0 … 1/255', { scale: 1 / 255 / 255 }],
  ['double precision, channels first', { dtype: '<f8', scale: 1 / 255, first: true }],
] as const)('reads images stored as %s without loss', async (title, form) => {
  const root = join(base, title.replaceAll(/\W/g, '_'));
  await put(join(root, 'casia_images_live.npy'), npy(9, form));
  await put(join(root, 'casia_print_images.npy'), npy(3, { ...form, from: 2 }));
  await put(join(root, 'casia_replay_images.npy'), npy(2, { ...form, from: 1 }));
  await put(join(root, 'casia_images_spoof.npy'), npy(5, form));
  await put(join(root, 'activation_live_casia.npy'), 'not an image array');
  const progress: number[] = [];
  const sets = await importArrays({ root, out: join(root, 'data'), onProgress: (done) => progress.push(done) });
  expect(sets).toEqual([{ name: 'CASIA-FASD', letter: 'C', path: join(root, 'data/CASIA-FASD'), images: 14 }]);
  expect(progress.at(-1)).toBe(14);
  const { frames, letter } = await readCropSet(sets[0]!.path);
  expect(letter).toBe('C');
  expect(frames.map(({ attackType }) => attackType)).toEqual([
    ...Array(9).fill('live'),
    ...Array(3).fill('print'),
    ...Array(2).fill('replay'),
  ]);
  expect(new Set(frames.map(({ video }) => video)).size).toBe(14);
  await expectPixels(frames[8]!.path, 8);
  await expectPixels(frames[11]!.path, 4);
  expect((await failure(importArrays({ root, out: join(root, 'data') }))).message).toContain(
    'already holds a crop set',
  );
});

test('takes spoof images alone for attacks of unknown kind, and every domain that is whole', async () => {
  const root = join(base, 'two');
  await put(join(root, 'MSU_images_live.npy'), npy(2));
  await put(join(root, 'MSU_images_spoof.npy'), npy(2));
  await put(join(root, 'Oulu_images_live.npy'), npy(2));
  await put(join(root, 'Oulu_replay_images.npy'), npy(2));
  await put(join(root, 'replay_images_live.npy'), npy(2));
  const sets = await importArrays({ root, out: join(base, 'two-out') });
  expect(sets.map(({ letter }) => letter)).toEqual(['M', 'O']);
  const { frames } = await readCropSet(sets[0]!.path);
  expect(frames.map(({ attackType }) => attackType)).toEqual(['live', 'live', 'unknown', 'unknown']);
});

test('refuses what are no images, and values that fit no range', async () => {
  const root = join(base, 'wrong');
  expect((await failure(importArrays({ root: join(base, 'none'), out: base }))).message).toContain('cannot be read');
  await put(join(root, 'casia_images_live.npy'), npy(2));
  expect((await failure(importArrays({ root, out: base }))).message).toContain('no live images with attacks');
  const strange = npy(1);
  strange.write('(3, 4, 4)}         ', strange.indexOf('(1, 4'));
  await put(join(root, 'casia_print_images.npy'), strange);
  expect((await failure(importArrays({ root, out: base }))).message).toContain('has the shape [3, 4, 4]');
  await put(join(root, 'casia_print_images.npy'), npy(1, { scale: 1 / 255 }));
  expect((await failure(importArrays({ root, out: base }))).message).toContain('values in another range');
  const negative = npy(40);
  negative.writeFloatLE(-3, 128 + 17 * 48 * 4);
  await put(join(root, 'casia_print_images.npy'), negative);
  expect((await failure(importArrays({ root, out: base }))).message).toContain('row 17 has the value -3');
});

test('goes on without arrays that cannot be used, and without what makes no set then', async () => {
  const root = join(base, 'some');
  await put(join(root, 'casia_images_live.npy'), npy(2));
  await put(join(root, 'casia_print_images.npy'), npy(2).subarray(0, 300));
  const negative = npy(20);
  negative.writeFloatLE(-3, 128 + 17 * 48 * 4);
  await put(join(root, 'casia_mask_images.npy'), negative);
  await put(join(root, 'casia_replay_images.npy'), npy(3));
  await put(join(root, 'MSU_images_live.npy'), 'no array');
  await put(join(root, 'MSU_images_spoof.npy'), npy(2));
  const notes: string[] = [];
  const leftOut = new LeftOut((text) => notes.push(text.replaceAll(`${root}/`, '')));
  const sets = await importArrays({ root, out: join(base, 'some-out'), leftOut });
  expect(sets.map(({ letter, images }) => [letter, images])).toEqual([['C', 5]]);
  const { frames } = await readCropSet(sets[0]!.path);
  expect(frames.map(({ attackType }) => attackType)).toEqual(['live', 'live', 'replay', 'replay', 'replay']);
  expect(notes).toEqual([
    'MSU_images_live.npy is not a .npy file; it is left out',
    'MSU_images_spoof.npy makes no set without the live images of MSU-MFSD; it is left out',
    expect.stringMatching(/^casia_print_images\.npy is cut short.*; it is left out$/),
    'casia_mask_images.npy row 17 has the value -3, outside the range of the other images; it is left out',
  ]);
  expect(await readdir(join(sets[0]!.path, 'crops'))).toEqual(['live', 'replay']);
  expect(await readdir(join(base, 'some-out'))).toEqual(['CASIA-FASD']);
  expect(() => leftOut.close()).toThrow(`4 of 6 files could not be used: ${join(root, 'MSU_images_live.npy')}`);
});
