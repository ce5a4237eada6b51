/** One or more uses of every differentiable operation, on small tensors of awkward shapes. */
import type { Device } from '../../src/engine/device.js';
import { descriptors } from '../../src/engine/native.js';
import { batchNorm } from '../../src/engine/ops/batchNorm.js';
import { type ConvWeight, conv2d } from '../../src/engine/ops/conv2d.js';
import { add, convert, dropout, mask, relu, scale } from '../../src/engine/ops/elementwise.js';
import { featureNorm, l2Normalize, linear, logSoftmax, takeRows } from '../../src/engine/ops/linear.js';
import { bceWithLogits, crossEntropy, mse, perHeadBce, supCon, triplet } from '../../src/engine/ops/losses.js';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPoolConcat,
  concat,
  globalAvgPool,
  maxPool2d,
} from '../../src/engine/ops/pooling.js';
import { backward, withTape } from '../../src/engine/tape.js';
import { type Shape, Tensor } from '../../src/engine/tensor.js';
import { sizeOf, spread, uniform } from './helpers.js';

interface Input {
  shape: Shape;
  layout?: 'dense' | 'features';
  /** Values that keep away from kinks; uniform in [-1, 1] otherwise. */
  values?: Float32Array;
  /** Not differentiated. */
  constant?: true;
}

/** A use of one operation. */
export interface Case {
  /** The exported function that is checked. */
  operation: string;
  title: string;
  inputs: Input[];
  run(inputs: Tensor[]): Tensor;
  /** Along a direction of values in [-1, 1]. The default is for what is a polynomial of degree 2 at most: exact at any step. */
  step?: number;
  algorithm?: 'direct' | 'winograd';
}

const map = (...shape: number[]): Input => ({ shape, layout: 'features' });
const rows = (...shape: number[]): Input => ({ shape, layout: 'dense' });
const apart = (input: Input, seed = 5): Input => ({ ...input, values: spread(sizeOf(input.shape), seed) });

export const cases: Case[] = [
  { operation: 'add', title: 'dense', inputs: [rows(3, 5), rows(3, 5)], run: ([a, b]) => add(a!, b!) },
  { operation: 'add', title: 'features', inputs: [map(2, 5, 3, 4), map(2, 5, 3, 4)], run: ([a, b]) => add(a!, b!) },
  { operation: 'add', title: 'to itself', inputs: [rows(3, 5)], run: ([a]) => add(a!, a!) },
  { operation: 'scale', title: 'features', inputs: [map(2, 5, 3, 4)], run: ([x]) => scale(x!, -1.5) },
  {
    operation: 'mask',
    title: 'features',
    inputs: [map(2, 17, 3, 4), { ...map(2, 17, 3, 4), constant: true }],
    run: ([x, keep]) => mask(x!, keep!),
  },
  {
    operation: 'convert',
    title: 'to what it is',
    inputs: [map(2, 5, 3, 4)],
    run: ([x]) => convert(x!, 'float32'),
  },
  { operation: 'relu', title: 'features', inputs: [apart(map(2, 18, 3, 4))], run: ([x]) => relu(x!), step: 0.09 },
  { operation: 'relu', title: 'dense', inputs: [apart(rows(7, 9))], run: ([x]) => relu(x!), step: 0.09 },
  {
    operation: 'dropout',
    title: 'half',
    inputs: [rows(9, 21)],
    run: ([x]) => dropout(x!, 0.5, { seed: 7, purpose: 4, step: 12 }),
  },

  ...convolutionCases(),

  ...[false, true].flatMap((training) =>
    (['none', 'relu', 'add', 'add and relu'] as const).map((following): Case => {
      // The ReLU's kink is far from all values: what is normalised reaches ±2, and γ is below 3.
      const sides = (count: number) => uniform(count, 6).map((value) => (value < 0 ? -9 : 9));
      const residual = { ...map(3, 18, 4, 5), values: sides(3 * 18 * 4 * 5) };
      const adds = following.startsWith('add');
      return {
        operation: 'batchNorm',
        title: `${training ? 'training' : 'evaluation'}, followed by ${following}`,
        inputs: [
          map(3, 18, 4, 5),
          { ...rows(18), values: uniform(18, 3).map((value) => value + 2) },
          following === 'relu' ? { ...rows(18), values: sides(18) } : rows(18),
          ...(adds ? [residual] : []),
        ],
        run: ([x, gamma, beta, added]) => {
          const runningMean = new Tensor(x!.device, [18]).set(uniform(18, 4));
          const runningVar = new Tensor(x!.device, [18]).set(uniform(18, 5).map((value) => value + 1.5));
          const state = { gamma: gamma!, beta: beta!, runningMean, runningVar };
          return batchNorm(x!, state, { training, relu: following.endsWith('relu'), residual: added });
        },
        step: 1e-2,
      };
    }),
  ),

  { operation: 'linear', title: 'without bias', inputs: [rows(1, 4), rows(2, 4)], run: ([x, w]) => linear(x!, w!) },
  { operation: 'featureNorm', title: 'rows', inputs: [rows(4, 19)], run: ([x]) => featureNorm(x!), step: 3e-3 },
  { operation: 'l2Normalize', title: 'rows', inputs: [rows(4, 19)], run: ([x]) => l2Normalize(x!), step: 3e-3 },
  {
    operation: 'l2Normalize',
    title: 'short rows have a constant divisor',
    inputs: [rows(4, 19)],
    run: ([x]) => l2Normalize(x!, 1e3),
  },
  { operation: 'takeRows', title: 'of a matrix', inputs: [rows(5, 3)], run: ([x]) => takeRows(x!, [4, 0, 3]) },
  { operation: 'takeRows', title: 'of a vector', inputs: [rows(3)], run: ([x]) => takeRows(x!, [1]) },
  { operation: 'logSoftmax', title: 'rows', inputs: [rows(6, 5)], run: ([x]) => logSoftmax(x!), step: 1e-2 },
  {
    operation: 'crossEntropy',
    title: 'rows',
    inputs: [rows(4, 3)],
    run: ([x]) => crossEntropy(x!, [2, 0, 1, 2]),
    step: 1e-2,
  },
  {
    operation: 'bceWithLogits',
    title: 'rows',
    inputs: [rows(5)],
    run: ([z]) => bceWithLogits(z!, [1, 0, 0, 1, 1]),
    step: 1e-2,
  },
  {
    operation: 'perHeadBce',
    title: 'three heads',
    inputs: [rows(6, 1), rows(6, 1), rows(6)],
    run: (heads) => perHeadBce(heads, [0, 2, 1, 0, 2, 2], [1, 0, 0, 0, 1, 1]).loss,
    step: 1e-2,
  },
  ...[0.1, 0.5].map(
    (temperature): Case => ({
      operation: 'supCon',
      title: `temperature ${temperature}`,
      inputs: [rows(9, 6)],
      run: ([x]) => supCon(x!, [0, 1, 2, 0, 1, 2, 0, 0, 1], { temperature, baseTemperature: 0.07 }),
      step: 1e-3,
    }),
  ),
  { operation: 'mse', title: 'features', inputs: [map(2, 1, 5, 6), map(2, 1, 5, 6)], run: ([a, b]) => mse(a!, b!) },
  { operation: 'mse', title: 'dense', inputs: [rows(2, 7), rows(2, 7)], run: ([a, b]) => mse(a!, b!) },
  ...(['batch-hard', 'batch-all'] as const).flatMap((mining) =>
    [false, true].map(
      (squared): Case => ({
        operation: 'triplet',
        title: `${mining}${squared ? ', squared' : ''}`,
        inputs: [rows(9, 6)],
        run: ([x]) => triplet(x!, [0, 1, 2, 0, 1, 2, 0, 0, 1], { margin: 1, mining, squared }),
        step: 1e-3,
      }),
    ),
  ),

  {
    operation: 'maxPool2d',
    title: '3x3, stride 2',
    inputs: [apart(map(2, 5, 7, 8))],
    run: ([x]) => maxPool2d(x!, 3, 2, 1),
    step: 0.09,
  },
  {
    operation: 'maxPool2d',
    title: '2x2',
    inputs: [apart(map(1, 18, 6, 5))],
    run: ([x]) => maxPool2d(x!, 2, 1, 0),
    step: 0.09,
  },
  { operation: 'globalAvgPool', title: 'features', inputs: [map(2, 18, 3, 5)], run: ([x]) => globalAvgPool(x!) },
  {
    operation: 'adaptiveAvgPool2d',
    title: 'to less, uneven bins',
    inputs: [map(2, 18, 7, 9)],
    run: ([x]) => adaptiveAvgPool2d(x!, [4, 4]),
  },
  {
    operation: 'adaptiveAvgPool2d',
    title: 'to more',
    inputs: [map(1, 3, 3, 2)],
    run: ([x]) => adaptiveAvgPool2d(x!, [5, 4]),
  },
  {
    operation: 'adaptiveAvgPoolConcat',
    title: 'whole blocks of channels and others',
    inputs: [map(2, 16, 8, 8), map(2, 5, 4, 4), map(2, 20, 3, 3)],
    run: (inputs) => adaptiveAvgPoolConcat(inputs, [4, 4]),
  },
  { operation: 'concat', title: 'three', inputs: [map(2, 3, 4, 3), map(2, 17, 4, 3), map(2, 1, 4, 3)], run: concat },
];

function convolutionCases(): Case[] {
  const forms = [
    { title: '1x1', inn: 5, out: 3, kernel: 1, stride: 1, padding: 0, size: [4, 3] },
    { title: '1x1, stride 2', inn: 17, out: 18, kernel: 1, stride: 2, padding: 0, size: [5, 4] },
    { title: '3x3', inn: 3, out: 5, kernel: 3, stride: 1, padding: 1, size: [5, 6] },
    { title: '3x3, stride 2', inn: 16, out: 17, kernel: 3, stride: 2, padding: 1, size: [7, 6] },
    { title: '3x3 of many channels', inn: 32, out: 33, kernel: 3, stride: 1, padding: 1, size: [6, 9] },
    { title: '3x3 of whole blocks', inn: 32, out: 48, kernel: 3, stride: 1, padding: 1, size: [6, 9] },
    { title: '7x7, stride 2', inn: 3, out: 20, kernel: 7, stride: 2, padding: 3, size: [11, 9] },
  ];
  return forms.flatMap(({ title, inn, out, kernel, stride, padding, size }) => {
    const kinds = kernel === 3 ? (Object.keys(descriptors) as ConvWeight['descriptor'][]) : (['vanilla'] as const);
    return kinds.flatMap((descriptor) => {
      const m = descriptor === 'ldc-paper' ? [rows(out, inn, 3, 3)] : [rows(out, inn)];
      const learned = { vanilla: [], cdc: [], 'ldc-paper': m }[descriptor as string] ?? [...m, rows(1)];
      const inputs = [map(2, inn, ...size), rows(out, inn, kernel, kernel), rows(out), ...learned];
      const run: Case['run'] = ([x, w, b, m, theta]) =>
        conv2d(x!, { w: w!, descriptor, m, theta, constant: 0.4 }, stride, padding, b);
      const algorithms = title.endsWith('whole blocks') ? (['direct', 'winograd'] as const) : (['direct'] as const);
      return algorithms.map(
        (algorithm): Case => ({
          operation: 'conv2d',
          title: `${title}, ${descriptor}, ${algorithm}`,
          inputs,
          run,
          algorithm,
        }),
      );
    });
  });
}

/** Host values for the inputs of a case. */
export function valuesFor({ inputs }: Case): Float32Array[] {
  return inputs.map(({ shape, values }, i) => values ?? uniform(sizeOf(shape), 100 + i));
}

/** The inputs on a device, features in its type; those that are differentiated ask for gradients. */
export function tensorsFor({ inputs }: Case, device: Device, values: readonly Float32Array[]): Tensor[] {
  return inputs.map(({ shape, layout, constant }, i) => {
    const made = new Tensor(device, shape, layout === 'features' ? device.featureType : 'float32', layout).set(
      values[i]!,
    );
    made.requiresGrad = constant === undefined;
    return made;
  });
}

/** Runs a case forward and backward with an upstream gradient of fixed random values, each altered, which it returns with the output. */
export function differentiate(
  each: Case,
  leaves: readonly Tensor[],
  alter: (value: number) => number = (value) => value,
): { output: Tensor; upstream: Float32Array } {
  return withTape(() => {
    const output = each.run([...leaves]);
    const upstream = uniform(output.size, 200).map(alter);
    const seed = new Tensor(output.device, output.shape, output.dtype, output.layout).set(upstream);
    backward([{ tensor: output, upstream: seed }], leaves);
    return { output, upstream };
  });
}
