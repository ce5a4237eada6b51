/** Float images in linear light, and the few operations that drawing, media and capture share. */

/** Interleaved RGB in linear light, rows from the top: `data` is `[height, width, 3]`. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Linear RGB, 0…1. */
export type Colour = readonly [number, number, number];

/** `a` at t = 0, `b` at 1. */
export function mixColour(a: Colour, b: Colour, t: number): Colour {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export function createImage(width: number, height: number): Image {
  return { width, height, data: new Float32Array(width * height * 3) };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** 0 below `from`, 1 above `to`, a cubic between. */
export function smoothstep(from: number, to: number, value: number): number {
  const t = clamp((value - from) / (to - from), 0, 1);
  return t * t * (3 - 2 * t);
}

const waveSteps = 4096;
const waveTable = Float32Array.from({ length: waveSteps }, (_, i) => Math.cos((2 * Math.PI * i) / waveSteps));

/** Cosine of so many turns, from a table: screens and stripes ask for millions. */
export function wave(turns: number): number {
  return waveTable[Math.floor((turns - Math.floor(turns)) * waveSteps)]!;
}

/** Bilinear value at pixel coordinates (0 is the centre of the first pixel), edges repeated; written to `out[0..2]`. */
export function sampleInto(out: Float32Array, image: Image, x: number, y: number): void {
  const { width, height, data } = image;
  const cx = clamp(x, 0, width - 1);
  const cy = clamp(y, 0, height - 1);
  const x0 = Math.min(cx | 0, width - 2);
  const y0 = Math.min(cy | 0, height - 2);
  const fx = cx - x0;
  const fy = cy - y0;
  const top = (y0 * width + x0) * 3;
  const bottom = top + width * 3;
  const w00 = (1 - fx) * (1 - fy);
  const w01 = fx * (1 - fy);
  const w10 = (1 - fx) * fy;
  const w11 = fx * fy;
  for (let c = 0; c < 3; c++) {
    out[c] = w00 * data[top + c]! + w01 * data[top + 3 + c]! + w10 * data[bottom + c]! + w11 * data[bottom + 3 + c]!;
  }
}

/** Separable Gaussian of standard deviation `sigma` pixels, edges repeated; `image` itself below a tenth of a pixel. */
export function gaussianBlur(image: Image, sigma: number): Image {
  if (sigma < 0.1) return image;
  const { width, height, data } = image;
  const radius = Math.max(1, Math.ceil(2.5 * sigma));
  const kernel = new Float32Array(2 * radius + 1);
  let sum = 0;
  for (let k = -radius; k <= radius; k++) sum += kernel[k + radius] = Math.exp((-0.5 * k * k) / (sigma * sigma));
  for (let k = 0; k < kernel.length; k++) kernel[k]! /= sum;
  const rows = new Float32Array(data.length);
  convolveLines(rows, data, kernel, { lines: height, length: width, lineStep: width * 3, step: 3 });
  const out = createImage(width, height);
  convolveLines(out.data, rows, kernel, { lines: width, length: height, lineStep: 3, step: width * 3 });
  return out;
}

/** How the pixels of one direction lie in memory. */
interface Lines {
  lines: number;
  length: number;
  lineStep: number;
  step: number;
}

function convolveLines(out: Float32Array, data: Float32Array, kernel: Float32Array, layout: Lines): void {
  const { lines, length, lineStep, step } = layout;
  const radius = (kernel.length - 1) >> 1;
  for (let line = 0; line < lines; line++) {
    const base = line * lineStep;
    for (let i = 0; i < length; i++) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let k = -radius; k <= radius; k++) {
        const j = i + k;
        const at = base + (j < 0 ? 0 : j >= length ? length - 1 : j) * step;
        const weight = kernel[k + radius]!;
        r += weight * data[at]!;
        g += weight * data[at + 1]!;
        b += weight * data[at + 2]!;
      }
      const to = base + i * step;
      out[to] = r;
      out[to + 1] = g;
      out[to + 2] = b;
    }
  }
}

const curveSteps = 4096;

/** A curve over 0…1 as a table for `onCurve`. */
export function tabulate(curve: (value: number) => number): Float32Array {
  return Float32Array.from({ length: curveSteps + 1 }, (_, i) => curve(i / curveSteps));
}

/** Value of a tabulated curve, its argument clipped to 0…1. */
export function onCurve(table: Float32Array, value: number): number {
  return table[(clamp(value, 0, 1) * curveSteps + 0.5) | 0]!;
}

const encodeTable = tabulate((v) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
/** Linear light of each 8-bit sRGB value. */
const decodeTable = Float32Array.from({ length: 256 }, (_, i) => {
  const v = i / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

/** sRGB transfer function (IEC 61966-2-1), linear light to display value; both in 0…1, clipped. */
export function encodeSrgb(linear: number): number {
  return onCurve(encodeTable, linear);
}

/** 8-bit sRGB `[height, width, 3]` to linear light. */
export function imageFromBytes(width: number, height: number, bytes: Uint8Array): Image {
  const image = createImage(width, height);
  for (let i = 0; i < image.data.length; i++) image.data[i] = decodeTable[bytes[i]!]!;
  return image;
}
