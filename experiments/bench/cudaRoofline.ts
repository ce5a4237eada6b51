/**
 * What a GPU can be expected to need for LDCNet's convolutions in TF32: FLOP, bytes and what bounds them, layer by layer, and a
 * prediction from the tiles of src/native/cuda/kernels. Nothing here is measured. `node dist/experiments/bench/cudaRoofline.js`
 * prints the tables of docs/cuda.md.
 */
import { pathToFileURL } from 'node:url';
import { type ConvLayer, convLayers, flops, outputSide } from './layers.js';

export interface Gpu {
  name: string;
  multiprocessors: number;
  /** Dense TF32 with float32 sums, at the clock of the data sheet. */
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
  { name: 'A100 80 GB', multiprocessors: 108, teraflops: 156, gigabytesPerSecond: 2039, gigahertz: 1.41, ...whole },
  { name: 'H100 SXM', multiprocessors: 132, teraflops: 494.7, gigabytesPerSecond: 3350, gigahertz: 1.83, ...hopper },
  { name: 'H200', multiprocessors: 132, teraflops: 494.7, gigabytesPerSecond: 4800, gigahertz: 1.83, ...hopper },
  { name: 'RTX 4090', multiprocessors: 128, teraflops: 82.6, gigabytesPerSecond: 1008, gigahertz: 2.52, ...whole },
];

export type Pass = 'forward' | 'data-grad' | 'weight-grad';
export const passes: readonly Pass[] = ['forward', 'data-grad', 'weight-grad'];

/** How often LDCNet has a layer of convLayers(). */
const times: Record<string, number> = {
  layer1: 4,
  layer2: 3,
  layer3: 3,
  layer4: 3,
  'estimator 448-128': 2,
  'estimator 128-64': 2,
  'estimator 64-1': 2,
};

/** Bytes a clock that shared memory gives a multiprocessor. */
const sharedBytesPerClock = 128;

const up = (a: number, b: number) => Math.ceil(a / b);
/** features.h */
const stored = (channels: number) => (channels <= 4 ? 4 : up(channels, 8) * 8);

const weights = (layer: ConvLayer) => layer.out * layer.inn * layer.kernel ** 2;

/** Float32 operands read once and the result written once. */
export function bytes(layer: ConvLayer, batch: number): number {
  const x = batch * layer.side ** 2 * stored(layer.inn);
  const y = batch * outputSide(layer) ** 2 * stored(layer.out);
  return 4 * (x + y + weights(layer));
}

interface Tiles {
  blocks: number;
  /** Written and read in addition to operands and results: the parts of a weight gradient. */
  extraBytes: number;
  /** FLOP of one block, padding of its tile included. */
  flop: number;
  /** Bytes through shared memory for one FLOP: copies in, and what warps load. */
  sharedBytes: number;
}

/** Implicit multiplication by tiles of 128 pixels x 128 or 64 channels (conv2d.cu, conv2d_wgmma.cu). */
function convTiles(layer: ConvLayer, batch: number, pass: Pass, wgmma: boolean): Tiles {
  const transposed = pass === 'data-grad';
  const [to, from] = transposed ? [layer.inn, layer.out] : [layer.out, layer.inn];
  const side = transposed ? layer.side : outputSide(layer);
  const classes = transposed ? layer.stride : 1; // pixels by their remainder, each with a share of the taps
  const down = up(batch * up(side, classes) ** 2, 128) * classes ** 2;
  const n = stored(to) <= 64 || down * up(stored(to), 128) < (wgmma ? 67 : 264) ? 64 : 128;
  const step = wgmma ? 32 : 16;
  const depth = up((layer.kernel ** 2 * stored(from)) / classes ** 2, step) * step;
  // Rows of both operands that are read for a step of K: 64 + 32 a warp, or once all pixels and all channels for each warp group.
  const reads = wgmma ? 128 + 2 * n : (128 / 64) * (n / 32) * (64 + 32);
  return {
    blocks: down * up(stored(to), n),
    extraBytes: 0,
    flop: 2 * 128 * n * depth,
    sharedBytes: (4 * (128 + n) + 4 * reads) / (2 * 128 * n),
  };
}

/** Tiles of 64 or 128 output channels x 128 (tap, input channel) pairs, the pixels in parts (conv2d_weight_grad.cu). */
function weightGradTiles(layer: ConvLayer, batch: number, hopper: boolean): Tiles {
  const pixels = batch * outputSide(layer) ** 2;
  const across = up(layer.kernel ** 2 * stored(layer.inn), 128);
  const tiles = up(stored(layer.out), 64) * across;
  const wanted = Math.min(Math.max(1, Math.round(512 / tiles)), up(pixels, 256), 256);
  const partPixels = up(up(pixels, wanted), 16) * 16;
  const parts = up(pixels, partPixels);
  const m = hopper && stored(layer.out) > 64 ? 128 : 64;
  return {
    extraBytes: 4 * 2 * parts * weights(layer),
    blocks: up(stored(layer.out), m) * across * parts,
    flop: 2 * m * 128 * partPixels,
    sharedBytes: (4 * (m + 128) + 4 * 4 * (m / 2 + 64)) / (2 * m * 128),
  };
}

export interface Prediction {
  /** Seconds of the roofline: the FLOP at peak or the bytes at full bandwidth, whichever takes longer. */
  roofline: number;
  /** Seconds: with all bytes, whole tiles, whole blocks a multiprocessor and the bandwidth of shared memory. */
  predicted: number;
  bound: 'tensor cores' | 'memory' | 'shared memory';
}

export function predict(gpu: Gpu, layer: ConvLayer, batch: number, pass: Pass): Prediction {
  const peak = gpu.teraflops * 1e12;
  const bandwidth = gpu.gigabytesPerSecond * 1e9;
  const wgmma = gpu.hopper && pass !== 'weight-grad';
  const { blocks, extraBytes, flop, sharedBytes } =
    pass === 'weight-grad' ? weightGradTiles(layer, batch, gpu.hopper) : convTiles(layer, batch, pass, wgmma);
  const memory = (bytes(layer, batch) + extraBytes) / bandwidth;
  const perMultiprocessor = up(blocks, gpu.multiprocessors) * flop; // of the busiest one
  const tensor = perMultiprocessor / ((peak * (wgmma ? 1 : gpu.mmaSync)) / gpu.multiprocessors);
  const shared = (perMultiprocessor * sharedBytes) / (sharedBytesPerClock * gpu.gigahertz * 1e9);
  const predicted = Math.max(memory, tensor, shared);
  const bound = predicted === memory ? 'memory' : predicted === tensor ? 'tensor cores' : 'shared memory';
  const roofline = Math.max((batch * flops(layer)) / peak, bytes(layer, batch) / bandwidth);
  return { roofline, predicted, bound };
}

export interface StepPrediction {
  convolutions: number;
  roofline: number;
  /** Batch norm, activations and the optimiser, all bound by memory. */
  rest: number;
}

/** Seconds of one training step: every layer in all passes (the first has no data gradient), and the bytes of what is between. */
export function predictStep(gpu: Gpu, batch: number, size: number): StepPrediction {
  const sum: StepPrediction = { convolutions: 0, roofline: 0, rest: 0 };
  // Passes over an activation: moments 1, batch norm with relu 2, its gradient 7, the sum of a residual block and its gradient 2.
  const passesOverActivation = 12;
  let parameters = 0;
  let activation = 0;
  for (const layer of convLayers(size)) {
    const count = times[layer.name] ?? 1;
    parameters += count * layer.out * layer.inn * layer.kernel ** 2;
    activation += count * batch * outputSide(layer) ** 2 * stored(layer.out);
    for (const pass of passes) {
      if (layer.name === 'conv1' && pass === 'data-grad') continue;
      const { predicted, roofline } = predict(gpu, layer, batch, pass);
      sum.convolutions += count * predicted;
      sum.roofline += count * roofline;
    }
  }
  // Adam reads four and writes three numbers a parameter; packing reads one and writes one, twice.
  const moved = 4 * (passesOverActivation * activation + (7 + 4) * parameters);
  sum.rest = moved / (gpu.gigabytesPerSecond * 1e9);
  return sum;
}

function main(batch: number, size: number): void {
  const microseconds = (seconds: number) => (seconds * 1e6).toFixed(0);
  const head = gpus.map(({ name }) => `${name}, µs (share of roofline; bound)`).join(' | ');
  console.log(`| layer | pass | GFLOP | MB | ${head} |\n|---|---|---|---|${'---|'.repeat(gpus.length)}`);
  for (const layer of convLayers(size)) {
    for (const pass of passes) {
      if (layer.name === 'conv1' && pass === 'data-grad') continue;
      const cells = gpus.map((gpu) => {
        const { predicted, roofline, bound } = predict(gpu, layer, batch, pass);
        return `${microseconds(predicted)} (${Math.round((100 * roofline) / predicted)} %; ${bound})`;
      });
      const size = [(batch * flops(layer)) / 1e9, bytes(layer, batch) / 1e6].map((value) => value.toFixed(1));
      console.log(
        `| ${layer.name} ×${times[layer.name] ?? 1} | ${pass} | ${size.join(' | ')} | ${cells.join(' | ')} |`,
      );
    }
  }
  console.log(
    '\n| GPU | convolutions, ms | share of the TF32 roofline | the rest, ms | step, ms |\n|---|---|---|---|---|',
  );
  for (const gpu of gpus) {
    const { convolutions, roofline, rest } = predictStep(gpu, batch, size);
    const [c, r, all] = [convolutions, rest, convolutions + rest].map((seconds) => (1e3 * seconds).toFixed(1));
    console.log(`| ${gpu.name} | ${c} | ${Math.round((100 * roofline) / convolutions)} % | ${r} | ${all} |`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main(30, 256);
