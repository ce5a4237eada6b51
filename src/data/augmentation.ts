/**
 * Augmentation: what is drawn for a view of an image is a pure function of (seed, epoch, image, view), so that an interrupted training goes on to
 * the same bits; what is drawn is done by the device, in float, before the network (methods, sections 2.4 and 3.4).
 */
import type { Device } from '../engine/device.js';
import { convert } from '../engine/ops/elementwise.js';
import {
  type Box,
  type ColourChange,
  imagesToFeatures,
  mixColours,
  type PixelScaling,
  resizedCrop,
  rotate,
  scaleChannels,
} from '../engine/ops/images.js';
import { Philox, purposes } from '../engine/random.js';
import { scope, type Tensor } from '../engine/tensor.js';

/** What is done to training images, in this order. Everything off leaves them as they are, byte for byte. */
export interface Augmentation {
  /** Rotation by U(−rotation, rotation) degrees; 0: none. */
  rotation: number;
  interpolation: 'bilinear' | 'nearest';
  /** A random square, its area a share U(crop[0], crop[1]) of the image's, resized to the whole; null: none. */
  crop: readonly [number, number] | null;
  /** Probability of a mirror image. */
  flip: number;
  /** Colours: factors U(1 − a, 1 + a), not below 0, and turns of hue U(−a, a); 0: none. */
  brightness: number;
  contrast: number;
  saturation: number;
  hue: number;
}

export const noAugmentation: Augmentation = {
  rotation: 0,
  interpolation: 'bilinear',
  crop: null,
  flip: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
};

/** What was drawn for one view of an image. */
export interface View {
  degrees: number;
  box: Box;
  flip: boolean;
  colour: ColourChange;
}

/** Draws until a crop fits. */
const attempts = 10;

/** What tells views apart. `image`: position in the list of training images, below 2²⁸; `view` 0 … 15; `epoch` below 2²¹. */
export interface ViewKey {
  seed: number;
  epoch: number;
  image: number;
  view: number;
}

/** The view of an image of `side` x `side` pixels. */
export function drawView(augmentation: Augmentation, { seed, epoch, image, view }: ViewKey, side: number): View {
  const random = new Philox(seed, purposes.augmentation, epoch * 2 ** 32 + image * 16 + view);
  const about = (middle: number, amount: number) => middle + (2 * random.uniform() - 1) * amount;
  // Every number is drawn whether it is wanted or not: what one setting draws does not depend on the others.
  const degrees = about(0, augmentation.rotation);
  const draws = Array.from({ length: attempts }, () => [random.uniform(), random.uniform(), random.uniform()] as const);
  const flip = random.uniform() < augmentation.flip;
  const factor = (amount: number) => Math.max(0, about(1, amount));
  return {
    degrees,
    box: augmentation.crop === null ? [0, 0, side, side] : resizedCropBox(draws, side, side, augmentation.crop),
    flip,
    colour: {
      brightness: factor(augmentation.brightness),
      contrast: factor(augmentation.contrast),
      saturation: factor(augmentation.saturation),
      hue: about(0, augmentation.hue),
    },
  };
}

/**
 * A square of a random share of the image's area at a random place. Each draw has three numbers in [0, 1): share, down, across; one whose square is
 * larger than an edge fails. When all fail: the largest central square.
 */
export function resizedCropBox(
  draws: readonly (readonly [number, number, number])[],
  height: number,
  width: number,
  [least, most]: readonly [number, number],
): Box {
  for (const [share, down, across] of draws) {
    const side = Math.round(Math.sqrt(height * width * (least + share * (most - least))));
    if (side < 1 || side > height || side > width) continue;
    return [Math.floor(down * (height - side + 1)), Math.floor(across * (width - side + 1)), side, side];
  }
  const side = Math.min(height, width);
  return [Math.floor((height - side) / 2), Math.floor((width - side) / 2), side, side];
}

/** One row of an augmented batch: a view of an image of the batch. */
export interface ViewedImage {
  image: number;
  view: View;
}

/**
 * Views of images x [M,C,H,W]: features [views,C,…size], rotation, then crop and mirror image. Passes that would change nothing are left out.
 */
export function viewed(
  x: Tensor,
  rows: readonly ViewedImage[],
  size: readonly [number, number],
  interpolation: Augmentation['interpolation'] = 'bilinear',
): Tensor {
  return scope(() => {
    const turned = rows.some(({ view }) => view.degrees !== 0);
    const turns = rows.map(({ image, view }) => ({ image, degrees: view.degrees }));
    const upright = turned ? rotate(x, turns, interpolation) : x;
    const crops = rows.map(({ image, view: { box, flip } }, row) => ({ image: turned ? row : image, box, flip }));
    return resizedCrop(upright, crops, size);
  });
}

/**
 * Pixels [M,S,S,3], 0 … 255, to the input [rows,3,S,S] of a network: each row a view of one image, normalised last, so that what a rotation left
 * empty is black.
 * @param scaling of pixels 0 … 255, as for `imagesToFeatures`
 */
export function augmentedImages(
  device: Device,
  pixels: Uint8Array,
  [count, side]: readonly [number, number],
  rows: readonly ViewedImage[],
  { interpolation, scaling }: { interpolation: Augmentation['interpolation']; scaling: PixelScaling },
): Tensor {
  const unit = { scale: [1 / 255, 1 / 255, 1 / 255], shift: [0, 0, 0] } as const;
  const { scale, shift } = scaling;
  return scope(() => {
    const images = imagesToFeatures(device, pixels, [count, side, side], unit, 'float32');
    const views = viewed(images, rows, [side, side], interpolation);
    const coloured = rows.some(({ view }) => changes(view.colour))
      ? mixColours(
          views,
          rows.map(({ view }) => view.colour),
        )
      : views;
    const scaled = scaleChannels(coloured, { scale: [255 * scale[0], 255 * scale[1], 255 * scale[2]], shift });
    return convert(scaled, device.featureType);
  });
}

function changes({ brightness, contrast, saturation, hue }: ColourChange): boolean {
  return brightness !== 1 || contrast !== 1 || saturation !== 1 || hue !== 0;
}
