import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Picture } from '../../../src/data/prepare/crop.js';
import { decodeFrames } from '../../../src/data/prepare/decode.js';
import { type Ffmpeg, findFfmpeg, probe } from '../../../src/data/prepare/ffmpeg.js';
import { titled } from '../../peers.js';
import { failure, put, temporaryFolder } from '../helpers.js';
import { backdrop, codecs, noFfmpeg, writeClip } from './clips.js';

test('names the programs that are not there, and how to get them', async () => {
  const error = await failure(findFfmpeg('/nowhere/ffmpeg'));
  expect(error.message).toBe('/nowhere/ffmpeg is not there');
  expect(error.hint).toContain('--ffmpeg PATH');
});

describe.skipIf(noFfmpeg)(titled('video through ffmpeg', noFfmpeg), () => {
  let folder: string;
  let programs: Ffmpeg;
  beforeAll(async () => {
    folder = await temporaryFolder();
    programs = await findFfmpeg();
  });

  async function decode(file: string, wanted: number[], options: Parameters<typeof decodeFrames>[2] = {}, seek = true) {
    const found = await probe(programs, file);
    const clip = seek ? found : { ...found, index: null };
    const frames: { frame: number; picture: Picture }[] = [];
    for await (const shot of decodeFrames({ programs, file, clip }, wanted, options)) frames.push(shot);
    return { clip, frames };
  }

  test.each([
    ['mjpeg', 'mov', true],
    ['mjpeg', 'avi', true],
    ['h264', 'mp4', true],
    ['bframes', 'mp4', true],
    ['bframes', 'mov', true],
    ['h264', 'avi', false],
    ['mpeg4', 'avi', false],
  ] as const)(
    'finds the frames of %s in %s by jumping as by reading on, whatever the threads',
    async (codec, container, seeks) => {
      const file = await writeClip(join(folder, `${codec}.${container}`), { codec: codecs[codec], frames: 45 });
      const wanted = [9, 41];
      const { clip, frames } = await decode(file, wanted);
      expect(clip).toMatchObject({ width: 160, height: 120, rotation: 0, length: 45, promised: 45 });
      expect(clip.index !== null).toBe(seeks);
      expect(frames.map(({ frame }) => frame)).toEqual(wanted);
      for (const { frame, picture } of frames) {
        expect(Math.abs(picture.pixels[2]! - backdrop(frame))).toBeLessThanOrEqual(3);
      }
      for (const threads of [1, 3]) {
        const scan = await decode(file, wanted, { threads }, false);
        scan.frames.forEach(({ picture }, i) => {
          expect(Buffer.compare(picture.pixels, frames[i]!.picture.pixels)).toBe(0);
        });
      }
    },
  );

  test('turns frames as the file says, and once more when asked', async () => {
    const plain = await writeClip(join(folder, 'plain.mp4'), { frames: 2, codec: codecs.h264 });
    for (const rotate of [90, 180, 270] as const) {
      const file = await writeClip(join(folder, `rotate${rotate}.mp4`), { frames: 2, codec: codecs.h264, rotate });
      const { clip, frames } = await decode(file, [1]);
      expect(clip).toMatchObject({ width: 160, height: 120, rotation: rotate });
      const [upright] = (await decode(plain, [1])).frames;
      expect(largestDifference(frames[0]!.picture.pixels, upright!.picture.pixels)).toBeLessThan(40);
    }
    const over = await writeClip(join(folder, 'over.mp4'), { frames: 2, codec: codecs.h264, overturned: true });
    const [stored] = (await decode(over, [1])).frames;
    const [turned] = (await decode(over, [1], { turnOver: true })).frames;
    const [upright] = (await decode(plain, [1])).frames;
    expect(largestDifference(stored!.picture.pixels, upright!.picture.pixels)).toBeGreaterThan(150);
    expect(largestDifference(turned!.picture.pixels, upright!.picture.pixels)).toBeLessThan(40);
  });

  test('gives the pixels of an area as they are in the whole frame', async () => {
    const file = await writeClip(join(folder, 'area.mp4'), { frames: 3, codec: codecs.h264 });
    const [whole] = (await decode(file, [2])).frames;
    const area = { x: 20, y: 10, width: 90, height: 80 };
    const [part] = (await decode(file, [2], { area })).frames;
    const border = 8;
    for (let y = border; y < area.height - border; y++) {
      const at = (line: Picture, left: number, top: number) => ((top - line.top) * line.width + left - line.left) * 3;
      const from = at(part!.picture, area.x + border, area.y + y);
      const same = at(whole!.picture, area.x + border, area.y + y);
      const length = (area.width - 2 * border) * 3;
      expect(part!.picture.pixels.subarray(from, from + length)).toEqual(
        whole!.picture.pixels.subarray(same, same + length),
      );
    }
  });

  test('says why a file is no video', async () => {
    const empty = await put(join(folder, 'empty.avi'), '');
    const text = await put(join(folder, 'text.mov'), 'not a video at all');
    for (const file of [empty, text]) await expect(probe(programs, file)).rejects.toThrow(/^(Invalid data|moov)/);
    const cut = await writeClip(join(folder, 'cut.mp4'), { codec: codecs.h264 });
    await truncate(cut, 2000);
    await expect(probe(programs, cut)).rejects.toThrow(/^(moov|Invalid data)/);
  });

  test('counts no frame that the recorder dropped as missing, and one that was cut off', async () => {
    for (const drop of [[7, 23, 31], [0], [38]]) {
      const file = await writeClip(join(folder, 'dropped.avi'), { frames: 40, drop });
      const { clip, frames } = await decode(file, [0, 39 - drop.length]);
      expect([clip.length, clip.promised]).toEqual([40 - drop.length, 40 - drop.length]);
      expect(frames).toHaveLength(2);
      const bytes = await readFile(file);
      await writeFile(file, bytes.subarray(0, bytes.length * 0.55));
      const cut = await probe(programs, file);
      expect(cut.length).toBeLessThan(cut.promised!);
    }
  });

  test('reads what is left of a truncated file', async () => {
    const file = await writeClip(join(folder, 'half.avi'), { frames: 40 });
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length / 2));
    const { clip, frames } = await decode(file, [0, 5]);
    expect(clip.promised).toBe(40);
    expect(clip.length).toBeGreaterThan(10);
    expect(clip.length).toBeLessThan(30);
    expect(frames.map(({ frame }) => frame)).toEqual([0, 5]);
  });

  test('stops ffmpeg when the caller stops', async () => {
    const file = await writeClip(join(folder, 'stop.mov'), { frames: 40 });
    const clip = await probe(programs, file);
    const stop = new AbortController();
    const run = async () => {
      for await (const _ of decodeFrames({ programs, file, clip }, [0, 1, 2, 3], { signal: stop.signal })) stop.abort();
    };
    await expect(run()).rejects.toThrow(/abort/i);
    for await (const { frame } of decodeFrames({ programs, file, clip }, [0, 1, 2, 3])) {
      expect(frame).toBe(0);
      break;
    }
  });
});

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
