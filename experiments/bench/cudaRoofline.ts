/**
 * What a GPU can be expected to need for a convolution: tensor cores, shared memory and bytes, from the tiles of src/native/cuda/kernels.
 * Nothing here is measured; the step is in cudaStep.ts.
 */
import { type ConvLayer, outputSide } from './layers.js';

export interface Gpu {
  name: string;
  /** Of the code that runs on it, in cudaInstructions.json. */
  generation: string;
  multiprocessors: number;
  /** Dense TF32 with float32 sums, at the clock of the data sheet; BF16 is twice that. */
  teraflops: number;
  gigabytesPerSecond: number;
  gigahertz: number;
  /** What mma.sync reaches of that rate. */
  mmaSync: number;
  /** Of compute capability 9.0: warp-group MMA for forward pass and data gradient, larger tiles for the weight gradient. */
  hopper: boolean;
}

/**
 * On Hopper, mma.sync was measured at 62.9 % of the peak on average (Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU
 * Architecture via Microbenchmarking", 2024); only warp-group MMA reaches it.
 */
const hopper = { mmaSync: 0.629, hopper: true };
const whole = { mmaSync: 1, hopper: false };

/** NVIDIA's data sheets and architecture papers. */
export const gpus: readonly Gpu[] = [
  {
    name: 'A100 80 GB',
    generation: '80',
    multiprocessors: 108,
    teraflops: 156,
    gigabytesPerSecond: 2039,
    gigahertz: 1.41,
    ...whole,
  },
  {
    name: 'H100 SXM',
    generation: '90',
    multiprocessors: 132,
    teraflops: 494.7,
    gigabytesPerSecond: 3350,
    gigahertz: 1.83,
    ...hopper,
  },
  {
    name: 'H200',
    generation: '90',
    multiprocessors: 132,
    teraflops: 494.7,
    gigabytesPerSecond: 4800,
    gigahertz: 1.83,
    ...hopper,
  },
  {
    name: 'RTX 4090',
    generation: '89',
    multiprocessors: 128,
    teraflops: 82.6,
    gigabytesPerSecond: 1008,
    gigahertz: 2.52,
    ...whole,
  },
];

export type Pass = 'forward' | 'data-grad' | 'weight-grad';
export type Precision = 'tf32' | 'bf16';

/** Bytes a clock that shared memory gives a multiprocessor. */
const sharedBytesPerClock = 128;

export const up = (a: number, b: number) => Math.ceil(a / b);
/** Of an element of features. */
export const featureBytes = (precision: Precision) => (precision === 'bf16' ? 2 : 4);
/** features.h */
export const stored = (channels: number, precision: Precision) =>
  channels <= 4 && precision === 'tf32' ? 4 : up(channels, 8) * 8;

const weights = (layer: ConvLayer) => layer.out * layer.inn * layer.kernel ** 2;

/** Operands read once and the result written once; gradients of weights are float32. */
export function bytes(layer: ConvLayer, batch: number, pass: Pass, precision: Precision): number {
  const x = batch * layer.side ** 2 * stored(layer.inn, precision);
  const y = batch * outputSide(layer) ** 2 * stored(layer.out, precision);
  const width = featureBytes(precision);
  return width * (x + y) + (pass === 'weight-grad' ? 4 : width) * weights(layer);
}

interface Tiles {
  /** In cudaInstructions.json. */
  kernel: string;
  blocks: number;
  warps: number;
  /** Steps of K of a block. */
  steps: number;
  /** Written in addition to operands and results: the parts of a weight gradient. */
  parts: number;
  /** FLOP of one block, padding of its tile included. */
  flop: number;
  /** Bytes through shared memory for one FLOP: copies in, and what warps load. */
  sharedBytes: number;
}

/** Implicit multiplication by tiles of 128 pixels x 128 or 64 channels (conv2d.cu, conv2d_wgmma.cu). */
function convTiles(layer: ConvLayer, batch: number, pass: Pass, precision: Precision, wgmma: boolean): Tiles {
  const transposed = pass === 'data-grad';
  const [to, from] = transposed ? [layer.inn, layer.out] : [layer.out, layer.inn];
  const side = transposed ? layer.side : outputSide(layer);
  const classes = transposed ? layer.stride : 1; // pixels by their remainder, each with a share of the taps
  const down = up(batch * up(side, classes) ** 2, 128) * classes ** 2;
  const [written, read] = [stored(to, precision), stored(from, precision)];
  const n = written <= 64 || down * up(written, 128) < (wgmma ? 67 : 264) ? 64 : 128;
  const width = featureBytes(precision);
  const step = (wgmma ? 128 : 64) / width;
  const steps = up((layer.kernel ** 2 * read) / classes ** 2, step);
  // Rows of both operands that are read for a step of K: 64 + 32 a warp, or once all pixels and all channels for each warp group.
  const reads = wgmma ? 128 + 2 * n : (128 / 64) * (n / 32) * (64 + 32);
  return {
    kernel: wgmma ? `conv2d_wgmma:Wgmma${n}${precision}` : `conv2d:Mma${n}${precision}`,
    blocks: down * up(written, n),
    warps: wgmma ? 8 : n / 16,
    steps,
    parts: 0,
    flop: 2 * 128 * n * steps * step,
    sharedBytes: (width * (128 + n + reads)) / (2 * 128 * n),
  };
}

/** Tiles of 64 or 128 output channels x 128 (tap, input channel) pairs, the pixels in parts (conv2d_weight_grad.cu). */
function weightGradTiles(layer: ConvLayer, batch: number, precision: Precision, hopper: boolean): Tiles {
  const pixels = batch * outputSide(layer) ** 2;
  const [out, width] = [stored(layer.out, precision), featureBytes(precision)];
  const step = 64 / width;
  const across = up(layer.kernel ** 2 * stored(layer.inn, precision), 128);
  const tiles = up(out, 64) * across;
  const wanted = Math.min(Math.max(1, Math.round(512 / tiles)), up(pixels, 256), 256);
  const partPixels = up(up(pixels, wanted), step) * step;
  const parts = up(pixels, partPixels);
  const m = hopper && out > 64 ? 128 : 64;
  return {
    kernel: `weight_grad:Mma${m}${precision}`,
    blocks: up(out, m) * across * parts,
    warps: 4,
    steps: partPixels / step,
    parts,
    flop: 2 * m * 128 * partPixels,
    sharedBytes: (width * (m + 128 + 4 * (m / 2 + 64))) / (2 * m * 128),
  };
}

export interface Prediction extends Tiles {
  /** Seconds of tensor cores or shared memory, whichever takes longer: whole tiles, whole blocks a multiprocessor. */
  tensor: number;
  /** Operands and results once, and the parts written. */
  bytes: number;
}

export function predictTiles(
  gpu: Gpu,
  { layer, batch }: { layer: ConvLayer; batch: number },
  pass: Pass,
  precision: Precision,
): Prediction {
  const wgmma = gpu.hopper && pass !== 'weight-grad';
  const tiles =
    pass === 'weight-grad'
      ? weightGradTiles(layer, batch, precision, gpu.hopper)
      : convTiles(layer, batch, pass, precision, wgmma);
  const peak = gpu.teraflops * 1e12 * (precision === 'bf16' ? 2 : 1) * (wgmma ? 1 : gpu.mmaSync);
  const busiest = up(tiles.blocks, gpu.multiprocessors) * tiles.flop;
  const cores = busiest / (peak / gpu.multiprocessors);
  const shared = (busiest * tiles.sharedBytes) / (sharedBytesPerClock * gpu.gigahertz * 1e9);
  const parts = 4 * tiles.parts * stored(layer.out, precision) * stored(layer.inn, precision) * layer.kernel ** 2;
  return { ...tiles, tensor: Math.max(cores, shared), bytes: bytes(layer, batch, pass, precision) + parts };
}
