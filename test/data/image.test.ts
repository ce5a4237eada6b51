import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadBatches, readImage } from '../../src/data/loader.js';
import { openPhoto } from '../../src/data/prepare/film.js';
import { Philox } from '../../src/engine/random.js';
import { failure, frame, put, temporaryFolder } from './helpers.js';

const folder = await temporaryFolder();
const side = 40;
const random = new Philox(5, 1);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.int(256));

describe.each([false, true])('a JPEG (progressive: %s)', (progressive) => {
  const encoded = sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ progressive, quality: 90 })
    .toBuffer();
  const cut = async (bytes: number) =>
    put(join(folder, `${progressive}-${bytes}.jpg`), (await encoded).subarray(0, (await encoded).length - bytes));
  const shown = (path: string) => readImage(path, side).then(text, () => null);

  it('is used where it lacks only its end, with a note, and shows what the whole one shows', async () => {
    const whole = await shown(await cut(0));
    for (const bytes of [1, 2]) {
      const path = await cut(bytes);
      const notes: string[] = [];
      expect(text(await readImage(path, side, (note) => notes.push(note)))).toBe(whole);
      expect(notes).toEqual([`${path} lacks its end; every pixel is there, and it is used`]);
      await openPhoto(path, (note) => notes.push(note));
      for await (const batch of loadBatches([[frame({ path })]], { size: side, note: (note) => notes.push(note) })) {
        expect(text(batch.pixels)).toBe(whole);
      }
      expect(notes).toHaveLength(3);
    }
  });

  it('is refused where pixels are missing, wherever it was cut', async () => {
    const { length } = await encoded;
    const whole = await shown(await cut(0));
    for (let bytes = 3; bytes < length - 2; bytes += bytes < 60 ? 1 : 17) {
      const found = await shown(await cut(bytes));
      // Bits that only fill the last byte may be missing as well.
      if (found !== null) expect(found === whole, `${bytes} bytes less`).toBe(true);
      else expect((await failure(readImage(await cut(bytes), side))).message).toContain('cannot be read');
    }
    expect(await shown(await cut(200))).toBeNull();
  });
});

it('a progressive JPEG that was cut between two scans is refused', async () => {
  const bytes = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ progressive: true })
    .toBuffer();
  const starts = Array.from(bytes.keys()).filter((at) => bytes[at] === 0xff && bytes[at + 1] === 0xda);
  expect(starts.length).toBeGreaterThan(3);
  for (const start of starts.slice(1)) {
    const path = await put(join(folder, `${start}.jpg`), bytes.subarray(0, start));
    expect((await failure(readImage(path, side))).message).toContain('cannot be read');
  }
});
