/**
 * The addon's surface in types: the one door between TypeScript and C++.
 *
 * `Kernels` mirrors src/native/kernels.h method by method; shapes, units and errors are documented there. Every call checks its
 * arguments, queues the work and returns at once; the work runs later, in order, off the JavaScript thread.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf, WorkError } from '../base/errors.js';
import { buildCommand, packageFolder } from '../base/packageFolder.js';

/** A live tensor of one device. */
export type Handle = number;

/** bfloat16: features only. */
export const dtypes = { float32: 0, int32: 1, uint8: 2, bfloat16: 3 } as const;
export type DType = keyof typeof dtypes;
/** What activations and their gradients may be stored in. */
export type FeatureType = 'float32' | 'bfloat16';

export const layouts = { dense: 0, features: 1, packed: 2 } as const;
export type Layout = keyof typeof layouts;

export const descriptors = { vanilla: 0, ldc: 1, 'ldc-paper': 2, cdc: 3, 'ldc-cross': 4, 'ldc-diagonal': 5 } as const;
export const convAlgorithms = { auto: 0, direct: 1, winograd: 2 } as const;
export type ConvAlgorithm = keyof typeof convAlgorithms;
export const convPasses = { forward: 0, dataGrad: 1 } as const;
export const minings = { 'batch-hard': 0, 'batch-all': 1 } as const;
export type Mining = keyof typeof minings;

/** `Conv2d` of kernels.h. */
export interface Conv2dDescription {
  height: number;
  width: number;
  stride: number;
  padding: number;
  algorithm: number;
  dtype: number;
  descriptor: number;
  constant: number;
}

type Optional = Handle | null;
type Triple = readonly [number, number, number];

export interface Kernels {
  fill(y: Handle, value: number): void;
  scale(x: Handle, factor: number, y: Handle): void;
  add(a: Handle, b: Handle, y: Handle): void;
  accumulate(x: Handle, y: Handle): void;
  multiply(a: Handle, b: Handle, y: Handle): void;
  multiply_scalar(x: Handle, s: Handle, y: Handle): void;
  relu_forward(x: Handle, y: Handle): void;
  relu_backward(y: Handle, dy: Handle, dx: Handle): void;

  to_features(x: Handle, y: Handle): void;
  to_dense(x: Handle, y: Handle): void;
  convert(x: Handle, y: Handle): void;
  images_to_features(x: Handle, scale: Triple, shift: Triple, y: Handle): void;
  copy_channels(x: Handle, from: number, y: Handle, to: number, count: number): void;

  dropout_mask(y: Handle, p: number, seed: number, purpose: number, step: number): void;

  conv2d_packed_elements(conv: Conv2dDescription, out: number, inn: number, kernel: number, pass: number): number;
  conv2d_pack(conv: Conv2dDescription, w: Handle, m: Optional, theta: Optional, pass: number, packed: Handle): void;
  conv2d_forward(conv: Conv2dDescription, x: Handle, packed: Handle, kernel: number, bias: Optional, y: Handle): void;
  conv2d_data_grad(conv: Conv2dDescription, dy: Handle, packed: Handle, kernel: number, dx: Handle): void;
  conv2d_weight_grad(
    conv: Conv2dDescription,
    x: Handle,
    dy: Handle,
    w: Handle,
    m: Optional,
    theta: Optional,
    dw: Handle,
    dm: Optional,
    dtheta: Optional,
    dbias: Optional,
  ): void;

  batch_norm_moments(
    x: Handle,
    eps: number,
    momentum: number,
    mean: Handle,
    invStd: Handle,
    runningMean: Handle,
    runningVar: Handle,
  ): void;
  batch_norm_inv_std(variance: Handle, eps: number, invStd: Handle): void;
  batch_norm_forward(
    x: Handle,
    mean: Handle,
    invStd: Handle,
    gamma: Handle,
    beta: Handle,
    residual: Optional,
    relu: boolean,
    y: Handle,
  ): void;
  batch_norm_backward(
    x: Handle,
    y: Optional,
    dy: Handle,
    mean: Handle,
    invStd: Handle,
    gamma: Handle,
    training: boolean,
    dx: Handle,
    dresidual: Optional,
    dgamma: Handle,
    dbeta: Handle,
  ): void;

  max_pool2d_forward(x: Handle, kernel: number, stride: number, padding: number, y: Handle, taps: Handle): void;
  max_pool2d_backward(dy: Handle, taps: Handle, kernel: number, stride: number, padding: number, dx: Handle): void;
  adaptive_avg_pool2d_forward(x: Handle, y: Handle, channel: number): void;
  adaptive_avg_pool2d_backward(dy: Handle, channel: number, dx: Handle): void;
  global_avg_pool_forward(x: Handle, y: Handle): void;
  global_avg_pool_backward(dy: Handle, dx: Handle): void;
  resize_bilinear(x: Handle, y: Handle): void;
  rotate(x: Handle, images: Handle, turns: Handle, nearest: boolean, y: Handle): void;
  resized_crop(x: Handle, crops: Handle, y: Handle): void;
  mix_colours(x: Handle, colours: Handle, y: Handle): void;

  linear_forward(x: Handle, w: Handle, b: Optional, y: Handle): void;
  linear_data_grad(dy: Handle, w: Handle, dx: Handle): void;
  linear_weight_grad(x: Handle, dy: Handle, dw: Handle, db: Optional): void;
  feature_norm_forward(x: Handle, y: Handle): void;
  feature_norm_backward(x: Handle, dy: Handle, dx: Handle): void;
  l2_normalize_forward(x: Handle, eps: number, y: Handle): void;
  l2_normalize_backward(x: Handle, dy: Handle, eps: number, dx: Handle): void;
  take_rows(x: Handle, rows: Handle, y: Handle): void;
  unit_columns(w: Handle): void;
  align_heads(w: Handle[], alpha: number, eps: number, cosine: Handle): void;

  log_softmax_forward(x: Handle, y: Handle): void;
  log_softmax_backward(y: Handle, dy: Handle, dx: Handle): void;
  cross_entropy(logits: Handle, labels: Handle, loss: Handle, dlogits: Optional): void;
  bce_with_logits(logits: Handle, labels: Handle, loss: Handle, dlogits: Optional): void;
  mse(a: Handle, b: Handle, loss: Handle, da: Optional): void;
  triplet(
    x: Handle,
    labels: Handle,
    margin: number,
    mining: number,
    squared: boolean,
    loss: Handle,
    dx: Optional,
  ): void;

  supcon(x: Handle, labels: Handle, temperature: number, baseTemperature: number, loss: Handle, dx: Optional): void;

  grad_cam(activation: Handle, gradient: Handle, raw: Handle): void;
  unit_range(x: Handle, y: Handle): void;

  all_finite(x: Handle[], finite: Handle): void;
  adam(
    p: Handle[],
    g: Handle[],
    m: Handle[],
    v: Handle[],
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    step: number,
    finite: Optional,
  ): void;
  sgd(
    p: Handle[],
    g: Handle[],
    buffer: Handle[],
    lr: number,
    momentum: number,
    weightDecay: number,
    first: boolean,
    finite: Optional,
  ): void;
}

/** Bytes; `growths` counts how often memory was taken from the system, `tensors` the live handles. */
export interface MemoryStats {
  live: number;
  peak: number;
  reserved: number;
  growths: number;
  tensors: number;
}

/** Time of one piece of work while profiling is on. */
export interface WorkTime {
  name: string;
  label: string;
  seconds: number;
}

/** What became of the parts of steps that ran as graphs (src/native/device.h); all zero where there are none. */
export interface GraphCounts {
  updated: number;
  made: number;
  remade: number;
}

export interface NativeDevice extends Kernels {
  readonly description: string;
  readonly threads: number;
  create(dtype: number, layout: number, shape: readonly number[]): Handle;
  release(tensor: Handle): void;
  upload(tensor: Handle, data: ArrayBufferView): void;
  download(tensor: Handle): Promise<ArrayBuffer>;
  prefetch(data: ArrayBufferView): void;
  memory(): MemoryStats;
  graphs(): GraphCounts;
  beginStep(): void;
  endStep(): void;
  profile(on: boolean): void;
  label(text: string): void;
  takeTimes(): WorkTime[];
}

/** What the processor does at best, measured (src/native/cpu/peak.h). */
export interface MachinePeak {
  isa: string;
  /** Fused multiply-adds in registers, two operations each. */
  fmaGflops: number;
  /** Products of bf16 tiles; null where there are none. */
  tileGflops: number | null;
  /** Triad over arrays far larger than the caches. */
  bandwidthGbS: number;
}

/** What convolutions multiply in; sums are float32 always. Bf16 is what activations are stored in too; the CPU has no tf32. */
export const precisions = ['fp32', 'tf32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

export interface Addon {
  /** `cuda` where it was built; `cuda-emulated`, with an order of threads and checks, in the tests' addon alone. */
  Device: new (
    name: 'cpu' | 'cuda' | 'cuda-emulated',
    threads?: number,
    precision?: Precision,
    seed?: number,
    checks?: boolean,
  ) => NativeDevice;
  processors: number;
  measurePeak(threads: number): MachinePeak;
  /** Fixtures, layers and recorded steps on a device (src/native/check/program.h): blocks, prints, and returns an exit status. */
  check(words: readonly string[]): number;
  cuda(): CudaState;
}

export interface CudaState {
  built: boolean;
  /** Why there is no device `cuda`, for people; empty where there is one. */
  unusable: string;
  /** Build, driver and GPUs, one a line. */
  summary: string;
  /** What is known of each GPU, by its number. */
  gpus: string[];
}

let loaded: Addon | undefined;

/** Loads the addon once. Throws a WorkError that says how to build it when it is not there. */
export function addon(): Addon {
  if (loaded !== undefined) return loaded;
  const path = addonPath();
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
    return loaded;
  } catch (error) {
    throw new WorkError(
      `the native addon ${path} cannot be loaded (${messageOf(error)})`,
      `build it: ${buildCommand('build:native')}`,
    );
  }
}

/** The addon of this checkout or package. */
export function addonPath(): string {
  return join(packageFolder, 'build/Release/ldc.node');
}
