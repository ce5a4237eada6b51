/** How stored pixels become network input (method, section 2). */
import type { PixelScaling } from '../engine/ops/images.js';

export const normalizations = ['unit', 'imagenet', 'released'] as const;
export type Normalization = (typeof normalizations)[number];

const imagenetMean = [0.485, 0.456, 0.406] as const;
const imagenetStd = [0.229, 0.224, 0.225] as const;

/** `unit`: pixel / 255. `imagenet`: unit, then minus mean, over std. `released`: pixel / 255², as the released arrays seem to be. */
export function pixelScaling(normalization: Normalization): PixelScaling {
  const same = (value: number) => [value, value, value] as const;
  if (normalization === 'unit') return { scale: same(1 / 255), shift: same(0) };
  if (normalization === 'released') return { scale: same(1 / 255 ** 2), shift: same(0) };
  const [r, g, b] = imagenetStd;
  const [meanR, meanG, meanB] = imagenetMean;
  return { scale: [1 / 255 / r, 1 / 255 / g, 1 / 255 / b], shift: [-meanR / r, -meanG / g, -meanB / b] };
}

/** Pixels [count,size,size,3], 0…255, as network input [count,3,size,size] on the host: value = pixel · scale + shift, by channel. */
export function normalizedPixels(
  pixels: Uint8Array,
  count: number,
  size: number,
  { scale, shift }: PixelScaling,
): Float32Array {
  const area = size * size;
  const values = new Float32Array(count * 3 * area);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < 3; c++) {
      const [factor, offset, start] = [scale[c]!, shift[c]!, (3 * n + c) * area];
      for (let k = 0; k < area; k++) values[start + k] = pixels[3 * (n * area + k) + c]! * factor + offset;
    }
  }
  return values;
}
