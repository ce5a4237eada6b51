/** Crops that ffmpeg cuts and resizes, held against whole frames that sharp cuts and resizes. */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cropOf, type Square } from '../../../src/data/prepare/crop.js';
import { type DecodeOptions, decodeCrops, decodeFrames } from '../../../src/data/prepare/decode.js';
import { type Clip, type Ffmpeg, findFfmpeg, probe } from '../../../src/data/prepare/ffmpeg.js';
import { titled } from '../../peers.js';
import { temporaryFolder } from '../helpers.js';
import { backdrop, type ClipPlan, codecs, noFfmpeg, writeClip, writePattern } from './clips.js';

describe.skipIf(noFfmpeg)(titled('crops through ffmpeg', noFfmpeg), () => {
  let folder: string;
  let programs: Ffmpeg;
  beforeAll(async () => {
    folder = await temporaryFolder();
    programs = await findFfmpeg();
  });

  /** A square that moves and changes its size from frame to frame, and at times does neither. */
  const squareAt = (frame: number): Square => {
    const step = Math.floor(frame / 3);
    return { x: 20 + 2 * step, y: 10 + 2 * (step % 4), side: 60 + 4 * (step % 5), angle: 0 };
  };
  const squaresOf = (frames: readonly number[]) => new Map(frames.map((frame) => [frame, squareAt(frame)]));

  async function crops(file: string, clip: Clip, frames: readonly number[], size: number, options: DecodeOptions = {}) {
    const found = new Map<number, Uint8Array>();
    for await (const { frame, pixels } of decodeCrops({ programs, file, clip }, squaresOf(frames), size, options)) {
      found.set(frame, pixels);
    }
    return found;
  }

  test.each([
    ['h264', 'mp4', 32, 0, false],
    ['h264', 'mp4', 40, 90, false],
    ['bframes', 'mov', 60, 180, false],
    ['mpeg4', 'avi', 48, 0, false],
    ['mjpeg', 'avi', 24, 0, true],
  ] as const)(
    'show of %s in %s what sharp cuts from whole frames: %i pixels wide, turned by %i°, turned over %s',
    async (codec, container, size, rotate, turnOver) => {
      const pattern = 'mandelbrot=s=160x120:start_scale=1,gblur=1.5';
      const file = await writePattern(
        join(folder, `${codec}-${size}.${container}`),
        pattern,
        24,
        codecs[codec],
        rotate,
      );
      const clip = await probe(programs, file);
      const all = Array.from({ length: 24 }, (_, i) => i);
      const found = await crops(file, clip, all, size, { turnOver });
      expect([...found.keys()]).toEqual(all);
      for await (const { frame, picture } of decodeFrames({ programs, file, clip }, all, { turnOver })) {
        const distanceTo = async (square: Square) => {
          const expected = await (await cropOf(picture, square, size)).raw().toBuffer();
          return found.get(frame)!.reduce((sum, value, i) => sum + Math.abs(value - expected[i]!), 0) / expected.length;
        };
        const square = squareAt(frame);
        const others = [{ x: square.x + 2 }, { y: square.y - 2 }, { side: square.side + 4 }];
        const distance = await distanceTo(square);
        expect(distance).toBeLessThan(1);
        for (const other of others) expect(await distanceTo({ ...square, ...other })).toBeGreaterThan(2 * distance);
      }
    },
  );

  test('are enlarged about the middle of their pixels', async () => {
    const plan: ClipPlan = { frames: 2, codec: codecs.h264, box: { x: 40, y: 20, w: 60, h: 60 } };
    const file = await writeClip(join(folder, 'enlarged.mp4'), plan);
    const size = 128;
    const square: Square = { x: 24, y: 16, side: 64, angle: 0 };
    const video = { programs, file, clip: await probe(programs, file) };
    for await (const { pixels } of decodeCrops(video, new Map([[1, square]]), size)) {
      // The face begins at x = 40, which is twice 16 pixels into the crop; its upper half is 200 red.
      const red = Array.from({ length: size }, (_, x) => pixels[(40 * size + x) * 3]!);
      const from = red.findIndex((value) => value > 100);
      const at = from - 0.5 + (100 - red[from - 1]!) / (red[from]! - red[from - 1]!);
      expect(Math.abs(at - 32)).toBeLessThan(0.6);
    }
  });

  test('are the same whichever frames are wanted beside them, by jumping as by reading on, whatever the threads', async () => {
    const file = await writeClip(join(folder, 'same.mp4'), { frames: 45, step: 1, codec: codecs.bframes });
    const clip = await probe(programs, file);
    const all = await crops(
      file,
      clip,
      Array.from({ length: 45 }, (_, i) => i),
      32,
    );
    const jumping = await crops(file, clip, [9, 41], 32);
    const reading = await crops(file, { ...clip, index: null }, [9, 41], 32, { threads: 3 });
    for (const found of [jumping, reading]) {
      expect([...found.keys()]).toEqual([9, 41]);
      for (const [frame, pixels] of found) expect(Buffer.compare(pixels, all.get(frame)!)).toBe(0);
    }
  });

  test('of more frames than a command line can name are all there', async () => {
    const file = await writeClip(join(folder, 'long.avi'), {
      width: 32,
      height: 32,
      frames: 1100,
      codec: codecs.mpeg4,
    });
    const clip = await probe(programs, file);
    const frames = Array.from({ length: 1050 }, (_, i) => i);
    const squares = new Map(frames.map((frame) => [frame, { x: 2 * (frame % 3), y: 0, side: 24, angle: 0 }]));
    const found: number[] = [];
    for await (const { frame } of decodeCrops({ programs, file, clip }, squares, 8)) found.push(frame);
    expect(found).toEqual(frames);
  });

  test.each([
    ['limited range by ITU-R BT.601', 'smpte170m', 'bt601', 'tv', 'yuv420p'],
    ['limited range by ITU-R BT.709', 'bt709', 'bt709', 'tv', 'yuv420p'],
    ['full range by ITU-R BT.709', 'bt709', 'bt709', 'pc', 'yuv420p'],
  ] as const)('have the colours of a video in %s', async (_, tag, matrix, range, format) => {
    const tags = ['-colorspace', tag, '-color_range', range];
    const conversion = `scale=out_color_matrix=${matrix}:out_range=${range},format=${format}`;
    const codec = ['-vf', conversion, ...codecs.h264.slice(0, -2), ...tags];
    const file = await writeClip(join(folder, `${tag}-${range}.mp4`), { frames: 9, codec });
    const found = await crops(file, await probe(programs, file), [8], 32);
    const square = squareAt(8);
    const at = (x: number, y: number) => {
      const [column, row] = [x - square.x, y - square.y].map((value) => Math.floor((value * 32) / square.side));
      return [...found.get(8)!.subarray((row! * 32 + column!) * 3, (row! * 32 + column!) * 3 + 3)];
    };
    // Inside the upper and the lower half of the face, and beside it.
    for (const [pixel, expected] of [
      [at(60, 42), [200, 0, 0]],
      [at(60, 68), [0, 200, 0]],
      [at(30, 50), [0, 0, backdrop(8)]],
    ] as const) {
      const off = pixel.map((value, channel) => Math.abs(value - expected[channel]!));
      expect(Math.max(...off)).toBeLessThanOrEqual(4);
    }
  });
});
