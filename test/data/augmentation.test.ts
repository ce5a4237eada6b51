/** Augmentation: draws are pure and cover what they say; what is drawn is done as it says; nothing on changes nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Augmentation,
  augmentedImages,
  drawView,
  noAugmentation,
  resizedCropBox,
  type View,
} from '../../src/data/augmentation.js';
import { openDevice } from '../../src/engine/device.js';
import { imagesToFeatures, mixColours } from '../../src/engine/ops/images.js';
import { features, type Tensor } from '../../src/engine/tensor.js';

const device = openDevice('cpu', { threads: 2 });
const all: Augmentation = {
  ...noAugmentation,
  rotation: 180,
  crop: [0.2, 1],
  flip: 0.5,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.4,
  hue: 0.1,
};
const key = { seed: 3, epoch: 2, image: 5, view: 0 };
const bytes = (count: number) => Uint8Array.from({ length: count }, (_, i) => (i * 97 + (i >> 3)) % 256);
const scaling = { scale: [1 / 60, 1 / 50, 1 / 70], shift: [-2, -1.5, -1] } as const;

async function taken(tensor: Tensor): Promise<Float32Array> {
  const values = tensor.read();
  tensor.release();
  return (await values) as Float32Array;
}

describe('draws', () => {
  it('depend on seed, epoch, image and view alone', () => {
    expect(drawView(all, key, 256)).toEqual(drawView(all, { ...key }, 256));
    const views = [key, { ...key, seed: 4 }, { ...key, epoch: 3 }, { ...key, image: 6 }, { ...key, view: 1 }];
    const angles = views.map((each) => drawView(all, each, 256).degrees);
    expect(new Set(angles).size).toBe(views.length);
  });

  it('do not depend on what else is on', () => {
    const alone = drawView({ ...noAugmentation, flip: 0.5 }, key, 256);
    expect(drawView(all, key, 256).flip).toBe(alone.flip);
  });

  it('cover their ranges evenly', () => {
    const drawn = Array.from({ length: 4000 }, (_, image) => drawView(all, { ...key, image }, 256));
    const mean = (value: (view: View) => number) => drawn.reduce((sum, view) => sum + value(view), 0) / drawn.length;
    expect(Math.abs(mean(({ degrees }) => degrees))).toBeLessThan(6);
    expect(mean(({ degrees }) => degrees ** 2)).toBeCloseTo(180 ** 2 / 3, -3);
    expect(mean(({ flip }) => (flip ? 1 : 0))).toBeCloseTo(0.5, 1);
    expect(mean(({ box }) => box[2] ** 2 / 256 ** 2)).toBeCloseTo(0.6, 1);
    expect(mean(({ colour }) => colour.contrast)).toBeCloseTo(1, 1);
  });

  it('make boxes inside of the image, also where no draw fits', () => {
    const draws = fc.array(fc.tuple(fc.double({ min: 0, max: 1 - 1e-9 }), fc.double({ min: 0, max: 1 - 1e-9 }), fc.double({ min: 0, max: 1 - 1e-9 })), { maxLength: 10 }); // biome-ignore format: one line
    fc.assert(
      fc.property(draws, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (given, h, w) => {
        const noNaN = given.map((draw) => draw.map((value) => value || 0) as [number, number, number]);
        const [top, left, height, width] = resizedCropBox(noNaN, h, w, [0.2, 1]);
        expect(Math.min(top, left)).toBeGreaterThanOrEqual(0);
        expect(height).toBe(width);
        expect(height).toBeGreaterThanOrEqual(1);
        expect(top + height).toBeLessThanOrEqual(h);
        expect(left + width).toBeLessThanOrEqual(w);
      }),
    );
    expect(resizedCropBox([[0.999, 0, 0]], 10, 300, [0.9, 0.9])).toEqual([0, 145, 10, 10]);
  });
});

describe('augmentedImages', () => {
  const side = 9;
  const pixels = bytes(2 * side * side * 3);
  const plain = drawView(noAugmentation, key, side);
  const run = (rows: { image: number; view: View }[]) =>
    taken(augmentedImages(device, pixels, [2, side], rows, { interpolation: 'bilinear', scaling }));

  it('with nothing on is the normalisation', async () => {
    const want = await taken(imagesToFeatures(device, pixels, [2, side, side], scaling));
    const got = await run([0, 1].map((image) => ({ image, view: plain })));
    expect(Math.max(...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(2e-6);
  });

  it('mirrors, and turns by half a circle into what is upside down and mirrored', async () => {
    const upright = await run([{ image: 1, view: plain }]);
    const mirrored = await run([{ image: 1, view: { ...plain, flip: true } }]);
    const turned = await run([{ image: 1, view: { ...plain, degrees: 180 } }]);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const at = (row: number, column: number) => upright[(c * side + row) * side + column]!;
          expect(mirrored[(c * side + y) * side + x]).toBe(at(y, side - 1 - x));
          expect(turned[(c * side + y) * side + x]).toBeCloseTo(at(side - 1 - y, side - 1 - x), 4);
        }
      }
    }
  });

  it('fills what a rotation leaves empty with black, normalised', async () => {
    const turned = await run([{ image: 0, view: { ...plain, degrees: 45 } }]);
    expect([0, 1, 2].map((c) => turned[c * side * side])).toEqual([-2, -1.5, -1]);
  });

  it('makes several views of one image, and the same bits each time', async () => {
    const rows = [0, 1, 0, 1].map((image, i) => ({
      image,
      view: drawView(all, { ...key, image, view: i >> 1 }, side),
    }));
    const [first, second] = [await run(rows), await run(rows)];
    expect(first).toEqual(second);
    const half = first.length / 2;
    expect(first.slice(0, half)).not.toEqual(first.slice(half));
    const alone = await run([rows[3]!]);
    expect(first.slice(-alone.length)).toEqual(alone);
  });
});

describe('mixColours', () => {
  const image = Float32Array.from({ length: 3 * 8 }, (_, i) => ((i * 37) % 100) / 125 + 0.1);
  const none = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  const change = (with_: Partial<typeof none>) => {
    const x = features(device, image, [1, 3, 2, 4]);
    const y = mixColours(x, [{ ...none, ...with_ }]);
    x.release();
    return taken(y);
  };
  const grey = (values: ArrayLike<number>, i: number) =>
    0.299 * values[i]! + 0.587 * values[8 + i]! + 0.114 * values[16 + i]!;
  const near = (got: Float32Array, want: (c: number, i: number) => number) => {
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 8; i++) expect(got[8 * c + i]).toBeCloseTo(Math.min(1, Math.max(0, want(c, i))), 5);
    }
  };

  it('leaves what it should not change', async () => near(await change({}), (c, i) => image[8 * c + i]!));
  it('brightness scales and cuts', async () =>
    near(await change({ brightness: 1.5 }), (c, i) => 1.5 * image[8 * c + i]!));
  it('saturation 0 leaves the grey of each pixel', async () =>
    near(await change({ saturation: 0 }), (_, i) => grey(image, i)));
  it('contrast 0 leaves the mean grey of the image', async () => {
    const mean = [...Array(8).keys()].reduce((sum, i) => sum + grey(image, i) / 8, 0);
    near(await change({ contrast: 0 }), () => mean);
  });
  it('a whole turn of hue is none, a part keeps the grey', async () => {
    near(await change({ hue: 1 }), (c, i) => image[8 * c + i]!);
    const turned = await change({ hue: 0.02 });
    for (let i = 0; i < 8; i++) expect(grey(turned, i)).toBeCloseTo(grey(image, i), 4);
    expect(turned).not.toEqual(image);
  });
});
