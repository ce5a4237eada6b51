/** The page Try with models that are named: somebody else's with its card, the card as it changes, and the face that a detector finds. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShotReader } from '../../src/run/models/shots.js';
import { type Served, serve } from '../../src/serve/server.js';
import { put, temporaryFolder } from '../data/helpers.js';
import { noDetector } from '../data/prepare/detectorHere.js';
import { drawScene } from '../data/prepare/scenes.js';
import { titled } from '../peers.js';
import { meanModel } from '../run/models/meanModel.js';
import { Client } from './client.js';

const folder = await temporaryFolder();
const model = join(folder, 'elsewhere/theirs.onnx');
const card = join(folder, 'elsewhere/theirs.card.yaml');
const side = 24;
const weight = [[2], [-1], [3]];
const [red, green, blue] = [200, 40, 90];

const writeCard = (threshold: string) =>
  put(
    card,
    `name: theirs 1.0\ninput: {size: ${side}, colour: rgb, scale: 1/255}\noutput: {activation: sigmoid}\n` +
      `threshold: ${threshold}\nthreshold_from: their paper\n`,
  );
const png = (width: number, height: number, pixels: Uint8Array) =>
  sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
const plain = (width: number, height: number) =>
  png(
    width,
    height,
    Uint8Array.from({ length: 3 * width * height }, (_, i) => [red, green, blue][i % 3]!),
  );
/** What the model says of mean colours 0…255. */
const scoreOf = (means: readonly number[]) =>
  1 / (1 + Math.exp(-means.reduce((sum, mean, c) => sum + (weight[c]![0]! * mean) / 255, -0.5)));
const query = (part: string, id = 'theirs.onnx') => `/try?model=${encodeURIComponent(id)}&part=${part}`;

let served: Served;
let client: Client;
const answer = async (content: Uint8Array, part = 'square') => {
  const { status, body } = await client.post(query(part), content);
  return { status, ...JSON.parse(body) };
};

beforeAll(async () => {
  await put(model, meanModel({ size: side, layout: 'nchw', weight, bias: [-0.5] }));
  await writeCard('0.8');
  served = await serve({ out: join(folder, 'runs'), models: [model], host: '127.0.0.1', port: 0 });
  client = await new Client(served).enter();
});
afterAll(() => served.close());

describe("somebody else's model", () => {
  it('can be chosen, though there is no run', async () => {
    expect((await client.ask('/try')).body).toContain('<option value="theirs.onnx">');
  });

  it('is scored as its card says, decided at the threshold that stands there, and named', async () => {
    const expected = scoreOf([red, green, blue]);
    expect(expected).toBeGreaterThan(0.8);
    const { status, score, decision, threshold, model: source, faces } = await answer(await plain(40, 30));
    expect([status, decision]).toEqual([200, 'live']);
    expect(score).toBeCloseTo(expected, 6);
    expect(threshold).toEqual({ name: 'of its card: their paper', value: 0.8 });
    expect(source).toMatchObject({ foreign: 'theirs 1.0 (not trained by ldc)' });
    // It has no maps.
    expect(faces.map(({ name }: { name: string }) => name)).toEqual(['what the network saw']);
  });

  it('is opened again when its card was written: the next picture is decided at the new threshold', async () => {
    await writeCard('{frame: 0.99, video: 0.5}');
    const picture = await plain(40, 30);
    expect(await answer(picture)).toMatchObject({ decision: 'spoof', threshold: { value: 0.99 } });
    const video = await client.ask(`/try/video?model=theirs.onnx&scores=0.4,0.7`);
    expect(JSON.parse(video.body)).toMatchObject({ score: 0.55, decision: 'live', threshold: { value: 0.5 } });
    await writeCard('0.8');
    expect(await answer(picture)).toMatchObject({ decision: 'live' });
  });

  it('whose card is gone or wrong is answered with what is missing, and goes on when it is there again', async () => {
    const picture = await plain(40, 30);
    await put(card, 'input: {size: 24}\n');
    const wrong = await answer(picture);
    expect([wrong.status, wrong.error]).toEqual([400, expect.stringContaining('theirs.card.yaml')]);
    await rm(card);
    const gone = await answer(picture);
    expect([gone.status, gone.error]).toEqual([400, expect.stringContaining('card')]);
    await writeCard('0.8');
    expect((await answer(picture)).status).toBe(200);
  });

  it('sees the square in the middle, or all of the picture', async () => {
    // Two halves beside a square that is all of one colour.
    const [width, height] = [480, 160];
    const pixels = new Uint8Array(3 * width * height);
    for (let i = 0; i < width * height; i++) pixels.set([i % width < 160 || i % width >= 320 ? 0 : 255, 0, 0], 3 * i);
    const picture = await png(width, height, pixels);
    expect((await answer(picture, 'square')).score).toBeCloseTo(scoreOf([255, 0, 0]), 1);
    expect((await answer(picture, 'whole')).score).toBeCloseTo(scoreOf([85, 0, 0]), 1);
  });
});

it('a picture of 49 million pixels in 150 kB is decoded in little memory, and one of more is not', async () => {
  const flat = (edge: number) =>
    sharp({ create: { width: edge, height: edge, channels: 3, background: { r: red, g: green, b: blue } } })
      .png({ compressionLevel: 9 })
      .toBuffer();
  const bomb = await flat(7000);
  expect(bomb.length).toBeLessThan(200_000);
  const before = process.memoryUsage().rss;
  expect((await answer(bomb, 'whole')).score).toBeCloseTo(scoreOf([red, green, blue]), 2);
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(250);
  expect((await answer(await flat(7100))).status).toBe(400);
});

describe.skipIf(noDetector)(titled('the face that the detector finds', noDetector), () => {
  it('is what ldc predict --detect scores', async () => {
    const { width, height, pixels } = drawScene(3, { share: 0.5 });
    const file = await put(join(folder, 'scene.png'), await png(width, height, pixels));
    const shots: Uint8Array[] = [];
    for await (const shot of new ShotReader(side, { frames: 1, detect: true }).shots(file)) shots.push(shot);
    const means = [0, 1, 2].map((c) => shots[0]!.filter((_, i) => i % 3 === c).reduce((a, b) => a + b, 0) / side ** 2);
    const face = await answer(await png(width, height, pixels), 'face');
    expect(face.score).toBeCloseTo(scoreOf(means), 6);
    expect(Math.abs(face.score - (await answer(await png(width, height, pixels))).score)).toBeGreaterThan(1e-3);
  });

  it('of a picture without one there is no score', async () => {
    expect(await answer(await plain(320, 240), 'face')).toEqual({ status: 200, score: null });
  });
});
