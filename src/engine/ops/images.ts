/** Pixels to network input. */

import type { Device } from '../device.js';
import { Tensor } from '../tensor.js';

type Triple = readonly [number, number, number];

/** y = pixel · scale + shift, by channel. */
export interface PixelScaling {
  scale: Triple;
  shift: Triple;
}

/** Pixels [N,H,W,3] (RGB, 0…255) → features [N,3,H,W]. */
export function imagesToFeatures(
  device: Device,
  pixels: Uint8Array,
  [count, height, width]: Triple,
  { scale, shift }: PixelScaling,
): Tensor {
  const bytes = new Tensor(device, [count, height, width, 3], 'uint8').set(pixels);
  const y = new Tensor(device, [count, 3, height, width], 'float32', 'features');
  const write = () => device.native.images_to_features(bytes.handle, scale, shift, y.handle);
  write();
  y.recipe = { inputs: [bytes], write };
  return y;
}
