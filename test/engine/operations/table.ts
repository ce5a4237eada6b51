/**
 * The one list of operations: every function of src/engine/ops, and every kernel that is called outside of it, with what it computes by
 * definition (definitions.ts), uses on small tensors of awkward shapes, and one use of the size that a training step has. From it
 * operations.test.ts compares values and gradients on every instruction set and in each precision, test/native/cuda/operations.test.ts on the
 * emulated GPU, and `npm run bench -- ops` takes times.
 */
import { descriptors, type Handle, type NativeDevice } from '../../../src/engine/native.js';
import { batchNorm } from '../../../src/engine/ops/batchNorm.js';
import { type ConvWeight, conv2d } from '../../../src/engine/ops/conv2d.js';
import { add, convert, dropout, gradientReversal, mask, relu, scale } from '../../../src/engine/ops/elementwise.js';
import {
  type ColourChange,
  type Crop,
  imagesToFeatures,
  mixColours,
  resizedCrop,
  rotate,
  scaleChannels,
  type Turn,
} from '../../../src/engine/ops/images.js';
import {
  alignHeads,
  featureNorm,
  l2Normalize,
  linear,
  logSoftmax,
  takeRows,
  unitColumns,
} from '../../../src/engine/ops/linear.js';
import {
  bceWithLogits,
  crossEntropy,
  mse,
  perHeadBce,
  supCon,
  type TripletOptions,
  triplet,
} from '../../../src/engine/ops/losses.js';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPoolConcat,
  concat,
  globalAvgPool,
  maxPool2d,
  resizeBilinear,
} from '../../../src/engine/ops/pooling.js';
import { emptyLike, type Shape, Tensor, tensor, zeros } from '../../../src/engine/tensor.js';
import { sizeOf, spread, uniform } from '../helpers.js';
import * as by from './definitions.js';
import { each, type Grid, grid, scalar } from './definitions.js';

export interface Input {
  shape: Shape;
  /** `maps` are features in float32 on every device, as losses and augmentation take them. */
  layout: 'dense' | 'features' | 'maps';
  /** From the number of elements; uniform in [-1, 1] otherwise. */
  values?: (count: number) => Float32Array;
  /** Not differentiated. */
  constant?: true;
}

/** A use of an operation. */
export interface Case {
  title: string;
  inputs: Input[];
  /** What is computed; the first is differentiated. Inputs may be written to. */
  run(inputs: Tensor[]): Tensor | Tensor[];
  /** The same in double precision. */
  define(inputs: Grid[]): Grid | Grid[];
  /** Difference that is allowed, of the largest value of a result. 0: the very numbers. */
  tolerance?: number;
  /** Of the differences: far below the distance to the next kink. */
  step?: number;
  algorithm?: 'direct' | 'winograd';
  /** In bf16: the sum of the absolute values of what is added up in each element, of which factors may have been rounded. */
  terms?(inputs: Grid[]): Grid;
}

export interface Operation {
  /** The function of src/engine/ops, or the kernel. */
  name: string;
  /** Its gradient is that of its definition: checked. Else the reason. */
  gradient: 'checked' | 'none' | { instead: (upstream: number) => number };
  cases: Case[];
  /** Of the size of a step, for its time alone. */
  timed: Case;
}

const map = (...shape: number[]): Input => ({ shape, layout: 'features' });
const maps = (...shape: number[]): Input => ({ shape, layout: 'maps' });
const rows = (...shape: number[]): Input => ({ shape, layout: 'dense' });
const given = (input: Input, values: Input['values']): Input => ({ ...input, values });
/** Values that keep away from each other and from 0. */
const apart = (input: Input): Input => given(input, (count) => spread(count, 5));
const scaled = (input: Input, factor: number, offset = 0): Input =>
  given(input, (count) => uniform(count, 7).map((value) => value * factor + offset));
const constant = (input: Input): Input => ({ ...input, constant: true });
const cycle = (count: number, classes: number) => Array.from({ length: count }, (_, i) => i % classes);
const handles = (tensors: readonly Tensor[]): Handle[] => tensors.map(({ handle }) => handle);
const native = ([x]: readonly Tensor[]): NativeDevice => x!.device.native;

/** The largest activation of a step of LDCNet, batch 30 at 256 pixels, and the one after two poolings. */
const large = map(30, 64, 64, 64);
const middle = map(30, 128, 32, 32);

const one = (
  name: string,
  gradient: Operation['gradient'],
  run: Case['run'],
  define: Case['define'],
  forms: readonly Pick<Case, 'title' | 'inputs' | 'tolerance' | 'step'>[],
  timed: Input[],
): Operation => ({
  name,
  gradient,
  cases: forms.map((form) => ({ ...form, run, define })),
  timed: { title: 'of a step', inputs: timed, run, define },
});

/** A title and inputs. */
const form = (title: string, inputs: Input[], tolerance?: number) => ({ title, inputs, tolerance });

const elementwise: Operation[] = [
  one(
    'add',
    'checked',
    ([a, b]) => add(a!, b ?? a!),
    ([a, b]) => each((x, y) => x + y, a!, b ?? a!),
    [
      form('dense', [rows(3, 5), rows(3, 5)]),
      form('features', [map(2, 37, 3, 4), map(2, 37, 3, 4)]),
      form('to itself', [rows(3, 5)]),
    ],
    [large, large],
  ),
  one(
    'scale',
    'checked',
    ([x]) => scale(x!, -1.5),
    ([x]) => each((value) => -1.5 * value, x!),
    [form('features', [map(2, 5, 3, 4)]), form('long', [rows(70_001)])],
    [large],
  ),
  one(
    'gradientReversal',
    { instead: (upstream) => -0.75 * upstream },
    ([x]) => gradientReversal(x!, 0.75),
    ([x]) => x!,
    [form('rows', [rows(3, 7)], 0)],
    [rows(60, 512)],
  ),
  one(
    'mask',
    'checked',
    ([x, keep]) => mask(x!, keep!),
    ([x, keep]) => each((a, b) => a * b, x!, keep!),
    [form('features', [map(2, 17, 3, 4), constant(map(2, 17, 3, 4))])],
    [large, constant(large)],
  ),
  one(
    'convert',
    'checked',
    ([x]) => convert(x!, 'float32'),
    ([x]) => x!,
    [form('features', [map(2, 37, 3, 4)], 0), form('images', [map(2, 3, 5, 4)], 0)],
    [large],
  ),
  one(
    'relu',
    'checked',
    ([x]) => relu(x!),
    ([x]) => each((value) => Math.max(value, 0), x!),
    [form('features', [apart(map(2, 18, 3, 4))], 0), form('dense', [apart(rows(7, 9))], 0)],
    [large],
  ),
  dropoutOf(0.5, { seed: 7, purpose: 4, step: 12 }),
];

function dropoutOf(p: number, key: { seed: number; purpose: number; step: number }): Operation {
  return one(
    'dropout',
    'checked',
    ([x]) => dropout(x!, p, key),
    ([x]) => each((value, keep) => value * keep, x!, { ...by.keptBy(p, x!.data.length, key), shape: x!.shape }),
    [form('rows', [rows(9, 21)]), form('one', [rows(1, 1)]), form('long', [rows(30, 1024)])],
    [rows(30, 15_360)],
  );
}

/** Convolutions: every kind of weight, strides, whole blocks of channels and others. */
function convolutions(): Operation {
  type Form = { inn: number; out: number; kernel: number; stride: number; size: number[]; batch?: number };
  const convolve = (
    { inn, out, kernel, stride, size, batch = 2 }: Form,
    descriptor: ConvWeight['descriptor'],
    algorithm: Case['algorithm'],
  ): Case => {
    const m = descriptor === 'ldc-paper' ? [rows(out, inn, 3, 3)] : [rows(out, inn)];
    const learned = { vanilla: [], cdc: [], 'ldc-paper': m }[descriptor as string] ?? [...m, rows(1)];
    const padding = Math.floor(kernel / 2);
    const kind = { descriptor, constant: 0.4 };
    const define = ([x, w, bias, mGrid, theta]: Grid[]) =>
      by.convolution(x!, by.effectiveWeight(w!, kind, mGrid, theta), stride, padding, bias);
    const absolute = (values: Grid) => each(Math.abs, values);
    return {
      title: `${kernel}x${kernel}, stride ${stride}, ${inn} to ${out} channels, ${descriptor}, ${algorithm}`,
      inputs: [map(batch, inn, ...size), rows(out, inn, kernel, kernel), rows(out), ...learned],
      run: ([x, w, bias, mTensor, theta]) => conv2d(x!, { w: w!, ...kind, m: mTensor, theta }, stride, padding, bias),
      define,
      terms: ([x, w, bias, mGrid, theta]) =>
        by.convolution(
          absolute(x!),
          absolute(by.effectiveWeight(w!, kind, mGrid, theta)),
          stride,
          padding,
          absolute(bias!),
        ),
      algorithm,
      tolerance: 2e-6,
    };
  };
  const forms: Form[] = [
    { inn: 5, out: 3, kernel: 1, stride: 1, size: [4, 3] },
    { inn: 17, out: 18, kernel: 1, stride: 2, size: [5, 4] },
    { inn: 3, out: 5, kernel: 3, stride: 1, size: [5, 6] },
    { inn: 16, out: 17, kernel: 3, stride: 2, size: [7, 6] },
    { inn: 32, out: 33, kernel: 3, stride: 1, size: [4, 5], batch: 1 },
    { inn: 32, out: 48, kernel: 3, stride: 1, size: [6, 9], batch: 1 },
    { inn: 3, out: 20, kernel: 7, stride: 2, size: [11, 9] },
  ];
  const kinds = Object.keys(descriptors) as ConvWeight['descriptor'][];
  const cases = forms.flatMap((each) =>
    (each.kernel === 3 ? kinds : (['vanilla'] as const)).flatMap((descriptor) =>
      (each.out === 48 ? (['direct', 'winograd'] as const) : (['direct'] as const)).map((algorithm) =>
        convolve(each, descriptor, algorithm),
      ),
    ),
  );
  const layer3 = { inn: 256, out: 256, kernel: 3, stride: 1, size: [16, 16], batch: 30 };
  return { name: 'conv2d', gradient: 'checked', cases, timed: convolve(layer3, 'ldc', 'winograd') };
}

/** Batch norm, while training and not, with each of what may follow it in the same pass. */
function batchNorms(): Operation {
  const sides = (count: number) => uniform(count, 6).map((value) => (value < 0 ? -9 : 9));
  const positive = (count: number) => uniform(count, 3).map((value) => value + 2);
  const normalise = (x: Input, training: boolean, following: string): Case => {
    const channels = x.shape[1]!;
    const [mean, variance] = [uniform(channels, 4), uniform(channels, 5).map((value) => value + 1.5)];
    const withRelu = following.endsWith('relu');
    // The ReLU's kink is far from all values: what is normalised reaches ±2, and γ is below 3.
    const beta = following === 'relu' ? given(rows(channels), sides) : rows(channels);
    const residual = following.startsWith('add') ? [given({ ...x }, sides)] : [];
    return {
      title: `${training ? 'training' : 'evaluation'}, followed by ${following}`,
      inputs: [x, given(rows(channels), positive), beta, ...residual],
      run: ([input, gamma, shift, added]) => {
        const runningMean = tensor(input!.device, mean, [channels]);
        const runningVar = tensor(input!.device, variance, [channels]);
        const state = { gamma: gamma!, beta: shift!, runningMean, runningVar };
        const y = batchNorm(input!, state, { training, relu: withRelu, residual: added });
        return [y, runningMean, runningVar];
      },
      define: (inputs) => {
        const running = { mean: grid([channels], (i) => mean[i]!), variance: grid([channels], (i) => variance[i]!) };
        return by.batchNormalisation(inputs, running, { training, relu: withRelu });
      },
    };
  };
  const followings = ['none', 'relu', 'add', 'add and relu'];
  const cases = [false, true].flatMap((training) =>
    followings.map((following) => normalise(map(3, 18, 4, 5), training, following)),
  );
  return { name: 'batchNorm', gradient: 'checked', cases, timed: normalise(large, true, 'relu') };
}

const pooling: Operation[] = [
  one(
    'maxPool2d',
    'checked',
    ([x]) => maxPool2d(x!, 3, 2, 1),
    ([x]) => by.maxPooling(x!, 3, 2, 1),
    [form('3x3, stride 2', [apart(map(2, 5, 7, 8))], 0), form('of images', [apart(map(1, 3, 6, 5))], 0)],
    [map(30, 64, 128, 128)],
  ),
  one(
    'globalAvgPool',
    'checked',
    ([x]) => globalAvgPool(x!),
    ([x]) => by.globalAverage(x!),
    [form('features', [map(2, 18, 3, 5)])],
    [map(30, 512, 8, 8)],
  ),
  one(
    'adaptiveAvgPool2d',
    'checked',
    ([x]) => adaptiveAvgPool2d(x!, [4, 4]),
    ([x]) => by.averagePooling(x!, [4, 4]),
    [form('to less, uneven bins', [map(2, 18, 7, 9)]), form('to more', [map(1, 3, 3, 2)])],
    [large],
  ),
  one(
    'adaptiveAvgPoolConcat',
    'checked',
    (inputs) => adaptiveAvgPoolConcat(inputs, [4, 4]),
    (inputs) => by.join(inputs.map((x) => by.averagePooling(x, [4, 4]))),
    [form('whole blocks of channels and others', [map(2, 32, 8, 8), map(2, 5, 4, 4), map(2, 20, 3, 3)])],
    [large, middle, map(30, 256, 16, 16)],
  ),
  one(
    'concat',
    'checked',
    concat,
    by.join,
    [form('three', [map(2, 3, 4, 3), map(2, 17, 4, 3), map(2, 1, 4, 3)], 0)],
    [middle, middle],
  ),
  one(
    'resizeBilinear',
    'none',
    ([x]) => resizeBilinear(x!, [11, 4]),
    ([x]) => by.resizing(x!, [11, 4]),
    [form('features', [map(3, 17, 5, 11)]), form('images', [map(2, 3, 20, 3)])],
    [maps(30, 1, 8, 8)],
  ),
  one(
    'grad_cam',
    'none',
    (inputs) => {
      const [activation, gradient] = inputs;
      const [n, , h, w] = activation!.shape as [number, number, number, number];
      const raw = new Tensor(activation!.device, [n, 1, h, w], 'float32', 'features');
      native(inputs).grad_cam(activation!.handle, gradient!.handle, raw.handle);
      return raw;
    },
    ([activation, gradient]) => by.camOf(activation!, gradient!),
    [form('features', [map(3, 37, 7, 9), map(3, 37, 7, 9)], 2e-6)],
    [map(10, 512, 8, 8), map(10, 512, 8, 8)],
  ),
  one(
    'unit_range',
    'none',
    (inputs) => {
      const y = emptyLike(inputs[0]!);
      native(inputs).unit_range(inputs[0]!.handle, y.handle);
      return y;
    },
    ([x]) => by.unitRange(x!),
    [form('maps', [maps(3, 1, 7, 9)]), form('features', [maps(2, 19, 3, 4)])],
    [maps(10, 1, 32, 32)],
  ),
];

const dense: Operation[] = [
  one(
    'linear',
    'checked',
    ([x, w, bias]) => linear(x!, w!, bias),
    ([x, w, bias]) => by.linearMap(x!, w!, bias),
    [
      form('without bias', [rows(1, 4), rows(2, 4)]),
      ...[
        [1, 1, 1],
        [5, 7, 3],
        [3, 16, 1],
        [31, 70, 40],
        [60, 512, 2],
        [4, 130, 1000],
      ].map(([n, depth, out]) => form(`${n}x${depth} to ${out}`, [rows(n!, depth!), rows(out!, depth!), rows(out!)])),
    ],
    [rows(60, 512), rows(512, 512), rows(512)],
  ),
  one(
    'featureNorm',
    'checked',
    ([x]) => featureNorm(x!),
    ([x]) => by.rootNormalised(x!),
    [
      form('rows', [rows(4, 19)]),
      form('long rows', [rows(60, 512)]),
      { ...form('rows that are shorter than the least', [scaled(rows(3, 17), 1e-16)]), step: 1e-18 },
      { ...form('zeros', [scaled(rows(2, 5), 0)]), step: 1e-18 },
    ],
    [rows(60, 512)],
  ),
  ...[1e-12, 0.5].map((eps) =>
    one(
      'l2Normalize',
      'checked',
      ([x]) => l2Normalize(x!, eps),
      ([x]) => by.unitRows(x!, eps),
      [
        form(`rows, at least ${eps}`, [rows(4, 19)]),
        form(`long rows, at least ${eps}`, [rows(70, 512)]),
        { ...form(`rows shorter than ${eps}`, [scaled(rows(3, 17), 1e-4 * eps)]), step: 1e-6 * eps },
        { ...form(`zeros, at least ${eps}`, [scaled(rows(2, 5), 0)]), step: 1e-6 * eps },
      ],
      [rows(60, 512)],
    ),
  ),
  ...[
    { title: 'of a matrix', shape: [5, 3], places: [4, 0, 3] },
    { title: 'of a vector', shape: [3], places: [1] },
    { title: 'of three dimensions', shape: [4, 2, 3], places: [2, 3, 0, 1] },
  ].map(({ title, shape, places }) =>
    one(
      'takeRows',
      'checked',
      ([x]) => takeRows(x!, places),
      ([x]) => by.rows(x!, places),
      [form(title, [rows(...shape)], 0)],
      [rows(60, 512)],
    ),
  ),
  one(
    'unitColumns',
    'none',
    ([w]) => {
      unitColumns(w!);
      return w!;
    },
    ([w]) => by.columnsOfUnitLength(w!),
    [form('two classes', [rows(2, 33)]), form('many', [rows(1000, 130)]), form('one number', [rows(1, 1)])],
    [rows(2, 512)],
  ),
  ...[0.995, 0.3].map((alpha) =>
    one(
      'alignHeads',
      'none',
      (heads) => [alignHeads(heads, { alpha }), ...heads],
      (heads) => by.aligned(heads, { alpha }),
      [
        form(`two, ${alpha}`, [rows(1, 5), rows(1, 5)]),
        form(`a short one of three, ${alpha}`, [rows(1, 512), scaled(rows(1, 512), 1e-3), rows(1, 512)]),
        form(
          `sixteen, ${alpha}`,
          Array.from({ length: 16 }, () => rows(1, 33)),
        ),
      ],
      [rows(1, 512), rows(1, 512), rows(1, 512)],
    ),
  ),
  one(
    'logSoftmax',
    'checked',
    ([x]) => logSoftmax(x!),
    ([x]) => by.logSoftmaxRows(x!),
    [form('rows', [rows(6, 5)]), form('1000 classes', [scaled(rows(3, 1000), 10)])],
    [rows(60, 2)],
  ),
];

const threeLabels = [0, 1, 2, 0, 1, 2, 0, 0, 1];

const losses: Operation[] = [
  one(
    'crossEntropy',
    'checked',
    ([x]) => crossEntropy(x!, cycle(x!.shape[0]!, x!.shape[1]!)),
    ([x]) => by.entropyOf(x!, cycle(x!.shape[0]!, x!.shape[1]!)),
    [
      form('rows', [rows(4, 3)]),
      form('certain', [scaled(rows(30, 2), 200)]),
      form('1000 classes', [scaled(rows(3, 1000), 10)]),
    ],
    [rows(60, 2)],
  ),
  one(
    'bceWithLogits',
    'checked',
    ([z]) => bceWithLogits(z!, cycle(z!.shape[0]!, 2)),
    ([z]) => scalar(by.binaryEntropy(z!, cycle(z!.shape[0]!, 2))),
    [
      form('rows', [rows(5)]),
      form('one', [rows(1)]),
      form('many', [scaled(rows(300), 20)]),
      form('certain and right', [given(rows(2), () => Float32Array.of(-40, 40))]),
      form('certain and wrong', [given(rows(4), () => Float32Array.of(40, -40, 0, -200))]),
    ],
    [rows(60)],
  ),
  // Of three heads, the last one with rows or without.
  ...[
    [0, 2, 1, 0, 2, 2],
    [0, 1, 1, 0, 1, 0],
  ].map((head) =>
    one(
      'perHeadBce',
      'checked',
      (heads) => {
        const { loss, perHead } = perHeadBce(heads, head, [1, 0, 0, 0, 1, 1]);
        return [loss, ...perHead];
      },
      (heads) => by.perHeadEntropy(heads, head, [1, 0, 0, 0, 1, 1]),
      [form(`three heads, rows of ${head}`, [rows(6, 1), rows(6, 1), rows(6)])],
      [rows(6, 1), rows(6, 1), rows(6)],
    ),
  ),
  ...[0.1, 0.5].map((temperature): Operation => {
    const options = { temperature, baseTemperature: 0.07 };
    const labelled = (labels: number[], input: Input, title: string): Case => ({
      title: `${title}, temperature ${temperature}`,
      inputs: [input],
      run: ([x]) => supCon(x!, labels, options),
      define: ([x]) => {
        const views = x!.shape.length === 3 ? x!.shape[1]! : 1;
        const flat = { ...x!, shape: [labels.length * views, x!.shape.at(-1)!] };
        return by.contrastive(
          flat,
          labels.flatMap((label) => new Array(views).fill(label)),
          options,
        );
      },
    });
    return {
      name: 'supCon',
      gradient: 'checked',
      cases: [
        labelled(threeLabels, rows(9, 6), 'rows'),
        labelled(cycle(40, 7), scaled(rows(40, 8), 0.3), 'seven labels'),
        labelled([3, -2, 3], rows(3, 2, 5), 'two views'),
      ],
      timed: labelled(cycle(60, 3), scaled(rows(60, 512), 0.05), 'of a step'),
    };
  }),
  one(
    'mse',
    'checked',
    ([a, b]) => mse(a!, b!),
    ([a, b]) => by.squaredError(a!, b!),
    [form('maps', [maps(2, 1, 5, 6), maps(2, 1, 5, 6)]), form('dense', [rows(30, 1001), rows(30, 1001)])],
    [maps(30, 1, 32, 32), constant(maps(30, 1, 32, 32))],
  ),
  triplets(),
];

/** Each way to choose triplets, with Euclidean and squared distances; also of one row, of one class, of no two of a class, of equal rows. */
function triplets(): Operation {
  const labelled = (title: string, labels: number[], x: Input, options: TripletOptions): Case => ({
    title: `${title}, ${options.mining}${options.squared ? ', squared' : ''}`,
    inputs: [x],
    run: ([input]) => triplet(input!, labels, options),
    define: ([input]) => by.tripletOf(input!, labels, options),
  });
  const equal = given(rows(8, 37), () => repeated(uniform(37, 1), 8));
  const cases = (['batch-hard', 'batch-all'] as const).flatMap((mining) =>
    [false, true].flatMap((squared) => {
      const options = { margin: 0.25, mining, squared };
      return [
        labelled('three labels', threeLabels, rows(9, 6), options),
        labelled('one row', [0], rows(1, 3), options),
        labelled('one label', cycle(6, 1), rows(6, 4), options),
        labelled('all labels differ', cycle(5, 9), rows(5, 4), options),
        labelled('equal rows', [0, 1, 0, 1, 2, 2, 0, 1], equal, options),
      ];
    }),
  );
  const timed = labelled('of a step', cycle(60, 4), scaled(rows(60, 512), 0.05), {
    margin: 0.1,
    mining: 'batch-hard',
    squared: false,
  });
  return { name: 'triplet', gradient: 'checked', cases, timed };
}

function repeated(row: Float32Array, times: number): Float32Array {
  return Float32Array.from({ length: row.length * times }, (_, i) => row[i % row.length]!);
}

const pixelScaling = { scale: [1 / 255, 0.02, 1.5], shift: [0, -0.5, 3] } as const;
const turns: Turn[] = [1, 0, 1].map((image, i) => ({ image, degrees: 17 + 97 * i }));
const crops: Crop[] = [
  { image: 0, box: [0, 0, 6, 8], flip: true },
  { image: 1, box: [1, 2, 3, 3], flip: false },
  { image: 1, box: [4, 4, 1, 1], flip: true },
  { image: 0, box: [0, 1, 6, 4], flip: true },
];
const colours: ColourChange[] = [
  { brightness: 1, contrast: 1, saturation: 1, hue: 0 },
  { brightness: 0.8, contrast: 1.3, saturation: 0.6, hue: 0.1 },
];
const unit = (input: Input) => scaled(input, 0.5, 0.5);

const images: Operation[] = [
  one(
    'imagesToFeatures',
    'none',
    // The pixels of a case come from its first input, which fixes device and shape.
    ([x]) => imagesToFeatures(x!.device, pixelsOf(x!.shape), [x!.shape[0]!, x!.shape[2]!, x!.shape[3]!], pixelScaling),
    ([x]) => by.pixelsToFeatures(pixelsOf(x!.shape), [x!.shape[0]!, x!.shape[2]!, x!.shape[3]!], pixelScaling),
    [form('one pixel', [map(1, 3, 1, 1)]), form('small', [map(2, 3, 5, 7)]), form('larger', [map(3, 3, 40, 33)])],
    [map(30, 3, 256, 256)],
  ),
  one(
    'scaleChannels',
    'none',
    ([x]) => scaleChannels(x!, pixelScaling),
    ([x]) => by.channelwise(x!, pixelScaling),
    [form('images', [maps(2, 3, 5, 7)])],
    [maps(30, 3, 256, 256)],
  ),
  ...(['bilinear', 'nearest'] as const).map((interpolation) =>
    one(
      'rotate',
      'none',
      ([x]) => rotate(x!, turns, interpolation),
      ([x]) => by.rotation(x!, turns, interpolation),
      [
        form(`images, ${interpolation}`, [maps(2, 3, 9, 14)], interpolation === 'nearest' ? 0 : undefined),
        form(`features, ${interpolation}`, [maps(2, 18, 7, 8)], interpolation === 'nearest' ? 0 : undefined),
      ],
      [maps(30, 3, 256, 256)],
    ),
  ),
  ...[[6, 8] as const, [4, 11] as const].map((size) =>
    one(
      'resizedCrop',
      'none',
      ([x]) => resizedCrop(x!, crops, size),
      ([x]) => by.cropping(x!, crops, size),
      [form(`images to ${size}`, [maps(2, 3, 6, 8)]), form(`features to ${size}`, [maps(2, 18, 7, 8)])],
      [maps(30, 3, 256, 256)],
    ),
  ),
  one(
    'mixColours',
    'none',
    ([x]) =>
      mixColours(
        x!,
        Array.from({ length: x!.shape[0]! }, (_, i) => colours[i % 2]!),
      ),
    ([x]) =>
      by.colouring(
        x!,
        Array.from({ length: x!.shape[0]! }, (_, i) => colours[i % 2]!),
      ),
    [form('images', [unit(maps(2, 3, 5, 7))])],
    [unit(maps(30, 3, 256, 256))],
  ),
];

function pixelsOf(shape: Shape): Uint8Array {
  return Uint8Array.from(uniform(sizeOf(shape), 8), (value) => 127.5 * (value + 1));
}

const several = [rows(1), rows(40_000), rows(17), rows(16_385)];
const bad = (value: number) => given(rows(40_000), (count) => uniform(count, 9).fill(value, 26_000, 26_001));
/** Parameters, then their gradients. */
const halves = <T>(list: T[]) => [list.slice(0, list.length / 2), list.slice(list.length / 2)] as const;
/** What a list of kernels' results is by parameter, kind by kind. */
const byKind = (results: Grid[][]) => results[0]!.flatMap((_, kind) => results.map((each) => each[kind]!));

const kernels: Operation[] = [
  one(
    'fill',
    'none',
    (inputs) => {
      native(inputs).fill(inputs[0]!.handle, 2.5);
      return inputs[0]!;
    },
    ([x]) => each(() => 2.5, x!),
    [form('features', [map(2, 37, 3, 4)], 0), form('dense', [rows(17)], 0)],
    [large],
  ),
  one(
    'accumulate',
    'none',
    (inputs) => {
      native(inputs).accumulate(inputs[0]!.handle, inputs[1]!.handle);
      return inputs[1]!;
    },
    ([x, y]) => each((a, b) => a + b, x!, y!),
    [form('features', [map(2, 37, 3, 4), map(2, 37, 3, 4)]), form('dense', [rows(17), rows(17)])],
    [large, large],
  ),
  one(
    'all_finite',
    'none',
    (inputs) => {
      const finite = new Tensor(inputs[0]!.device, [1]);
      native(inputs).all_finite(handles(inputs), finite.handle);
      return finite;
    },
    (inputs) => grid([1], () => (inputs.every(({ data }) => data.every(Number.isFinite)) ? 1 : 0)),
    [
      form('all', [...several, bad(3.4e38)], 0),
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) =>
        form(`but one ${value}`, [...several, bad(value)], 0),
      ),
      form('but one in the first', [bad(Number.NaN), ...several], 0),
    ],
    [rows(2_000_000), rows(9_000_000)],
  ),
  ...[0, 0.01].flatMap((decay) => [
    one(
      'adam',
      'none',
      (inputs) => {
        const [p, g] = halves(inputs);
        const [m, v] = [p, p].map((list) => list.map((each) => zeros(each.device, each.shape))) as [Tensor[], Tensor[]];
        for (let step = 1; step <= 3; step++) {
          native(p).adam(handles(p), handles(g), handles(m), handles(v), 0.003, 0.9, 0.999, 1e-8, decay, step, null);
        }
        return [...p, ...m, ...v];
      },
      (inputs) => {
        const [p, g] = halves(inputs);
        return byKind(p.map((each, i) => by.adamOf(each, g[i]!, 3, { lr: 0.003, decay })));
      },
      [form(`three steps, decay ${decay}`, [...several, ...several], 2e-6)],
      [rows(11_000_000), rows(11_000_000)],
    ),
    one(
      'sgd',
      'none',
      (inputs) => {
        const [p, g] = halves(inputs);
        const buffers = p.map(emptyLike); // not read in the first step
        for (let step = 1; step <= 3; step++) {
          native(p).sgd(handles(p), handles(g), handles(buffers), 0.003, 0.9, decay, step === 1, null);
        }
        return [...p, ...buffers];
      },
      (inputs) => {
        const [p, g] = halves(inputs);
        return byKind(p.map((each, i) => by.sgdOf(each, g[i]!, 3, { lr: 0.003, momentum: 0.9, decay })));
      },
      [form(`three steps, decay ${decay}`, [...several, ...several], 2e-6)],
      [rows(11_000_000), rows(11_000_000)],
    ),
  ]),
  // Where a number is not finite, nothing moves.
  ...(['adam', 'sgd'] as const).map((name) =>
    one(
      name,
      'none',
      (inputs) => {
        const [p, g, m, v] = inputs.map(({ handle }) => [handle]) as [Handle[], Handle[], Handle[], Handle[]];
        const finite = tensor(inputs[0]!.device, [0], [1]).handle;
        if (name === 'adam') native(inputs).adam(p, g, m, v, 0.1, 0.9, 0.9, 1e-8, 0, 1, finite);
        else native(inputs).sgd(p, g, m, 1, 0, 0, true, finite);
        return inputs;
      },
      (inputs) => inputs,
      [form('held', [rows(3), rows(3), rows(3), rows(3)], 0)],
      [rows(3), rows(3), rows(3), rows(3)],
    ),
  ),
];

/** Some have several entries, whose cases differ in more than their inputs. */
const entries = [...elementwise, convolutions(), batchNorms(), ...pooling, ...dense, ...losses, ...images, ...kernels];

/** By name. */
export const operations: Operation[] = [...new Set(entries.map(({ name }) => name))].map((name) => {
  const same = entries.filter((entry) => entry.name === name);
  return { ...same[0]!, cases: same.flatMap(({ cases }) => cases) };
});
