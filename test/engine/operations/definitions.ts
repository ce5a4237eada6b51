/** What every operation computes, by its definition, in double precision: plain loops, to be read beside the comments of kernels.h. */
import type { ConvWeight } from '../../../src/engine/ops/conv2d.js';
import type { Box, ColourChange, Crop, PixelScaling, Turn } from '../../../src/engine/ops/images.js';
import type { SupConOptions, TripletOptions } from '../../../src/engine/ops/losses.js';
import { Philox } from '../../../src/engine/random.js';
import { sizeOf } from '../helpers.js';

/** Values in row-major order, features as [N,C,H,W]. */
export interface Grid {
  shape: readonly number[];
  data: Float64Array;
}

export function grid(shape: readonly number[], value: (i: number) => number = () => 0): Grid {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => value(i)) };
}

export const scalar = (value: number): Grid => grid([], () => value);

/** f of the elements in the same place. */
export function each(f: (...values: number[]) => number, ...[first, ...others]: Grid[]): Grid {
  return grid(first!.shape, (i) => f(first!.data[i]!, ...others.map(({ data }) => data[i]!)));
}

const sum = (values: Iterable<number>) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
const mean = (values: ArrayLike<number>) => sum(Array.from(values)) / values.length;
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const four = (shape: readonly number[]) => shape as [number, number, number, number];

/** Rows of [N,D]. */
const rowsOf = ({ shape, data }: Grid) => {
  const depth = shape[shape.length - 1]!;
  return range(data.length / depth).map((i) => data.subarray(i * depth, (i + 1) * depth));
};
const byRows = (x: Grid, f: (row: Float64Array) => ArrayLike<number>): Grid => {
  const values = rowsOf(x).flatMap((row) => Array.from(f(row)));
  return grid(x.shape, (i) => values[i]!);
};
const product = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};
const lengthOf = (row: ArrayLike<number>) => Math.sqrt(product(row, row));

/** Which taps of a kernel of nine a descriptor adds up. */
const summed = {
  ldc: range(9),
  'ldc-cross': [1, 3, 4, 5, 7],
  'ldc-diagonal': [0, 2, 4, 6, 8],
} as Record<string, number[]>;

/** The weight [O,I,K,K] that a convolution of a kind multiplies by (method, section 1). */
export function effectiveWeight(
  w: Grid,
  { descriptor, constant = 0 }: Pick<ConvWeight, 'descriptor' | 'constant'>,
  m?: Grid,
  theta?: Grid,
): Grid {
  if (descriptor === 'vanilla') return w;
  if (descriptor === 'ldc-paper') return each((value, mask) => value * (1 - constant + constant * mask), w, m!);
  return grid(w.shape, (i) => {
    const pair = Math.floor(i / 9);
    if (i % 9 !== 4) return w.data[i]!;
    const taps = summed[descriptor] ?? range(9);
    const around = sum(taps.map((tap) => w.data[9 * pair + tap]!));
    if (descriptor === 'cdc') return w.data[i]! - constant * around;
    return w.data[i]! * (1 - theta!.data[0]! * m!.data[pair]! * around);
  });
}

export function convolution(x: Grid, w: Grid, stride: number, padding: number, bias?: Grid): Grid {
  const [n, channels, height, width] = four(x.shape);
  const [out, , k] = four(w.shape);
  const [oh, ow] = [height, width].map((size) => Math.floor((size + 2 * padding - k) / stride) + 1) as [number, number];
  const y = grid([n, out, oh, ow]);
  let at = 0;
  for (let image = 0; image < n; image++)
    for (let o = 0; o < out; o++)
      for (let top = -padding; top < oh * stride - padding; top += stride)
        for (let left = -padding; left < ow * stride - padding; left += stride) {
          let total = bias?.data[o] ?? 0;
          for (let c = 0; c < channels; c++)
            for (let row = Math.max(0, -top); row < Math.min(k, height - top); row++) {
              const from = ((image * channels + c) * height + top + row) * width + left;
              const tap = ((o * channels + c) * k + row) * k;
              for (let column = Math.max(0, -left); column < Math.min(k, width - left); column++)
                total += x.data[from + column]! * w.data[tap + column]!;
            }
          y.data[at++] = total;
        }
  return y;
}

/** y, and the running statistics after it. */
export function batchNormalisation(
  [x, gamma, beta, residual]: readonly Grid[],
  running: { mean: Grid; variance: Grid },
  { training, relu, eps = 1e-5, momentum = 0.1 }: { training: boolean; relu: boolean; eps?: number; momentum?: number },
): Grid[] {
  const [, channels, height, width] = four(x!.shape);
  const channelOf = (i: number) => Math.floor(i / (height * width)) % channels;
  const count = x!.data.length / channels;
  const average = (value: (i: number) => number) => {
    const result = grid([channels]);
    x!.data.forEach((_, i) => {
      result.data[channelOf(i)]! += value(i) / count;
    });
    return result;
  };
  const centre = training ? average((i) => x!.data[i]!) : running.mean;
  const variance = training ? average((i) => (x!.data[i]! - centre.data[channelOf(i)]!) ** 2) : running.variance;
  const moved = (old: Grid, now: Grid) => each((a, b) => (1 - momentum) * a + momentum * b, old, now);
  const unbiased = each((value) => (value * count) / (count - 1), variance);
  const y = grid(x!.shape, (i) => {
    const c = channelOf(i);
    const normal = (x!.data[i]! - centre.data[c]!) / Math.sqrt(variance.data[c]! + eps);
    const value = gamma!.data[c]! * normal + beta!.data[c]! + (residual?.data[i] ?? 0);
    return relu && value < 0 ? 0 : value;
  });
  if (!training) return [y, running.mean, running.variance];
  return [y, moved(running.mean, centre), moved(running.variance, unbiased)];
}

/** Each plane [H,W] of features to another, by what is at (row, column) of it. */
function byPlane(
  x: Grid,
  [height, width]: readonly [number, number],
  value: (at: (row: number, column: number) => number, row: number, column: number) => number,
): Grid {
  const [n, channels, h, w] = four(x.shape);
  const size = height * width;
  return grid([n, channels, height, width], (i) => {
    const plane = Math.floor(i / size) * h * w;
    return value((row, column) => x.data[plane + row * w + column]!, Math.floor((i % size) / width), i % width);
  });
}

export function maxPooling(x: Grid, k: number, stride: number, padding: number): Grid {
  const [, , h, w] = four(x.shape);
  const extent = (size: number) => Math.floor((size + 2 * padding - k) / stride) + 1;
  return byPlane(x, [extent(h), extent(w)], (at, row, column) => {
    const [top, left] = [row * stride - padding, column * stride - padding];
    const rows = range(k).map((i) => top + i);
    const inside = rows.filter((r) => r >= 0 && r < h);
    return Math.max(
      ...inside.flatMap((r) => range(k).flatMap((j) => (left + j >= 0 && left + j < w ? at(r, left + j) : []))),
    );
  });
}

export function averagePooling(x: Grid, [height, width]: readonly [number, number]): Grid {
  const [, , h, w] = four(x.shape);
  const bin = (i: number, from: number, to: number) => {
    const first = Math.floor((i * from) / to);
    return range(Math.ceil(((i + 1) * from) / to) - first).map((k) => first + k);
  };
  return byPlane(x, [height, width], (at, row, column) =>
    mean(bin(row, h, height).flatMap((r) => bin(column, w, width).map((c) => at(r, c)))),
  );
}

/** Joined along the channels. */
export function join(inputs: readonly Grid[]): Grid {
  const [n, , h, w] = four(inputs[0]!.shape);
  const parts = range(n).flatMap((image) =>
    inputs.flatMap(({ shape, data }) =>
      Array.from(data.subarray(image * shape[1]! * h * w, (image + 1) * shape[1]! * h * w)),
    ),
  );
  return grid([n, sum(inputs.map(({ shape }) => shape[1]!)), h, w], (i) => parts[i]!);
}

export function globalAverage(x: Grid): Grid {
  return { ...averagePooling(x, [1, 1]), shape: x.shape.slice(0, 2) };
}

/** Of a plane h x w at a place between its pixels, clamped at the border. */
function between(
  at: (row: number, column: number) => number,
  h: number,
  w: number,
  row: number,
  column: number,
): number {
  const [y, x] = [Math.min(Math.max(row, 0), h - 1), Math.min(Math.max(column, 0), w - 1)];
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [Math.min(top + 1, h - 1), Math.min(left + 1, w - 1)];
  const [v, u] = [y - top, x - left];
  return (
    (1 - v) * ((1 - u) * at(top, left) + u * at(top, right)) + v * ((1 - u) * at(bottom, left) + u * at(bottom, right))
  );
}

/** Where the centre of pixel i of `to` is among `from` pixels. */
const centreOf = (i: number, from: number, to: number) => ((i + 0.5) * from) / to - 0.5;

export function resizing(x: Grid, [height, width]: readonly [number, number]): Grid {
  const [, , h, w] = four(x.shape);
  return byPlane(x, [height, width], (at, row, column) =>
    between(at, h, w, centreOf(row, h, height), centreOf(column, w, width)),
  );
}

/** Some images of features, each changed in its own way, as one batch. */
function imageByImage<T extends { image: number }>(
  x: Grid,
  items: readonly T[],
  change: (image: Grid, item: T) => Grid,
): Grid {
  const size = sizeOf(x.shape.slice(1));
  const made = items.map((item) =>
    change(
      { shape: [1, ...x.shape.slice(1)], data: x.data.subarray(item.image * size, (item.image + 1) * size) },
      item,
    ),
  );
  const values = made.flatMap(({ data }) => Array.from(data));
  return grid([items.length, ...made[0]!.shape.slice(1)], (i) => values[i]!);
}

export function rotation(x: Grid, turns: readonly Turn[], interpolation: 'bilinear' | 'nearest'): Grid {
  const [, , h, w] = four(x.shape);
  return imageByImage(x, turns, (image, { degrees }) => {
    const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return byPlane(image, [h, w], (at, row, column) => {
      const [dx, dy] = [column - (w - 1) / 2, row - (h - 1) / 2];
      const [sx, sy] = [(w - 1) / 2 + dx * cosine - dy * sine, (h - 1) / 2 + dx * sine + dy * cosine];
      const there = (r: number, c: number) => (r >= 0 && r < h && c >= 0 && c < w ? at(r, c) : 0);
      if (interpolation === 'nearest') return there(Math.floor(sy + 0.5), Math.floor(sx + 0.5));
      const [top, left] = [Math.floor(sy), Math.floor(sx)];
      const taps = [0, 1].flatMap((down) => [0, 1].map((across) => [top + down, left + across] as const));
      return sum(taps.map(([r, c]) => there(r, c) * (1 - Math.abs(sy - r)) * (1 - Math.abs(sx - c))));
    });
  });
}

export function cropping(x: Grid, crops: readonly Crop[], size: readonly [number, number]): Grid {
  return imageByImage(x, crops, (image, { box, flip }) => {
    const [top, left, h, w]: Box = box;
    return byPlane(image, size, (at, row, column) => {
      const from = flip ? size[1] - 1 - column : column;
      return between((r, c) => at(top + r, left + c), h, w, centreOf(row, h, size[0]), centreOf(from, w, size[1]));
    });
  });
}

/** Red, green and blue of pixel p to luma and chroma (NTSC), changed, and back by solving for what has those. */
export function colouring(x: Grid, changes: readonly ColourChange[]): Grid {
  const toYiq = [
    [0.299, 0.587, 0.114],
    [0.5959, -0.2746, -0.3213],
    [0.2115, -0.5227, 0.3112],
  ] as const;
  const size = x.shape[2]! * x.shape[3]!;
  const items = changes.map((change, image) => ({ ...change, image }));
  return imageByImage(x, items, (image, { brightness, contrast, saturation, hue }) => {
    const pixel = (p: number) => [0, 1, 2].map((c) => brightness * image.data[c * size + p]!);
    const grey = mean(range(size).map((p) => product(toYiq[0], pixel(p))));
    const colours = range(size).map((p) => {
      const rgb = pixel(p).map((value) => contrast * value + (1 - contrast) * grey);
      const [y, i, q] = toYiq.map((row) => product(row, rgb)) as [number, number, number];
      const [cosine, sine] = [saturation * Math.cos(2 * Math.PI * hue), saturation * Math.sin(2 * Math.PI * hue)];
      return solve(toYiq, [y, cosine * i - sine * q, sine * i + cosine * q]);
    });
    return grid(image.shape, (i) => Math.min(1, Math.max(0, colours[i % size]![Math.floor(i / size)]!)));
  });
}

/** Cramer's rule for three unknowns. */
function solve(m: readonly (readonly number[])[], b: readonly number[]): number[] {
  const determinant = (rows: readonly (readonly number[])[]) => {
    const [a, b, c, d, e, f, g, h, i] = rows.flat() as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  };
  const all = determinant(m);
  return [0, 1, 2].map((k) => determinant(m.map((row, r) => row.map((value, c) => (c === k ? b[r]! : value)))) / all);
}

/** Pixels [N,H,W,3], of which the values are whole numbers, to features [N,3,H,W]. */
export function pixelsToFeatures(
  pixels: ArrayLike<number>,
  [n, h, w]: readonly number[],
  { scale, shift }: PixelScaling,
): Grid {
  return grid([n!, 3, h!, w!], (i) => {
    const [image, c, p] = [Math.floor(i / (3 * h! * w!)), Math.floor(i / (h! * w!)) % 3, i % (h! * w!)];
    return pixels[(image * h! * w! + p) * 3 + c]! * scale[c]! + shift[c]!;
  });
}

/** By the channel of [N,C,H,W]. */
export function channelwise(x: Grid, { scale, shift }: PixelScaling): Grid {
  const [, channels, h, w] = four(x.shape);
  return grid(x.shape, (i) => {
    const c = Math.floor(i / (h * w)) % channels;
    return x.data[i]! * scale[c]! + shift[c]!;
  });
}

export function linearMap(x: Grid, w: Grid, bias?: Grid): Grid {
  const outputs = rowsOf(w);
  return {
    shape: [x.shape[0]!, outputs.length],
    data: Float64Array.from(rowsOf(x).flatMap((row) => outputs.map((o, k) => product(row, o) + (bias?.data[k] ?? 0)))),
  };
}

/** Each row divided by a number that its length gives. */
const divided = (x: Grid, divisor: (length: number) => number): Grid =>
  byRows(x, (row) => {
    const by = divisor(lengthOf(row));
    return row.map((value) => value / by);
  });

export const rootNormalised = (x: Grid): Grid => divided(x, (length) => Math.sqrt(2 * Math.max(length, 1e-12)));
export const unitRows = (x: Grid, eps: number): Grid => divided(x, (length) => Math.max(length, eps));

export function rows(x: Grid, places: readonly number[]): Grid {
  const size = sizeOf(x.shape.slice(1));
  return grid([places.length, ...x.shape.slice(1)], (i) => x.data[places[Math.floor(i / size)]! * size + (i % size)]!);
}

export function columnsOfUnitLength(w: Grid): Grid {
  const [outputs, depth] = w.shape as [number, number];
  const lengths = range(depth).map((k) => lengthOf(range(outputs).map((o) => w.data[o * depth + k]!)));
  return grid(w.shape, (i) => w.data[i]! / lengths[i % depth]!);
}

/** Mean cosine of all pairs before, and the heads after. */
export function aligned(heads: readonly Grid[], { alpha, eps = 1e-10 }: { alpha: number; eps?: number }): Grid[] {
  const unit = heads.map((head) => head.data.map((value) => value / (lengthOf(head.data) + eps)));
  const cosines = unit.flatMap((a, k) => unit.slice(0, k).map((b) => product(a, b)));
  const turned = heads.map((head, k) => {
    const others = range(heads.length).filter((j) => j !== k);
    const far = others.reduce((best, j) => (product(unit[k]!, unit[j]!) < product(unit[k]!, unit[best]!) ? j : best));
    const mixed = unit[k]!.map((value, i) => alpha * value + (1 - alpha) * unit[far]![i]!);
    return grid(head.shape, (i) => (mixed[i]! * lengthOf(head.data)) / (lengthOf(mixed) + eps));
  });
  return [scalar(mean(cosines)), ...turned];
}

export const logSoftmaxRows = (x: Grid): Grid =>
  byRows(x, (row) => {
    const largest = Math.max(...row);
    const log = largest + Math.log(sum(row.map((value) => Math.exp(value - largest))));
    return row.map((value) => value - log);
  });

export function entropyOf(logits: Grid, labels: readonly number[]): Grid {
  const logs = rowsOf(logSoftmaxRows(logits));
  return scalar(-mean(labels.map((label, i) => logs[i]![label]!)));
}

/** Of the rows whose label is 0 or 1; 0 where there is none. */
export function binaryEntropy(logits: Grid, labels: readonly number[]): number {
  const terms = labels.flatMap((label, i) => {
    if (label !== 0 && label !== 1) return [];
    const wrong = label === 1 ? -logits.data[i]! : logits.data[i]!;
    return Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong)));
  });
  return terms.length === 0 ? 0 : mean(terms);
}

export const perHeadEntropy = (logits: readonly Grid[], head: readonly number[], labels: readonly number[]): Grid[] => {
  const terms = logits.map((z, k) =>
    binaryEntropy(
      z,
      labels.map((label, i) => (head[i] === k ? label : -1)),
    ),
  );
  return [scalar(mean(terms)), ...terms.map(scalar)];
};

export const squaredError = (a: Grid, b: Grid): Grid => scalar(mean(each((x, y) => (x - y) ** 2, a, b).data));

/** Of rows, `labels` one a row; NaN where a label stands once. */
export function contrastive(x: Grid, labels: readonly number[], { temperature, baseTemperature }: SupConOptions): Grid {
  const all = rowsOf(x);
  const terms = all.map((anchor, a) => {
    const others = range(all.length).filter((j) => j !== a);
    const similar = (j: number) => product(anchor, all[j]!) / temperature;
    const log = Math.log(sum(others.map((j) => Math.exp(similar(j)))));
    return mean(others.filter((j) => labels[j] === labels[a]).map((j) => similar(j) - log));
  });
  return scalar((-temperature / baseTemperature) * mean(terms));
}

/** Method, section 4. Where all labels agree the nearest negative of batch-hard is the anchor itself, raised by its largest distance. */
export function tripletOf(x: Grid, labels: readonly number[], { margin, mining, squared }: TripletOptions): Grid {
  const all = rowsOf(x);
  const distances = all.map((a) =>
    all.map((b) => {
      const square = sum(a.map((value, k) => (value - b[k]!) ** 2));
      return squared ? square : Math.sqrt(square);
    }),
  );
  if (mining === 'batch-hard') {
    const terms = distances.map((d, a) => {
      const same = (j: number) => labels[j] === labels[a];
      const positive = Math.max(...d.filter((_, j) => same(j)));
      const negative = Math.min(...d.map((value, j) => (same(j) ? value + Math.max(...d) : value)));
      return Math.max(0, positive - negative + margin);
    });
    return scalar(mean(terms));
  }
  const violations = distances.flatMap((d, a) =>
    d.flatMap((positive, p) => {
      if (p === a || labels[p] !== labels[a]) return [];
      return d.flatMap((negative, n) => (labels[n] === labels[a] ? [] : positive - negative + margin));
    }),
  );
  const counted = violations.filter((value) => value > 1e-16);
  return scalar(sum(counted) / (counted.length + 1e-16));
}

/** ReLU of the channels, each weighted by the mean of its gradient: [N,1,H,W]. */
export function camOf(activation: Grid, gradient: Grid): Grid {
  const [n, channels, h, w] = four(activation.shape);
  const weights = globalAverage(gradient).data;
  return grid([n, 1, h, w], (i) => {
    const [image, p] = [Math.floor(i / (h * w)), i % (h * w)];
    const terms = range(channels).map(
      (c) => weights[image * channels + c]! * activation.data[(image * channels + c) * h * w + p]!,
    );
    return Math.max(0, sum(terms));
  });
}

export function unitRange(x: Grid): Grid {
  const size = sizeOf(x.shape.slice(1));
  const images = range(x.shape[0]!).map((i) => x.data.subarray(i * size, (i + 1) * size));
  const low = images.map((image) => Math.min(...image));
  const high = images.map((image) => Math.max(...image));
  return grid(x.shape, (i) => {
    const image = Math.floor(i / size);
    return (x.data[i]! - low[image]!) / (1e-7 + high[image]! - low[image]!);
  });
}

/** Kept elements are 1 / (1 − p): word i of Philox keeps element i. */
export function keptBy(
  p: number,
  count: number,
  { seed, purpose, step }: { seed: number; purpose: number; step: number },
): Grid {
  const random = new Philox(seed, purpose, step);
  return grid([count], () => (random.nextUint32() >= Math.floor(p * 2 ** 32) ? 1 / (1 - p) : 0));
}

/** Some steps with the same gradient: parameter, first and second moment. */
export function adamOf(p: Grid, g: Grid, steps: number, { lr, decay }: { lr: number; decay: number }): Grid[] {
  let [at, m, v] = [p, grid(p.shape), grid(p.shape)];
  for (let step = 1; step <= steps; step++) {
    const slope = each((gradient, value) => gradient + decay * value, g, at);
    m = each((old, value) => 0.9 * old + 0.1 * value, m, slope);
    v = each((old, value) => 0.999 * old + 0.001 * value * value, v, slope);
    const rate = lr / (1 - 0.9 ** step);
    at = each((value, a, b) => value - (rate * a) / (Math.sqrt(b) / Math.sqrt(1 - 0.999 ** step) + 1e-8), at, m, v);
  }
  return [at, m, v];
}

/** Some steps with the same gradient: parameter and buffer. */
export function sgdOf(
  p: Grid,
  g: Grid,
  steps: number,
  { lr, momentum, decay }: { lr: number; momentum: number; decay: number },
): Grid[] {
  let [at, buffer] = [p, grid(p.shape)];
  for (let step = 1; step <= steps; step++) {
    const slope = each((gradient, value) => gradient + decay * value, g, at);
    buffer = step === 1 ? slope : each((old, value) => momentum * old + value, buffer, slope);
    at = each((value, b) => value - lr * b, at, buffer);
  }
  return [at, buffer];
}
