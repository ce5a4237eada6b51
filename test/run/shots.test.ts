import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../src/data/loader.js';
import type { OpenModel } from '../../src/run/openModel.js';
import { predict } from '../../src/run/predict.js';
import { silent } from '../../src/run/progress.js';
import { imagesAt, picturesAt, ShotReader } from '../../src/run/shots.js';
import { failure, put, temporaryFolder } from '../data/helpers.js';
import { codecs, noFfmpeg, writeClip } from '../data/prepare/clips.js';

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

async function predicted(paths: string[], given = options) {
  const results = [];
  for await (const each of predict(model, paths, given, silent)) results.push(each);
  return results;
}

describe.skipIf(noFfmpeg)('a video', () => {
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
