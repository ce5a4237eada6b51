/** Pixels to network input, and what augmentation does to images in between. Not differentiated. */
import { UserError } from '../../base/errors.js';
import type { Device } from '../device.js';
import type { FeatureType } from '../native.js';
import { emptyLike, Tensor, tensor } from '../tensor.js';

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
  dtype: FeatureType = device.featureType,
): Tensor {
  const bytes = new Tensor(device, [count, height, width, 3], 'uint8').set(pixels);
  const y = new Tensor(device, [count, 3, height, width], dtype, 'features');
  const write = () => device.native.images_to_features(bytes.handle, scale, shift, y.handle);
  write();
  y.recipe = { inputs: [bytes], write };
  return y;
}

/** y = x · scale + shift by channel, of features [N,3,H,W]. */
export function scaleChannels(x: Tensor, { scale, shift }: PixelScaling): Tensor {
  const channels = (values: readonly number[]) => tensor(x.device, values, [3]).handle;
  const y = emptyLike(x);
  x.device.native.batch_norm_forward(
    x.handle,
    channels([0, 0, 0]),
    channels([1, 1, 1]),
    channels(scale),
    channels(shift),
    null,
    false,
    y.handle,
  );
  return y;
}

/** An image of a batch, turned. */
export interface Turn {
  /** Which image. */
  image: number;
  /** Counter-clockwise as seen. */
  degrees: number;
}

/**
 * Images of features x [M,C,H,W] turned about their middle: features [turns,C,H,W]. What was outside is 0. Bilinear: a tap outside counts as 0, so
 * the border fades over one pixel; nearest: the pixel at ⌊s + ½⌋.
 * @throws UserError for an image that is not there
 */
export function rotate(x: Tensor, turns: readonly Turn[], interpolation: 'bilinear' | 'nearest'): Tensor {
  const [images, ...shape] = x.shape as [number, number, number, number];
  const wrong = turns.find(({ image }) => !(Number.isInteger(image) && image >= 0 && image < images));
  if (wrong !== undefined) throw new UserError(`image ${wrong.image} is not one of the ${images} images`);
  const angles = turns.map(({ degrees }) => (degrees * Math.PI) / 180);
  const y = new Tensor(x.device, [turns.length, ...shape], 'float32', 'features');
  const rows = turns.map(({ image }) => image);
  x.device.native.rotate(
    x.handle,
    tensor(x.device, rows, [turns.length], 'int32').handle,
    tensor(
      x.device,
      angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]),
      [turns.length, 2],
    ).handle,
    interpolation === 'nearest',
    y.handle,
  );
  return y;
}

/** [top, left, height, width] in pixels. */
export type Box = readonly [number, number, number, number];

/** A part of one image of a batch. */
export interface Crop {
  /** Which image. */
  image: number;
  box: Box;
  /** Mirrored left to right. */
  flip: boolean;
}

/**
 * Boxes of the images of features x [M,C,H,W], resized and mirrored: features [crops,C,…size]. Bilinear on half-pixel centres, clamped at
 * the edge of the box, without antialiasing. A box of the output's size is copied exactly.
 * @throws UserError for a box that is not inside of its image
 */
export function resizedCrop(x: Tensor, crops: readonly Crop[], size: readonly [number, number]): Tensor {
  const [images, channels, height, width] = x.shape as [number, number, number, number];
  const table = crops.flatMap(({ image, box, flip }) => {
    const [top, left, h, w] = box;
    const whole = [image, ...box].every(Number.isInteger) && image >= 0 && image < images && Math.min(h, w) >= 1;
    if (!whole || Math.min(top, left) < 0 || top + h > height || left + w > width) {
      throw new UserError(`the box [${box}] of image ${image} is not inside of ${images} images of ${height}x${width}`);
    }
    return [image, ...box, flip ? 1 : 0];
  });
  const y = new Tensor(x.device, [crops.length, channels, ...size], 'float32', 'features');
  x.device.native.resized_crop(x.handle, tensor(x.device, table, [crops.length, 6], 'int32').handle, y.handle);
  return y;
}

/** What is done to the colours of one image; 1, 1, 1, 0 leaves them. */
export interface ColourChange {
  /** Factors, as in torchvision: towards black, the mean grey of the image, the grey of the pixel. */
  brightness: number;
  contrast: number;
  saturation: number;
  /** Turns of the circle of hues, about the axis of greys in YIQ. */
  hue: number;
}

/**
 * Changes the colours of images x [N,3,H,W] in 0…1: brightness, contrast, saturation, hue, in this order, as one affine map an image; cut to 0…1
 * once, at the end.
 */
export function mixColours(x: Tensor, changes: readonly ColourChange[]): Tensor {
  if (changes.length !== x.shape[0])
    throw new UserError(`${changes.length} changes of colour for ${x.shape[0]} images`);
  const table = changes.flatMap((change) => {
    const pivot = (1 - change.contrast) * change.brightness;
    return [...colourMatrix(change).map((value) => value * change.brightness * change.contrast), pivot];
  });
  const y = emptyLike(x);
  x.device.native.mix_colours(x.handle, tensor(x.device, table, [changes.length, 10]).handle, y.handle);
  return y;
}

/** RGB to luma and chroma (NTSC), and back. */
const toYiq = [0.299, 0.587, 0.114, 0.5959, -0.2746, -0.3213, 0.2115, -0.5227, 0.3112];
const fromYiq = [
  1, 0.956050226396, 0.620754941327, 1, -0.272052343689, -0.647205713455, 1, -1.106704315324, 1.704421283696,
];

/** Saturation, then hue, as a matrix on RGB by rows: chroma is scaled and turned, greys stay. */
function colourMatrix({ saturation, hue }: ColourChange): number[] {
  if (saturation === 1 && hue === 0) return [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const [cosine, sine] = [saturation * Math.cos(2 * Math.PI * hue), saturation * Math.sin(2 * Math.PI * hue)];
  const turned = product([1, 0, 0, 0, cosine, -sine, 0, sine, cosine], toYiq);
  return product(fromYiq, turned);
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3) * 3, at % 3];
    return a[row]! * b[column]! + a[row + 1]! * b[column + 3]! + a[row + 2]! * b[column + 6]!;
  });
}
