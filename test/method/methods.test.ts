/** Every method behind the contract: its network scores alike on our engine and as ONNX, and its files are known again. */
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { loadState } from '../../src/engine/nn/module.js';
import { EngineScorer } from '../../src/evaluate/engineEvaluator.js';
import { OnnxScorer } from '../../src/evaluate/onnxEvaluator.js';
import { encodeOnnx } from '../../src/formats/onnx.js';
import { methods } from '../../src/method/methods.js';
import { pixelScaling } from '../../src/method/normalize.js';
import { loadConfig, methodOf } from '../../src/run/configuration.js';
import { graphOf, scoringNetwork } from '../../src/run/engines.js';
import { uniform } from '../engine/helpers.js';
import { weightsOf } from './ldcnet/weights.js';
import { oneStep } from './oneStep.js';

const device = openDevice('cpu', { threads: 2 });
const [size, count] = [40, 3];
const pixels = Uint8Array.from(uniform(count * size * size * 3, 5), (value) => 127.5 * (value + 1));

describe.each([
  ['ldcnet', ['model.map_size=8']],
  ['erm', []],
  ['ssdg', ['ssdg.variant=as-released']],
  ['ssdg', ['ssdg.variant=as-described']],
  ['safas', ['safas.heads=2', 'safas.scale=0.5']],
])('%s %s', (name, more) => {
  it('scores as its graph does, and has the features that the graph has', async () => {
    const config = await loadConfig(undefined, [`method=${name}`, `data.image_size=${size}`, ...more]);
    const method = methodOf(config);
    const net = method.network(config, device, 1);
    const state = weightsOf(net, 3);
    await loadState(net, state);
    const engine = new EngineScorer(device, scoringNetwork(config, net), config.data.normalize);
    const graph = await graphOf(config, state, { feature: true, half: false });
    const bytes = encodeOnnx({ name, producer: { name: 'ldc', version: '0' }, metadata: {}, ...graph });
    const onnx = await OnnxScorer.open(bytes, name, { scaling: pixelScaling(config.data.normalize) });
    const [ours, theirs] = [await engine.score(pixels, count, size), await onnx.score(pixels, count, size)];
    for (const [i, { score, liveMap }] of ours.entries()) {
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThan(1);
      expect(Math.abs(score - theirs[i]!.score)).toBeLessThan(1e-5);
      expect(liveMap !== undefined).toBe(method.mapSize !== undefined);
      expect(theirs[i]!.liveMap?.length).toBe(liveMap?.length);
    }
    await onnx.release();
    engine.release();
    net.dispose();
  });

  it('knows its own files, and no other method does', async () => {
    const config = await loadConfig(undefined, [`method=${name}`, ...more]);
    const net = methodOf(config).network(config, device, null);
    const state = weightsOf(net, 3);
    const known = methods.filter((method) => method.recognise(state, {}) !== undefined);
    expect(known.map((method) => method.name)).toEqual([name]);
    net.dispose();
  });
});

it.each([
  ['erm', ['erm.batch=2']],
  ['ssdg', ['ssdg.batch=2']],
  ['ssdg', ['ssdg.batch=2', 'ssdg.variant=as-described']],
  ['safas', ['safas.align_from=0']],
  ['safas', ['safas.control=heads_only']],
  ['safas', ['safas.control=supcon_only']],
])('a step of %s %s has finite terms and leaves nothing behind', async (name, more) => {
  const before = device.memory().tensors;
  const { terms, after } = await oneStep(device, [`method=${name}`, ...more]);
  expect(terms.loss).toBeGreaterThan(0);
  for (const value of Object.values(terms)) expect(value).toSatisfy(Number.isFinite);
  expect(after.every((weights) => weights.every(Number.isFinite))).toBe(true);
  expect(device.memory().tensors).toBe(before);
});
