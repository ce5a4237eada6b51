/** The folded graph against the network it is folded from, in our engine and in onnxruntime. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { loadState, type StateSource } from '../../../src/engine/nn/module.js';
import { features, scope } from '../../../src/engine/tensor.js';
import { EngineScorer } from '../../../src/evaluate/engineEvaluator.js';
import { OnnxScorer } from '../../../src/evaluate/onnxEvaluator.js';
import type { MappedScore, Scorer } from '../../../src/evaluate/scorer.js';
import { encodeOnnx, type OnnxModel } from '../../../src/formats/onnx.js';
import { type GraphOptions, ldcNetGraph } from '../../../src/method/ldcnet/graph.js';
import type { LdcNet } from '../../../src/method/ldcnet/network.js';
import { normalizedPixels, pixelScaling } from '../../../src/method/normalize.js';
import { defaultConfig } from '../../../src/run/configuration.js';
import { scoringNetwork } from '../../../src/run/engines.js';
import { uniform } from '../../engine/helpers.js';
import { smallNet, weightsOf } from './weights.js';

const size = 32;
const scaling = pixelScaling('unit');
const device = openDevice('cpu', { threads: 2 });
const shape = { imageSize: size, mapSize: 8, feature: false, half: false };

async function model(options: Pick<GraphOptions, 'conv'> & Partial<GraphOptions>) {
  const graph = await ldcNetGraph(state, { ...shape, ...options });
  return { name: 'ldcnet', producer: { name: 'test', version: '0' }, metadata: {}, ...graph } satisfies OnnxModel;
}

function pixels(count: number): Uint8Array {
  return Uint8Array.from(uniform(count * size * size * 3, 5), (value) => 127.5 * (value + 1));
}

async function load(net: LdcNet, state: StateSource): Promise<EngineScorer> {
  await loadState(net, state);
  return new EngineScorer(device, scoringNetwork(defaultConfig, net), 'unit');
}

function distance(x: Float32Array, y: Float32Array): number {
  return Math.max(...x.map((value, k) => Math.abs(value - y[k]!)));
}

/** Largest differences of scores and of maps. */
async function differences(a: Scorer, b: Scorer, count: number) {
  const scored = async (scorer: Scorer) => (await scorer.score(pixels(count), count, size)) as MappedScore[];
  const [ours, theirs] = [await scored(a), await scored(b)];
  expect([ours.length, theirs.length]).toEqual([count, count]);
  const most = (of: (our: MappedScore, their: MappedScore) => number) =>
    Math.max(...ours.map((our, i) => of(our, theirs[i]!)));
  const largestMap = Math.max(...ours.map(({ liveMap, spoofMap }) => Math.max(...liveMap, ...spoofMap)));
  expect(largestMap).toBeGreaterThan(0.1);
  return {
    score: most((our, their) => Math.abs(our.score - their.score)),
    map:
      most((our, their) => Math.max(distance(our.liveMap, their.liveMap), distance(our.spoofMap, their.spoofMap))) /
      largestMap,
  };
}

const conv = { kind: 'ldc', theta: 0.5 } as const;
const net = smallNet(device, 'ldc');
const state = weightsOf(net, 4);
let engine: EngineScorer;

beforeAll(async () => {
  engine = await load(net, state);
});
afterAll(() => {
  engine.release();
  net.dispose();
});

it('gives the same as the engine at all levels of optimisation and for batches of 1, 7 and 32', async () => {
  const bytes = encodeOnnx(await model({ conv }));
  for (const optimization of ['disabled', 'basic', 'all'] as const) {
    const folded = await OnnxScorer.open(bytes, 'ldc', { scaling, threads: 2, optimization });
    for (const batch of [1, 7, 32]) {
      const { score, map } = await differences(engine, folded, batch);
      expect(score, `${optimization} ${batch}`).toBeLessThan(1e-5);
      expect(map, `${optimization} ${batch}`).toBeLessThan(1e-5);
    }
    await folded.release();
  }
});

it('holds convolutions and what deployment needs, no batch normalisation and no arithmetic with masks', async () => {
  const { nodes, initializers, outputs } = await model({ conv, feature: true });
  const count = (op: string) => nodes.filter((node) => node.op === op).length;
  // 17 of the backbone, 3 shortcuts, 3 an estimator; a sum a block.
  expect([count('Conv'), count('Add')]).toEqual([26, 8]);
  const plain = [
    'Add',
    'Concat',
    'Conv',
    'Flatten',
    'Gather',
    'Gemm',
    'GlobalAveragePool',
    'MaxPool',
    'Relu',
    'Softmax',
  ];
  const pooling = ['Identity', 'Resize'];
  const featureNorm = ['Div', 'Max', 'Mul', 'ReduceL2', 'Sqrt'];
  expect([...new Set(nodes.map(({ op }) => op))].sort()).toEqual([...plain, ...pooling, ...featureNorm].sort());
  // The one product doubles the norm of the feature.
  expect(nodes.filter(({ op }) => op === 'Mul').map(({ inputs }) => inputs)).toEqual([['norm.clamped', 'two']]);
  expect(initializers.map(({ name }) => name).filter((name) => /mask|theta|running|bn/.test(name))).toEqual([]);
  expect(outputs.map(({ name }) => name)).toEqual(['score', 'live_map', 'spoof_map', 'feature']);
});

it('gives the feature on request, as the engine has it', async () => {
  const bytes = encodeOnnx(await model({ conv, feature: true }));
  const folded = await OnnxScorer.open(bytes, 'ldc', { scaling, threads: 2 });
  const images = normalizedPixels(pixels(2), 2, size, scaling);
  const { feature } = await folded.run(images, 2, size);
  const output = scope(() => net.forward(features(device, images, [2, 3, size, size])).feature);
  const expected = await output.read();
  expect(feature!.dims).toEqual([2, 512]);
  expect(Math.max(...expected)).toBeGreaterThan(0.01);
  expect(distance(expected as Float32Array, feature!.data as Float32Array)).toBeLessThan(1e-5);
  output.release();
  await folded.release();
});

it('in float16 loses little and is half the size', async () => {
  const [whole, half] = [encodeOnnx(await model({ conv })), encodeOnnx(await model({ conv, half: true }))];
  expect(half.length).toBeLessThan(0.53 * whole.length);
  const folded = await OnnxScorer.open(half, 'ldc', { scaling, threads: 2 });
  const { score, map } = await differences(engine, folded, 3);
  expect(score).toBeGreaterThan(1e-6);
  expect(score).toBeLessThan(0.01);
  expect(map).toBeLessThan(0.02);
  await folded.release();
});

it('has the same bytes each time', async () => {
  const [first, second] = [encodeOnnx(await model({ conv })), encodeOnnx(await model({ conv }))];
  expect(Buffer.from(first).equals(second)).toBe(true);
});

it('folded weights in our own engine differ by 1e-5 at most', async () => {
  const plain = smallNet(device, 'vanilla');
  const folded = await load(plain, await foldedState(plain));
  const { score, map } = await differences(engine, folded, 5);
  expect(score).toBeLessThan(1e-5);
  expect(map).toBeLessThan(1e-5);
  folded.release();
  plain.dispose();
});

/** The folded weights under the names of a network of ordinary convolutions, whose batch normalisations only add the bias. */
async function foldedState(plain: LdcNet): Promise<StateSource> {
  const graph = await model({ conv });
  const constants = new Map(graph.initializers.map(({ name, data }) => [name, data as Float32Array]));
  const values = (name: string): ArrayLike<number> => {
    const shape = plain.state().find((entry) => entry.name === name)!.shape;
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (name.endsWith('running_mean') || name.endsWith('num_batches_tracked')) return new Float32Array(size);
    // 1 / √(var + ε) is 1.
    if (name.endsWith('running_var')) return new Float32Array(size).fill(1 - 1e-5);
    const node = name
      .replace(/^backbone\.(conv1|bn1)\./, 'stem.')
      .replace('backbone.bottleneck_layer_fc', 'fc')
      .replace(/^backbone\./, '')
      .replace('classifier.classifier_layer', 'classifier')
      .replace(/\.bn(\d)\./, '.conv$1.')
      .replace(/\.downsample\.\d\./, '.downsample.')
      .replace(/^(\w+)Estor\.conv\.(\d)\.conv\./, '$1Estor.$2.')
      .replace(/^(\w+)Estor\.conv\.(\d)\./, (_, head, i) => `${head}Estor.${Number(i) - 1}.`);
    const isScale = shape.length === 1 && name.endsWith('.weight');
    return isScale ? new Float32Array(size).fill(1) : constants.get(node)!;
  };
  const names = plain.state().map(({ name }) => name);
  const shapes = new Map(plain.state().map(({ name, shape }) => [name, shape]));
  return { origin: 'folded', names, shape: (name) => shapes.get(name)!, values: async (name) => values(name) };
}
