/** The package as others use it: the example of a web server, on a model of `ldc export`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../src/engine/device.js';
import { loadState } from '../src/engine/nn/module.js';
import { loadModel, predict } from '../src/library.js';
import { saveModel } from '../src/run/checkpoint.js';
import { defaultConfig, loadConfig } from '../src/run/configuration.js';
import { exportModel } from '../src/run/models/export.js';
import { fileWeights } from '../src/run/models/openModel.js';
import { networkMetadata } from '../src/run/models/weightsFile.js';
import { silent } from '../src/run/progress.js';
import { smallNet, weightsOf } from './method/ldcnet/weights.js';

const server = fileURLToPath(new URL('../examples/server.mjs', import.meta.url));
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-library-'));
  const device = openDevice('cpu', { threads: 2 });
  const net = smallNet(device, 'ldc');
  await loadState(net, weightsOf(net, 5));
  const config = structuredClone(defaultConfig);
  Object.assign(config.data, { image_size: 32 });
  Object.assign(config.model, { map_size: 8 });
  await saveModel(at('net.safetensors'), net, networkMetadata(config));
  net.dispose();
  const weights = await fileWeights(at('net.safetensors'), (own) => loadConfig(undefined, own), 0.4);
  await exportModel(weights, at('net.onnx'), { feature: false, half: false, images: [], progress: silent });
  const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, k) => (k * 37 + (k >> 5) * 11) % 256);
  await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } })
    .png()
    .toFile(at('face.png'));
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the library', () => {
  it('scores alike from an exported model and from weights, files and buffers', async () => {
    const image = await sharp(at('face.png')).toBuffer();
    const [exported, weights] = [
      await loadModel(at('net.onnx')),
      await loadModel(at('net.safetensors'), { threads: 1 }),
    ];
    expect([exported.engine, weights.engine]).toEqual(['onnx', 'native']);
    expect(exported.threshold).toEqual({ name: 'fixed', frame: 0.4, video: 0.4 });
    const [theirs, ours] = [await predict(exported, [at('face.png'), image]), await predict(weights, [image])];
    expect(theirs).toHaveLength(2);
    expect(theirs[0]!.score).toBe(theirs[1]!.score);
    expect(Math.abs(theirs[0]!.score - ours[0]!.score)).toBeLessThan(1e-5);
    expect(theirs[0]!.decision).toBe(theirs[0]!.score >= 0.4 ? 'live' : 'spoof');
    expect(theirs[0]!.liveMap).toHaveLength(64);
    await exported.release();
    await weights.release();
  });

  it('says what is wrong with a file', async () => {
    await expect(loadModel(at('nothing.onnx'))).rejects.toThrow('nothing.onnx does not exist');
    await writeFile(at('other.onnx'), 'no model');
    await expect(loadModel(at('other.onnx'))).rejects.toThrow('other.onnx is not an ONNX model');
    await expect(loadModel(folder)).rejects.toThrow('is not a run');
  });
});

describe('examples/server.mjs', () => {
  let child: ChildProcess;
  afterAll(() => child?.kill());

  it('answers a posted image with score and decision, and anything else with what is wrong', async () => {
    child = spawn(process.execPath, [server, at('net.onnx'), '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout!.on('data', (text) => resolve(String(text).trim()));
      child.on('exit', (status) => reject(new Error(`the server ended with ${status}`)));
    });
    const image = await sharp(at('face.png')).toBuffer();
    const answer = await fetch(url, { method: 'POST', body: new Uint8Array(image) });
    const model = await loadModel(at('net.onnx'));
    const [expected] = await predict(model, [image]);
    await model.release();
    const { score, decision } = (await answer.json()) as { score: number; decision: string };
    expect(score).toBeCloseTo(expected!.score, 6);
    expect(decision).toBe(expected!.decision);
    const refused = await fetch(url, { method: 'POST', body: 'no image' });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('cannot be read');
  });
});
