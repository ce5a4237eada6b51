/**
 * What a GPU can be expected to need for a whole training step: every kernel that the recorded step launches, by the bytes it moves, the
 * instructions its warps issue (cudaInstructions.json, from the disassembly) and, for convolutions, tensor cores and shared memory
 * (cudaRoofline.ts). Nothing here is measured. `node dist/experiments/bench/cudaStep.js` prints the tables of docs/cuda.md and writes
 * cudaExpected.json, for `ldc doctor --gpu`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFolder } from '../../src/base/packageFolder.js';
import { dtypes } from '../../src/engine/native.js';
import { featureBytes, type Gpu, gpus, type Pass, type Precision, predictTiles, stored, up } from './cudaRoofline.js';

const folder = join(packageFolder, 'experiments/bench');

/** Seconds from the end of a kernel of a graph to the start of the next: what is told of H100 and A100, about a microsecond. */
const gap = 1e-6;
/** Seconds that a kernel takes at least, from its first block to its last byte. */
const least = 2e-6;

type Counts = Record<string, [once: number, loop: number]>;
const instructions = JSON.parse(readFileSync(join(folder, 'cudaInstructions.json'), 'utf8')) as Record<string, Counts>;

interface Tensor {
  shape: number[];
  features: boolean;
  /** Of an element. */
  bytes: number;
  /** With padding, of features. */
  channels: number;
}
interface Call {
  name: string;
  conv?: { stride: number; padding: number; descriptor: number };
  /** By argument; undefined where it is no tensor. */
  tensors: (Tensor | undefined)[];
  lists: Tensor[][];
}
/** One launch: warps that issue `once` and, so often, `loop` of a kernel. */
interface Launch {
  kernel: string;
  warps: number;
  trips?: number;
  bytes: number;
}

/** Elements in memory. */
const size = ({ shape, features, channels }: Tensor) =>
  features ? shape[0]! * channels * shape[2]! * shape[3]! : shape.reduce((product, extent) => product * extent, 1);
const bytesOf = (...tensors: (Tensor | undefined)[]) =>
  tensors.reduce((sum, tensor) => sum + (tensor === undefined ? 0 : size(tensor) * tensor.bytes), 0);

/** The calls of the recorded step. */
function recordedCalls(precision: Precision): Call[] {
  const name = precision === 'bf16' ? 'ldcnet-train-bf16' : 'ldcnet-train';
  const recording = JSON.parse(readFileSync(join(folder, `steps/${name}.json`), 'utf8')) as {
    setup: unknown[][];
    run: unknown[][];
  };
  const tensors = new Map<unknown, Tensor>();
  const calls: Call[] = [];
  const tensorOf = (value: unknown) => (typeof value === 'number' ? tensors.get(value) : undefined);
  for (const [part, list] of [
    ['setup', recording.setup],
    ['run', recording.run],
  ] as const) {
    for (const [name, ...args] of list) {
      if (name === 'create') {
        const [handle, type, layout, shape] = args as [number, number, number, number[]];
        const bytes = type === dtypes.uint8 ? 1 : type === dtypes.bfloat16 ? 2 : 4;
        const channels = stored(shape[1] ?? 1, type === dtypes.float32 ? 'tf32' : 'bf16');
        tensors.set(handle, { shape, features: layout === 1, bytes, channels });
      } else if (name === 'create_packed') {
        const [handle, , out, inn, kernel] = args as number[];
        const shape = [stored(out!, precision), stored(inn!, precision), kernel!, kernel!];
        tensors.set(handle!, { shape, features: false, bytes: featureBytes(precision), channels: 0 });
      } else if (part === 'run' && !['release', 'upload', 'download'].includes(name as string)) {
        const conv = typeof args[0] === 'object' && !Array.isArray(args[0]) ? (args[0] as Call['conv']) : undefined;
        const positional = arguments_[name as string] ?? args.map((_, i) => i);
        calls.push({
          name: name as string,
          conv: conv ?? undefined,
          tensors: positional.map((i) => tensorOf(args[i])),
          lists: args
            .filter((arg) => Array.isArray(arg))
            .map((arg) => (arg as unknown[]).flatMap((each) => tensorOf(each) ?? [])),
        });
      }
    }
  }
  return calls;
}

/** Which arguments are tensors, where others are numbers that a handle could be. */
const arguments_: Record<string, number[]> = {
  conv2d_pack: [1, 2, 3, 5],
  conv2d_forward: [1, 2, 4, 5],
  conv2d_data_grad: [1, 2, 4],
  conv2d_weight_grad: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  batch_norm_moments: [0, 3, 4, 5, 6],
  batch_norm_forward: [0, 1, 2, 3, 4, 5, 7],
  batch_norm_backward: [0, 1, 2, 3, 4, 5, 7, 8, 9, 10],
  max_pool2d_forward: [0, 4, 5],
  max_pool2d_backward: [0, 1, 5],
  adaptive_avg_pool2d_forward: [0, 1],
  adaptive_avg_pool2d_backward: [0, 2],
  images_to_features: [0, 3],
  scale: [0, 2],
  fill: [0],
  dropout_mask: [0],
  triplet: [0, 1, 5, 6],
  adam: [],
  all_finite: [1],
};

// ---- the launches of a call, as src/native/cuda/kernels makes them ---------------------------------------------------------------

const threads = 256;
/** How the kernel is called that reads and writes such features. */
const typed = (kernel: string, { bytes }: Tensor) => (bytes === 2 ? `${kernel} bf16` : kernel);
/** A thread an element. */
const each = (kernel: string, count: number, bytes: number, trips = 0): Launch => ({
  kernel: `each:${kernel}`,
  warps: up(count, 32),
  trips,
  bytes,
});

/** Sums of columns of features, in two launches (launch.h). */
function columns(name: string, x: Tensor, groups: number, rows: number, count: number, bytes: number): Launch[] {
  const chunkRows = up(up(rows, 256), 64) * 64;
  const chunks = up(rows, chunkRows);
  const across = up(count, 32) * groups * 8;
  const shares = groups * chunks * count * 16;
  return [
    { kernel: typed(`column_shares:${name}`, x), warps: across * chunks, trips: chunkRows / 64, bytes: bytes + shares },
    { kernel: `column_sums:${name}`, warps: across, trips: up(chunks, 8), bytes: shares },
  ];
}

/** A block a line of a result (pooling.cu). */
function lines(name: string, y: Tensor, channels: number, bytes: number): Launch {
  const [n, , rows, width] = y.shape;
  const lineCount = n! * rows!;
  return {
    kernel: typed(`lines:${name}`, y),
    warps: lineCount * 8,
    trips: up((width! * channels) / 4, threads),
    bytes,
  };
}

/** Chunks of many parameters (optimizers.cu). */
function chunks(kernel: string, list: readonly Tensor[], most: number, bytes: number): Launch[] {
  const blocks = list.reduce((sum, tensor) => sum + up(size(tensor), 16 * threads), 0);
  const launches = up(list.length, most);
  const one = { kernel, warps: (blocks * 8) / launches, trips: 16, bytes: bytes / launches };
  return Array.from({ length: launches }, () => one);
}

const pixels = ({ shape: [n, , h, w] }: Tensor) => n! * h! * w!;

const launchesOf: Record<string, (call: Call) => Launch[]> = {
  batch_norm_moments: ({ name, tensors: [x] }) => columns(name, x!, 1, pixels(x!), x!.shape[1]!, bytesOf(x)),
  batch_norm_forward: ({ name, tensors: [x, , , , , residual, y] }) => [
    each(typed(name, x!), size(x!) / 4, bytesOf(x, residual, y)),
  ],
  batch_norm_backward: ({ name, tensors: [x, y, dy, , , , dx, residual] }) => [
    ...columns(name, x!, 1, pixels(x!), x!.channels, bytesOf(x, y, dy, residual)),
    each(typed(name, x!), size(x!) / 4, bytesOf(x, y, dy, dx)),
  ],
  max_pool2d_forward: ({ name, tensors: [x, y, taps] }) => [lines(name, y!, y!.channels, bytesOf(x, y, taps))],
  max_pool2d_backward: ({ name, tensors: [dy, taps, dx] }) => [lines(name, dx!, dx!.channels, bytesOf(dy, taps, dx))],
  adaptive_avg_pool2d_forward: ({ name, tensors: [x, y] }) => [
    lines(name, y!, x!.shape[1]!, bytesOf(x) + (bytesOf(y) * x!.shape[1]!) / y!.channels),
  ],
  adaptive_avg_pool2d_backward: ({ name, tensors: [dy, dx] }) => [
    lines(name, dx!, dx!.channels, bytesOf(dx) + (bytesOf(dy) * dx!.shape[1]!) / dy!.channels),
  ],
  global_avg_pool_backward: ({ name, tensors: [dy, dx] }) => [lines(name, dx!, dx!.channels, bytesOf(dy, dx))],
  global_avg_pool_forward: ({ name, tensors: [x, y] }) =>
    columns(name, x!, x!.shape[0]!, x!.shape[2]! * x!.shape[3]!, x!.shape[1]!, bytesOf(x, y)),
  images_to_features: ({ name, tensors: [x, y] }) => [each(typed(name, y!), pixels(y!), bytesOf(x, y))],
  convert: ({ name, tensors: [x, y] }) => [each(name, size(y!) / 4, bytesOf(x, y))],
  accumulate: ({ name, tensors: [x, y] }) => [
    { kernel: typed(`map:${name}`, x!), warps: up(size(x!), 128), bytes: bytesOf(x, y, y) },
  ],
  conv2d_pack: ({ name, tensors: [w, m, , packed] }) => [
    each(typed(name, packed!), size(packed!) / w!.shape[2]! ** 2, bytesOf(w, m, packed), w!.shape[2]! ** 2),
  ],
  adam: ({ lists: [p, g, m, v] }) =>
    chunks('update:adam', p!, 64, bytesOf(...p!, ...p!, ...g!, ...m!, ...m!, ...v!, ...v!)),
  all_finite: ({ lists: [x] }) => [each('fill', 1, 4), ...chunks('all_finite', x!, 128, bytesOf(...x!))],
};

/** What a weight gradient launches behind its products. */
function behindWeightGrad({ name, conv, tensors }: Call, parts: number): Launch[] {
  const [x, , w, , , dw, dm, theta] = tensors;
  const [out, inn, kernel] = w!.shape as [number, number, number];
  const precision = x!.bytes === 2 ? 'bf16' : 'tf32';
  const sums = stored(out, precision) * stored(inn, precision) * kernel ** 2;
  const read = 4 * sums * parts;
  if (conv!.descriptor === 0) return [each(name, size(w!), read + bytesOf(dw), up(parts, 8))];
  const blocks = up(out * inn, 32);
  const gradient = {
    kernel: 'descriptor',
    warps: 9 * blocks,
    trips: up(parts, 8),
    bytes: read + bytesOf(w, dw, dm) + 8 * blocks,
  };
  const shares = { kernel: `sum:${name}`, warps: 8, trips: up(blocks, 8 * threads), bytes: 8 * blocks };
  return theta === undefined ? [gradient] : [gradient, shares];
}

export interface KernelTime {
  name: string;
  launches: number;
  /** Seconds: expected, of the bytes alone, of the instructions alone, and of tensor cores and shared memory. */
  expected: number;
  memory: number;
  issue: number;
  tensor: number;
}

/** Every kernel of the step on one GPU, by name, the longest first. */
export function predictStep(gpu: Gpu, precision: Precision): { kernels: KernelTime[]; gaps: number; step: number } {
  const counts = instructions[gpu.generation]!;
  const slots = gpu.multiprocessors * 4 * gpu.gigahertz * 1e9; // warp instructions a second
  const bandwidth = gpu.gigabytesPerSecond * 1e9;
  const kernels = new Map<string, KernelTime>();
  let launched = 0;
  const add = (name: string, time: Omit<KernelTime, 'name' | 'launches' | 'expected'>) => {
    const expected = Math.max(time.memory, time.issue, time.tensor, least);
    const known = kernels.get(name) ?? { name, launches: 0, expected: 0, memory: 0, issue: 0, tensor: 0 };
    known.launches++;
    known.expected += expected;
    for (const key of ['memory', 'issue', 'tensor'] as const) known[key] += time[key];
    kernels.set(name, known);
    launched++;
  };
  const addLaunch = (name: string, { kernel, warps, trips = 0, bytes }: Launch) => {
    const [once, loop] = counts[kernel] ?? [0, 0];
    if (counts[kernel] === undefined)
      throw new Error(`cudaInstructions.json has no ${kernel}: node scripts/cuda-instructions.js`);
    add(name, { memory: bytes / bandwidth, issue: (warps * (once + trips * loop)) / slots, tensor: 0 });
  };
  for (const call of recordedCalls(precision)) {
    const pass = (
      { conv2d_forward: 'forward', conv2d_data_grad: 'data-grad', conv2d_weight_grad: 'weight-grad' } as const
    )[call.name];
    if (pass !== undefined) {
      const { kernel, warps, steps, blocks, tensor, bytes, parts } = predictTiles(
        gpu,
        layerOf(call, pass),
        pass,
        precision,
      );
      const [once, loop] = counts[kernel] ?? [0, 0];
      if (counts[kernel] === undefined) throw new Error(`cudaInstructions.json has no ${kernel}`);
      // Of the busiest multiprocessor.
      const issue = (up(blocks, gpu.multiprocessors) * warps * (once + steps * loop)) / (slots / gpu.multiprocessors);
      add(call.name, { memory: bytes / bandwidth, issue, tensor });
      if (pass === 'weight-grad')
        for (const launch of behindWeightGrad(call, parts)) addLaunch('conv2d_weight_grad, sums', launch);
      continue;
    }
    const launches = launchesOf[call.name];
    if (launches === undefined)
      add('small ones', { memory: bytesOf(...call.tensors) / bandwidth, issue: 0, tensor: 0 });
    else for (const launch of launches(call)) addLaunch(call.name, launch);
  }
  const sorted = [...kernels.values()].sort((a, b) => b.expected - a.expected);
  const gaps = launched * gap;
  return { kernels: sorted, gaps, step: sorted.reduce((sum, { expected }) => sum + expected, gaps) };
}

/** The convolution that a call computes, as its forward pass. */
function layerOf({ conv, tensors }: Call, pass: Pass) {
  const [first, second] = tensors as [Tensor, Tensor];
  const last = tensors.at(-1)!;
  const [x, y, kernel] =
    pass === 'forward'
      ? [first, last, second.shape[2]!]
      : pass === 'data-grad'
        ? [last, first, second.shape[2]!]
        : [first, second, tensors[2]!.shape[2]!];
  return {
    batch: x.shape[0]!,
    layer: {
      name: '',
      inn: x.shape[1]!,
      side: x.shape[2]!,
      out: y.shape[1]!,
      kernel,
      stride: conv!.stride,
      padding: conv!.padding,
    },
  };
}

function main(): void {
  const milliseconds = (seconds: number) => (1e3 * seconds).toFixed(2);
  const precisions: Precision[] = ['tf32', 'bf16'];
  console.log(
    `| GPU | ${precisions.map((name) => `${name}: expected, ms | ${name}: measured, ms`).join(' | ')} |\n|---|---|---|---|---|`,
  );
  for (const gpu of gpus) {
    console.log(
      `| ${gpu.name} | ${precisions.map((name) => `${milliseconds(predictStep(gpu, name).step)} | `).join(' | ')} |`,
    );
  }
  for (const [name, precision] of [
    ['H100 SXM', 'tf32'],
    ['H100 SXM', 'bf16'],
    ['A100 80 GB', 'tf32'],
  ] as const) {
    const { kernels, gaps } = predictStep(gpus.find((gpu) => gpu.name === name)!, precision);
    console.log(
      `\n${name}, ${precision}\n\n| kernel | launches | bytes, ms | instructions, ms | tensor cores and shared memory, ms | expected, ms |\n|---|---|---|---|---|---|`,
    );
    for (const each of kernels) {
      const cells = [each.memory, each.issue, each.tensor, each.expected].map(milliseconds);
      console.log(`| ${each.name} | ${each.launches} | ${cells.join(' | ')} |`);
    }
    console.log(`| gaps between them | | | | | ${milliseconds(gaps)} |`);
  }
  const expected = Object.fromEntries(
    gpus.map((gpu) => [
      gpu.name
        .split(' ')
        .slice(0, gpu.name.startsWith('RTX') ? 2 : 1)
        .join(' '),
      Number((1e3 * predictStep(gpu, 'tf32').step).toFixed(2)),
    ]),
  );
  writeFileSync(join(folder, 'cudaExpected.json'), `${JSON.stringify(expected, null, 2)}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
