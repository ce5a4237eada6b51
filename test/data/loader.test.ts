import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedBatch, loadBatches, readImage } from '../../src/data/loader.js';
import type { Frame } from '../../src/data/manifest.js';
import { Philox } from '../../src/engine/random.js';
import { failure, frame, put, temporaryFolder } from './helpers.js';

const folder = await temporaryFolder();
const SIZE = 16;

/** An image of random pixels, `[size,size,channels]`. */
function noise(seed: number, size = SIZE, channels = 3): Uint8Array {
  const random = new Philox(seed, 99);
  return Uint8Array.from({ length: size * size * channels }, () => random.int(256));
}

const raw = (pixels: Uint8Array, size: number, channels: 1 | 2 | 3 | 4) =>
  sharp(pixels, { raw: { width: size, height: size, channels } });

/** A PNG whose header claims another size. */
function claiming(png: Buffer, width: number, height: number): Buffer {
  const changed = Buffer.from(png);
  changed.writeUInt32BE(width, 16);
  changed.writeUInt32BE(height, 20);
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29);
  return changed;
}

/** A file of one colour. */
const flat = (name: string, background: { r: number; g: number; b: number }, size = SIZE) =>
  sharp({ create: { width: size, height: size, channels: 3, background } }).toFile(join(folder, name));

let frames: Frame[];
beforeAll(async () => {
  frames = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const path = join(folder, `${i}.png`);
      await raw(noise(i), SIZE, 3).png().toFile(path);
      return frame({ path, manifest: join(folder, 'manifest.csv'), row: i + 2 });
    }),
  );
});

async function collect(batches: Iterable<readonly Frame[]>, options: Parameters<typeof loadBatches>[1]) {
  const loaded: LoadedBatch[] = [];
  for await (const batch of loadBatches(batches, options)) loaded.push(batch);
  return loaded;
}

/** Batches that count how many were asked for. */
function counted(batches: readonly Frame[][]) {
  const state = { asked: 0 };
  function* iterate() {
    for (const batch of batches) {
      state.asked++;
      yield batch;
    }
  }
  return { state, batches: iterate() };
}

describe('readImage', () => {
  it('gives the pixels of an image of the right size as they are', async () => {
    expect(await readImage(frames[3]!.path, SIZE)).toEqual(Buffer.from(noise(3)));
  });

  it('decodes a JPEG as any decoder does, when its size is right', async () => {
    const jpeg = await raw(noise(1, 64), 64, 3).blur(2).jpeg({ quality: 90 }).toBuffer();
    const path = await put(join(folder, 'photo.jpg'), jpeg);
    expect(await readImage(path, 64)).toEqual(await sharp(jpeg).raw().toBuffer());
  });

  it('resizes others, without keeping their aspect', async () => {
    const halves = Uint8Array.from({ length: 40 * 20 * 3 }, (_, i) => (Math.floor(i / 3) % 40 < 20 ? 0 : 200));
    const path = join(folder, 'wide.png');
    await sharp(halves, { raw: { width: 40, height: 20, channels: 3 } })
      .png()
      .toFile(path);
    const pixels = await readImage(path, SIZE);
    expect(pixels).toHaveLength(SIZE * SIZE * 3);
    for (let y = 0; y < SIZE; y++) {
      expect(pixels[y * SIZE * 3]).toBe(0);
      expect(pixels[(y * SIZE + SIZE - 1) * 3]).toBe(200);
    }
  });

  it.each([
    [
      'grey',
      () =>
        raw(noise(1, SIZE, 1), SIZE, 1)
          .toColourspace('b-w')
          .png(),
    ],
    [
      'grey with transparency',
      () =>
        raw(noise(1, SIZE, 2), SIZE, 2)
          .toColourspace('b-w')
          .png(),
    ],
    ['transparent', () => raw(noise(1, SIZE, 4), SIZE, 4).png()],
    ['palette', () => raw(noise(1), SIZE, 3).png({ palette: true, colours: 16 })],
    ['16-bit', () => raw(noise(1), SIZE, 3).toColourspace('rgb16').png()],
    ['WebP', () => raw(noise(1), SIZE, 3).webp()],
    ['CMYK', () => raw(noise(1), SIZE, 3).toColourspace('cmyk').jpeg()],
  ])('makes three bytes a pixel of a %s image', async (name, make) => {
    const path = join(folder, `kind ${name}`);
    await put(path, await make().toBuffer());
    const pixels = await readImage(path, SIZE);
    expect(pixels).toHaveLength(SIZE * SIZE * 3);
    expect(new Set(pixels).size).toBeGreaterThan(4);
  });

  it('drops transparency without mixing, and spreads grey over the channels', async () => {
    await raw(noise(2, SIZE, 4), SIZE, 4)
      .png()
      .toFile(join(folder, 'rgba.png'));
    const opaque = noise(2, SIZE, 4).filter((_, i) => i % 4 < 3);
    expect(await readImage(join(folder, 'rgba.png'), SIZE)).toEqual(Buffer.from(opaque));
    await raw(noise(2, SIZE, 1), SIZE, 1)
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, 'grey.png'));
    const pixels = await readImage(join(folder, 'grey.png'), SIZE);
    expect(pixels).toEqual(Buffer.from([...noise(2, SIZE, 1)].flatMap((value) => [value, value, value])));
  });

  it('turns an image as its EXIF data say', async () => {
    const path = join(folder, 'turned.png');
    await raw(noise(4), SIZE, 3).withMetadata({ orientation: 3 }).png().toFile(path);
    const turned = await raw(noise(4), SIZE, 3).rotate(180).raw().toBuffer();
    expect(await readImage(path, SIZE)).toEqual(turned);
  });

  it('has red first', async () => {
    await flat('red.png', { r: 200, g: 100, b: 50 });
    expect([...(await readImage(join(folder, 'red.png'), SIZE)).slice(0, 3)]).toEqual([200, 100, 50]);
  });

  it('refuses a missing, an empty, a truncated and a wrong file, and a decompression bomb', async () => {
    const whole = await readFile(frames[0]!.path);
    const jpeg = await raw(noise(1, 64), 64, 3).jpeg().toBuffer();
    const bad: string[] = [
      join(folder, 'nowhere.png'),
      await put(join(folder, 'empty.png'), ''),
      await put(join(folder, 'half.png'), whole.subarray(0, whole.length / 2)),
      await put(join(folder, 'half.jpg'), jpeg.subarray(0, jpeg.length / 2)),
      await put(join(folder, 'text.jpg'), 'not an image'),
    ];
    const bomb = await put(join(folder, 'bomb.png'), claiming(whole, 10_001, 10_000));
    expect((await failure(readImage(bomb, SIZE))).message).toContain('pixel limit');
    for (const path of [...bad, bomb]) {
      const error = await failure(readImage(path, SIZE));
      expect(error.message).toContain(`the image ${path} cannot be read: `);
      expect(error.message).not.toContain('\n');
    }
  });
});

describe('loadBatches', () => {
  it('gives the batches in order, each in one buffer', async () => {
    const batches = [[7, 2, 2], [1], [9, 0, 5, 4]].map((list) => list.map((i) => frames[i]!));
    for (const options of [{}, { ahead: 1, workers: 1 }, { ahead: 9, workers: 3 }]) {
      const loaded = await collect(batches, { size: SIZE, ...options });
      expect(loaded.map((batch) => batch.frames)).toEqual(batches);
      expect(Buffer.from(loaded[0]!.pixels)).toEqual(Buffer.concat([noise(7), noise(2), noise(2)]));
      expect(Buffer.from(loaded[2]!.pixels)).toEqual(Buffer.concat([noise(9), noise(0), noise(5), noise(4)]));
      for (const { loadMs } of loaded) expect(loadMs).toBeGreaterThan(0);
    }
  });

  it('takes no batches, and empty ones', async () => {
    expect(await collect([], { size: SIZE })).toEqual([]);
    expect(await collect([[]], { size: SIZE })).toEqual([{ frames: [], pixels: new Uint8Array(0), loadMs: 0 }]);
  });

  it('runs ahead of the batch in use, as far as it is told and no further', async () => {
    const { state, batches } = counted(frames.map((one) => [one]));
    const loader = loadBatches(batches, { size: SIZE, ahead: 3, workers: 1 });
    expect(state.asked).toBe(0);
    await loader.next();
    expect(state.asked).toBe(4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(state.asked).toBe(4);
    await loader.next();
    expect(state.asked).toBe(5);
    await loader.return();
    expect(state.asked).toBe(5);
  });

  it('names file and line of an image that cannot be read, when its batch is due', async () => {
    const bad = frame({ path: join(folder, 'nowhere.png'), manifest: join(folder, 'manifest.csv'), row: 77 });
    const loader = loadBatches([[frames[0]!], [frames[1]!, bad], [bad]], { size: SIZE, ahead: 3 });
    expect((await loader.next()).value?.frames).toEqual([frames[0]]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const error = await failure(loader.next());
    expect(error.message).toContain(`${bad.path} (${bad.manifest} line 77) cannot be read: `);
    expect((await loader.next()).done).toBe(true);
  });

  it('ends when it is told to', async () => {
    const abort = new AbortController();
    const { state, batches } = counted(frames.map((one) => [one]));
    const loader = loadBatches(batches, { size: SIZE, ahead: 1, signal: abort.signal });
    await loader.next();
    abort.abort(new Error('enough'));
    await expect(loader.next()).rejects.toThrow('enough');
    expect(state.asked).toBeLessThan(5);
  });
});
