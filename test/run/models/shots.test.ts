import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { WorkError } from '../../../src/base/errors.js';
import { LeftOut } from '../../../src/data/leftOut.js';
import { readImage } from '../../../src/data/loader.js';
import type { OpenModel } from '../../../src/run/models/openModel.js';
import { predict } from '../../../src/run/models/predict.js';
import { imagesAt, picturesAt, ShotReader } from '../../../src/run/models/shots.js';
import { silent } from '../../../src/run/progress.js';
import { failure, put, temporaryFolder } from '../../data/helpers.js';
import { codecs, noFfmpeg, writeClip } from '../../data/prepare/clips.js';
import { titled } from '../../peers.js';

const folder = await temporaryFolder();
const side = 16;
const options = { frames: 4, detect: false };

/** Frame i is of one grey, 20 i. */
async function film(name: string, frames: number): Promise<string> {
  for (let i = 0; i < frames; i++) {
    const grey = { r: 20 * i, g: 20 * i, b: 20 * i };
    const image = sharp({ create: { width: side, height: side, channels: 3, background: grey } });
    await put(join(folder, name, `${i}.png`), await image.png().toBuffer());
  }
  const path = join(folder, `${name}.mkv`);
  const input = ['-framerate', '5', '-i', join(folder, name, '%d.png')];
  execFileSync('ffmpeg', ['-v', 'error', ...input, '-c:v', 'ffv1', '-pix_fmt', 'gbrp', path]);
  return path;
}

/** Its score is the mean of an image's bytes. */
const model = {
  imageSize: side,
  threshold: { name: 'fixed', frame: 1000, video: 60 },
  scorer: {
    score: async (pixels: Uint8Array) => [
      { score: pixels.reduce((sum, byte) => sum + byte, 0) / pixels.length, liveMap: pixels, spoofMap: pixels },
    ],
  },
} as unknown as OpenModel;

async function predicted(paths: string[], given = options, leftOut = new LeftOut(() => {})) {
  const results = [];
  for await (const each of predict(model, paths, given, silent, leftOut)) results.push(each);
  return results;
}

describe.skipIf(noFfmpeg)(titled('a video', noFfmpeg), () => {
  it('gives frames that are evenly spread, pixel for pixel', async () => {
    const path = await film('eight', 8);
    const shots = [];
    for await (const shot of new ShotReader(side, options).shots(path)) shots.push(shot);
    expect(shots.map((shot) => shot[0])).toEqual([20, 60, 100, 140]);
    expect(new Uint8Array(shots[1]!)).toEqual(new Uint8Array(await readImage(join(folder, 'eight/3.png'), side)));
  });

  it('is scored by the mean of its frames and decided at the threshold of videos; an image is not', async () => {
    const path = await film('four', 4);
    const [video, image] = await predicted([path, join(folder, 'four/3.png')]);
    expect(video).toMatchObject({ score: 30, frames: 4, decision: 'spoof' });
    expect(video!.pixels[0]).toBe(40);
    expect(image).toMatchObject({ score: 60, frames: 1, decision: 'spoof' });
    expect((await predicted([path], { ...options, frames: 1 }))[0]).toMatchObject({ score: 40, frames: 1 });
  });

  it('that cannot be read is named', async () => {
    const path = await put(join(folder, 'broken.mp4'), 'no video');
    expect((await failure(predicted([path]))).message).toMatch(/broken\.mp4 cannot be read: /);
  });

  it('of which no frame can be decoded is named, and not called faceless', async () => {
    const path = await writeClip(join(folder, 'hollow.mp4'), { codec: codecs.h264 });
    const bytes = await readFile(path);
    const start = bytes.indexOf('mdat') + 4;
    bytes.fill(0, start, bytes.indexOf('moov', start) - 4);
    await put(path, bytes);
    expect((await failure(predicted([path]))).message).toBe(`${path} cannot be read: no frame can be decoded`);
  });

  it('needs ffmpeg, which may be elsewhere', async () => {
    const given = { ...options, ffmpeg: join(folder, 'ffmpeg') };
    expect((await failure(predicted([await film('one', 1)], given))).message).toMatch(/ffmpeg is not there/);
  });
});

it('are the images and videos of a folder, in order of name; other files are counted in a note', async () => {
  for (const name of ['b.MP4', 'a.jpg', 'c.txt', 'sub/d.webm', '._a.jpg']) await put(join(folder, 'mixed', name), '');
  const notes: string[] = [];
  const found = await picturesAt([join(folder, 'mixed')], (text) => notes.push(text));
  expect(found).toEqual(['a.jpg', 'b.MP4', 'sub/d.webm'].map((name) => join(folder, 'mixed', name)));
  expect(notes).toEqual([`${join(folder, 'mixed')}: 1 file of another kind is passed over: 1 .txt`]);
});

describe('a file that cannot be read', () => {
  const red = sharp({ create: { width: side, height: side, channels: 3, background: 'red' } });
  const files = async () => {
    await put(join(folder, 'cut/1.png'), await red.png().toBuffer());
    await put(join(folder, 'cut/2.jpg'), (await red.jpeg().toBuffer()).subarray(0, 200));
    return [await put(join(folder, 'cut/3.png'), await red.png().toBuffer())];
  };

  it('is left out of a folder, named, and counted at the end', async () => {
    await files();
    const notes: string[] = [];
    const leftOut = new LeftOut((text) => notes.push(text));
    const results = await predicted([join(folder, 'cut')], options, leftOut);
    expect(results.map(({ path }) => path)).toEqual(['1.png', '3.png'].map((name) => join(folder, 'cut', name)));
    expect(notes).toEqual([expect.stringMatching(/^the image \S*2\.jpg cannot be read: .*; it is left out$/)]);
    expect(leftOut.files).toEqual([{ path: join(folder, 'cut/2.jpg'), reason: expect.stringContaining('2.jpg') }]);
    expect(() => leftOut.close()).toThrow(new WorkError(`1 of 3 files could not be used: ${leftOut.files[0]!.path}`));
  });

  it('ends the work where there is no other, and with strict', async () => {
    await files();
    const bad = join(folder, 'cut/2.jpg');
    expect((await failure(predicted([bad]))).message).toMatch(/^the image \S*2\.jpg cannot be read/);
    expect((await failure(predicted([bad, bad]))).message).toMatch(/^not one of 2 files can be used: the image/);
    const strict = new LeftOut(() => {}, true);
    expect((await failure(predicted([join(folder, 'cut')], options, strict))).message).toContain('2.jpg');
  });
});

it('are what files on the command line are called, or images by what is in them', async () => {
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
  const named = await Promise.all([
    put(join(folder, 'kinds/VID.3GP'), 'no video'),
    put(join(folder, 'kinds/photo'), await image.png().toBuffer()),
  ]);
  expect(await picturesAt(named, () => {})).toEqual(named);
  const other = await put(join(folder, 'kinds/clip.xyz'), 'something');
  const refused = await failure(picturesAt([other], () => {}));
  expect(refused.message).toBe(`${other} is of a kind that is not read here (.xyz)`);
  expect((await failure(imagesAt([named[0]!], () => {}))).message).toContain('kind that is not read');
});
