/** Cases of single operators: what is called for each `op` of a manifest, forward and backward. */
import type { Device } from '../../src/engine/device.js';
import { batchNorm } from '../../src/engine/ops/batchNorm.js';
import { type ConvWeight, conv2d } from '../../src/engine/ops/conv2d.js';
import { mask, relu, scale } from '../../src/engine/ops/elementwise.js';
import { featureNorm, linear, logSoftmax, unitColumns } from '../../src/engine/ops/linear.js';
import { crossEntropy, mse, triplet } from '../../src/engine/ops/losses.js';
import { adaptiveAvgPool2d, concat, globalAvgPool, maxPool2d, resizeBilinear } from '../../src/engine/ops/pooling.js';
import { backward, withTape } from '../../src/engine/tape.js';
import { features, scope, Tensor, tensor } from '../../src/engine/tensor.js';
import { toFloat32 } from '../../src/formats/safetensors.js';
import { mapMaximum, quasiGroundTruth, unitRange } from '../../src/method/ldcnet/quasiGroundTruth.js';
import type { Results, Values } from './compare.js';
import { expectAttr } from './expectAttr.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { denseInputs, methodOperators, singleImages } from './methodOperators.js';

/** What an operator case is given, by name. A tensor without elements is left out. */
export interface Arguments {
  tensors: Record<string, Tensor>;
  integers: Record<string, number[]>;
  attrs: Record<string, unknown>;
}

/** A list of tensors is one result, its first dimension the list. */
export type Operator = (given: Arguments) => Record<string, Tensor | Tensor[]>;

const operators: Record<string, Operator> = {
  ...methodOperators,

  conv2d: convolution(() => ({ descriptor: 'vanilla' })),
  ldc_conv2d: convolution(() => ({ descriptor: 'ldc' })),
  ldc_paper_conv2d: convolution(({ attrs }) => ({ descriptor: 'ldc-paper', constant: attrs.eps as number })),
  cdc_conv2d: convolution(({ attrs }) => ({ descriptor: 'cdc', constant: attrs.theta as number })),

  batch_norm_train: normalisation(true),
  batch_norm_eval: normalisation(false),

  max_pool2d: ({ tensors: { x }, attrs }) => {
    const { kernel, stride, padding } = attrs as { kernel: number; stride: number; padding: number };
    return { y: maxPool2d(x!, kernel, stride, padding) };
  },
  global_avg_pool: ({ tensors: { x } }) => ({ y: globalAvgPool(x!) }),
  adaptive_avg_pool2d: ({ tensors: { x }, attrs }) => ({ y: adaptiveAvgPool2d(x!, attrs.out as [number, number]) }),
  resize_bilinear: ({ tensors: { x }, attrs }) => ({ y: resizeBilinear(x!, attrs.out as [number, number]) }),
  concat: ({ tensors, attrs }) => {
    expectAttr(attrs, 'axis', 1);
    return { y: concat((attrs.order as string[]).map((name) => tensors[name]!)) };
  },

  relu: ({ tensors: { x }, attrs }) => {
    expectAttr(attrs, 'grad_at_zero', 0);
    return { y: relu(x!) };
  },
  dropout_mask: ({ tensors: { x, mask: keep }, attrs }) => ({ y: mask(x!, scale(keep!, attrs.scale as number)) }),

  linear: ({ tensors: { x, w, b } }) => ({ y: linear(x!, w!, b) }),
  feature_norm: ({ tensors: { x }, attrs }) => {
    expectAttr(attrs, 'min_norm', 1e-12);
    return { y: featureNorm(x!) };
  },
  unit_classifier: ({ tensors: { x, w, b }, attrs }) => {
    expectAttr(attrs, 'axis', 0);
    unitColumns(w!);
    return { y: linear(x!, w!, b), weight_after: w! };
  },

  log_softmax: ({ tensors: { x }, attrs }) => {
    expectAttr(attrs, 'axis', 1);
    return { y: logSoftmax(x!) };
  },
  cross_entropy: ({ tensors: { logits }, integers: { label }, attrs }) => {
    expectAttr(attrs, 'reduction', 'mean');
    return { loss: crossEntropy(logits!, label!) };
  },
  mse: ({ tensors: { a, b }, attrs }) => {
    expectAttr(attrs, 'reduction', 'mean');
    return { loss: mse(a!, b!) };
  },
  triplet: ({ tensors: { x }, integers: { label }, attrs }) => {
    const { margin, hardest, squared } = attrs as { margin: number; hardest: boolean; squared: boolean };
    return { loss: triplet(x!, label!, { margin, squared, mining: hardest ? 'batch-hard' : 'batch-all' }) };
  },

  grad_cam: ({ tensors: { act, grad }, attrs }) => {
    expectAttr(attrs, 'eps', 1e-7);
    const [size, out] = [attrs.input_size as number, attrs.out as number];
    const [n, , h, w] = act!.shape as [number, number, number, number];
    const raw = new Tensor(act!.device, [n, 1, h, w], 'float32', 'features');
    act!.device.native.grad_cam(act!.handle, grad!.handle, raw.handle);
    const scaled = unitRange(raw);
    return {
      raw,
      scaled,
      map_direct: scale(resizeBilinear(scaled, [out, out]), mapMaximum),
      map: quasiGroundTruth(raw, [size, size], out),
    };
  },
};

export const operatorNames: ReadonlySet<string> = new Set(Object.keys(operators));

/** Runs an operator case; with `upstream` in the manifest also its backward pass. */
export async function runOperator(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<Results> {
  const hostInputs = await readAll(set, fixture, fixture.inputs);
  const hostUpstream = await readAll(set, fixture, fixture.upstream);
  const { outputs, grads } = scope(() => {
    const given = toArguments(device, fixture, hostInputs);
    const leaves = Object.keys(fixture.grads).map((name) => given.tensors[name]!);
    for (const leaf of leaves) leaf.requiresGrad = true;
    const outputs = withTape(() => {
      const made = operators[fixture.op]!(given);
      const seeds = Object.entries(hostUpstream).map(([name, { data }]) => upstreamOf(made[name] as Tensor, data));
      backward(seeds, leaves);
      return made;
    });
    return {
      outputs,
      grads: Object.fromEntries(Object.keys(fixture.grads).map((name, i) => [name, leaves[i]!.grad!])),
    };
  });
  return { outputs: await takeAll(outputs), grads: await takeAll(grads) };
}

interface HostTensor {
  shape: number[];
  data: Float32Array;
  /** Labels, as opposed to values. */
  integer: boolean;
}

async function readAll(set: FixtureSet, fixture: FixtureCase, keys: Record<string, string>) {
  const entries = Object.entries(keys).map(async ([name, key]): Promise<[string, HostTensor]> => {
    const stored = await set.tensor(fixture, key);
    return [name, { shape: stored.shape, data: toFloat32(stored), integer: stored.dtype === 'I64' }];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** What is a parameter stays dense although it has four dimensions. */
const weights: ReadonlySet<string> = new Set(['w', 'm', ...denseInputs]);

function toArguments(device: Device, fixture: FixtureCase, inputs: Record<string, HostTensor>): Arguments {
  const given: Arguments = { tensors: {}, integers: {}, attrs: fixture.attrs };
  for (const [name, { shape, data, integer }] of Object.entries(inputs)) {
    // Three dimensions are those of maps, or of one image.
    const [a, ...rest] = shape as [number, number, number];
    const four = singleImages.has(fixture.op) ? [1, ...shape] : [a, 1, ...rest];
    if (integer) given.integers[name] = [...data];
    else if (data.length === 0) continue;
    else if (weights.has(name) || shape.length < 3) given.tensors[name] = tensor(device, data, shape);
    else given.tensors[name] = features(device, data, shape.length === 3 ? four : shape);
  }
  return given;
}

function upstreamOf(output: Tensor, data: Float32Array): { tensor: Tensor; upstream: Tensor } {
  const upstream = new Tensor(output.device, output.shape, 'float32', output.layout).set(data);
  return { tensor: output, upstream };
}

/** Reads and releases. */
async function takeAll(results: Record<string, Tensor | Tensor[]>): Promise<Record<string, Values>> {
  const read = Object.entries(results).map(async ([name, result]): Promise<[string, Values]> => {
    const list = [result].flat();
    const { shape } = list[0]!;
    const values = list.map((tensor) => {
      const data = tensor.read();
      tensor.release();
      return data;
    });
    const data = (await Promise.all(values)).flatMap((part) => [...part]);
    return [name, { shape: Array.isArray(result) ? [list.length, ...shape] : shape, data }];
  });
  return Object.fromEntries(await Promise.all(read));
}

function convolution(kind: (given: Arguments) => Omit<ConvWeight, 'w'>): Operator {
  return (given) => {
    const { x, w, m, theta, b } = given.tensors;
    const { stride, padding } = given.attrs as { stride: number; padding: number };
    return { y: conv2d(x!, { w: w!, m, theta, ...kind(given) }, stride, padding, b) };
  };
}

function normalisation(training: boolean): Operator {
  return ({ tensors, attrs }) => {
    const { x, gamma, beta, running_mean: runningMean, running_var: runningVar, residual } = tensors;
    const { eps, momentum, fuse } = attrs as { eps: number; momentum: number; fuse: string };
    const state = { gamma: gamma!, beta: beta!, runningMean: runningMean!, runningVar: runningVar! };
    const y = batchNorm(x!, state, { training, eps, momentum, relu: fuse !== 'none', residual });
    return { y, running_mean: runningMean!, running_var: runningVar! };
  };
}
