import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { cachePath, cropCache } from '../../src/data/cropCache.js';
import { inBatches, loadBatches } from '../../src/data/loader.js';
import { type Frame, readManifest, writeManifest } from '../../src/data/manifest.js';
import { failure, temporaryFolder } from './helpers.js';

const base = await temporaryFolder();
const size = 16;
let folder: string;
let frames: Frame[];
let sets = 0;

/** A set of six images whose pixels are random. */
beforeEach(async () => {
  folder = join(base, `set${sets++}`);
  await mkdir(folder);
  for (let i = 0; i < 6; i++) await writeImage(i, i);
  const row = (i: number) => ({ path: `${i}.png`, split: 'train' as const, subject: '1', video: `v${i}`, frame: 0 });
  const kind = { label: 'live' as const, attackType: 'live', pai: '' };
  await writeManifest(
    folder,
    'X',
    Array.from({ length: 6 }, (_, i) => ({ ...row(i), ...kind })),
  );
  ({ frames } = await readManifest(folder));
});

function writeImage(i: number, seed: number): Promise<unknown> {
  const pixels = Uint8Array.from({ length: size * size * 3 }, (_, k) => (k * (seed + 3) + (k % 7) * 31 * seed) % 256);
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toFile(join(folder, `${i}.png`));
}

async function load(
  list: readonly Frame[] = frames,
  cache: boolean | string = true,
  note?: (text: string) => void,
): Promise<Buffer[]> {
  const loaded: Buffer[] = [];
  const batches = loadBatches(inBatches(list, 4), { size, cache, note });
  for await (const { pixels } of batches) loaded.push(Buffer.from(pixels));
  return loaded;
}

/** What the cache says of each frame. */
async function held(list = frames): Promise<boolean[]> {
  const cache = await cropCache(list[0]!.manifest, size);
  return Promise.all(list.map((frame) => cache!.read(frame, new Uint8Array(size * size * 3), 0)));
}

describe('decoded crops', () => {
  it('are those of the images, the first time and from the cache', async () => {
    const plain = await load(frames, false);
    await expect(stat(cachePath(folder, size))).rejects.toThrow('ENOENT');
    expect(await load(frames.slice(0, 3))).toEqual([plain[0]!.subarray(0, 3 * size * size * 3)]);
    expect(await held()).toEqual([true, true, true, false, false, false]);
    expect(await load()).toEqual(plain);
    expect(await held()).toEqual(Array(6).fill(true));
    expect(await load([...frames].reverse())).not.toEqual(plain);
    expect(await load()).toEqual(plain);
  });

  it('are not read from images again: what the file holds is what comes', async () => {
    const time = new Date(1e12);
    await utimes(frames[0]!.path, time, time);
    const [before] = await load(frames.slice(0, 1));
    await writeFile(frames[0]!.path, Buffer.alloc((await stat(frames[0]!.path)).size));
    await utimes(frames[0]!.path, time, time);
    expect(await load(frames.slice(0, 1))).toEqual([before]);
  });

  it('of a changed image are decoded anew', async () => {
    await load();
    await writeImage(2, 77);
    expect(await held()).toEqual([true, true, false, true, true, true]);
    expect(await load()).toEqual(await load(frames, false));
    await writeFile(frames[4]!.path, 'no image');
    expect((await failure(load())).message).toContain('manifest.csv line 6');
  });

  it('are kept anew when the manifest changes', async () => {
    await load();
    const manifest = frames[0]!.manifest;
    const lines = (await readFile(manifest, 'utf8')).trim().split('\n');
    await writeFile(manifest, `${[lines[0], ...lines.slice(1).reverse()].join('\n')}\n`);
    const { frames: reversed } = await readManifest(folder);
    expect(await held(reversed)).toEqual(Array(6).fill(false));
    expect(await load(reversed)).toEqual(await load(reversed, false));
  });

  it('that are damaged, cut short or foreign are not believed', async () => {
    const plain = await load();
    const path = cachePath(folder, size);
    const whole = await readFile(path);
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 1]! ^= 1;
    for (const bytes of [damaged, whole.subarray(0, whole.length - 9), Buffer.from('foreign'), Buffer.alloc(0)]) {
      await writeFile(path, bytes);
      // Another process would open the file; this one does when the manifest looks new.
      const { atime } = await stat(frames[0]!.manifest);
      await utimes(frames[0]!.manifest, atime, new Date(1e12 + bytes.length));
      expect(await load()).toEqual(plain);
      expect(await held()).toEqual(Array(6).fill(true));
    }
  });

  it('are bounded by a limit: every so many is kept, which is said, and pixels are the same', async () => {
    const plain = await load(frames, false);
    const notes: string[] = [];
    // Three images of 768 bytes.
    expect(await load(frames, '2.25K', (text) => notes.push(text))).toEqual(plain);
    expect(notes).toEqual([
      `${folder} keeps 3 of 6 decoded images (0.0 GiB) in its .cache; the others are decoded each time`,
    ]);
    const limit = 2304;
    const cache = (await cropCache(frames[0]!.manifest, size, { limit }))!;
    const there = await Promise.all(frames.map((frame) => cache.read(frame, new Uint8Array(size * size * 3), 0)));
    expect(there.filter(Boolean).length).toBeGreaterThanOrEqual(2);
    expect(there.filter(Boolean).length).toBeLessThanOrEqual(3);
    expect((await stat(cachePath(folder, size))).size).toBeLessThanOrEqual(4096 + 9 * 48 + limit);
    expect(await load(frames, '2.25K')).toEqual(plain);
    // A limit that the set keeps within is none.
    expect(await load(frames, '1M', (text) => notes.push(text))).toEqual(plain);
    expect(notes).toHaveLength(1);
    expect(await held()).toEqual(Array(6).fill(true));
  });

  it('are done without where no file can be made', async () => {
    await writeFile(join(folder, '.cache'), 'in the way');
    expect(await cropCache(frames[0]!.manifest, size)).toBeNull();
    expect(await load()).toEqual(await load(frames, false));
  });
});
