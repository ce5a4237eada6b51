import { describe, expect, it } from 'vitest';
import { capture, drawExposure } from '../../../src/data/synth/camera.js';
import { domains } from '../../../src/data/synth/domains.js';
import {
  createImage,
  encodeSrgb,
  gaussianBlur,
  type Image,
  imageFromBytes,
  sampleInto,
} from '../../../src/data/synth/image.js';
import type { Light } from '../../../src/data/synth/light.js';
import { drawPrint, renderPrint } from '../../../src/data/synth/print.js';
import { drawReplay, renderReplay } from '../../../src/data/synth/replay.js';
import type { Sheet } from '../../../src/data/synth/sheet.js';
import { Philox, purposes } from '../../../src/engine/random.js';

const light: Light = { direction: [0, 0, 1], key: [0.6, 0.6, 0.6], sky: [0.3, 0.3, 0.3], ground: [0.2, 0.2, 0.2] };
const flatSheet: Sheet = {
  cos: 1,
  sin: 0,
  shiftX: 0,
  shiftY: 0,
  tiltX: 0,
  tiltY: 0,
  bend: 0,
  bendX: 1,
  bendY: 0,
  ends: [2, 2, 2, 2],
};
const random = (step: number) => new Philox(7, purposes.synth, step);

function flat(side: number, value: number): Image {
  const image = createImage(side, side);
  image.data.fill(value);
  return image;
}

function noWall(): Image {
  throw new Error('the sheet fills the scene, so nobody should ask what is behind it');
}

/** Amplitude and phase (in turns) of channel `c` at (fx, fy) periods a pixel. */
function wavelet(values: ArrayLike<number>, side: number, c: number, fx: number, fy: number) {
  let re = 0;
  let im = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const value = values[3 * (y * side + x) + c]!;
      re += value * Math.cos(2 * Math.PI * (fx * x + fy * y));
      im += value * Math.sin(2 * Math.PI * (fx * x + fy * y));
    }
  }
  return { amplitude: (2 * Math.hypot(re, im)) / side ** 2, phase: Math.atan2(im, re) / (2 * Math.PI) };
}

describe('image', () => {
  it('blurs without adding or losing light, and takes bilinear samples', () => {
    const image = createImage(15, 15);
    image.data[3 * (7 * 15 + 7)] = 1;
    const blurred = gaussianBlur(image, 1.5);
    expect(blurred.data.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    const variance = blurred.data.reduce((sum, v, i) => sum + v * ((Math.floor(i / 3) % 15) - 7) ** 2, 0);
    expect(variance).toBeGreaterThan(1.5 ** 2 * 0.85);
    expect(variance).toBeLessThan(1.5 ** 2 * 1.02);
    const out = new Float32Array(3);
    sampleInto(out, image, 7.25, 7);
    expect(out[0]).toBeCloseTo(0.75, 6);
  });

  it('undoes its own sRGB curve at every 8-bit value', () => {
    const bytes = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
    const { data } = imageFromBytes(256, 1, bytes);
    for (let i = 0; i < 256; i++) expect(Math.abs(255 * encodeSrgb(data[3 * i]!) - i)).toBeLessThan(0.6);
  });
});

describe('print', () => {
  const printer = domains[0]!.printers[0]!;

  it('screens an even grey at the pitch and angle of its magenta plate', () => {
    const print = {
      ...drawPrint(printer, random(1)),
      sheet: flatSheet,
      pitch: 3,
      depth: 0.6,
      angle: 0.1,
      thumb: undefined,
    };
    const side = 240;
    const sensorPixels = 120;
    const { data } = renderPrint(side, flat(150, 0.3), print, light, noWall, sensorPixels);
    // 3 sensor pixels are 6 of the scene's; green light sees magenta ink, whose screen stands at 75°.
    const angle = (75 * Math.PI) / 180 + print.angle;
    const at = wavelet(data, side, 1, Math.cos(angle) / 6, Math.sin(angle) / 6).amplitude;
    const beside = wavelet(data, side, 1, Math.cos(angle + 0.3) / 6, Math.sin(angle + 0.3) / 6).amplitude;
    expect(at).toBeGreaterThan(0.02);
    expect(at).toBeGreaterThan(8 * beside);
  });

  it('has fewer tones than what it shows: paper is not white, ink is not black', () => {
    const print = { ...drawPrint(printer, random(2)), sheet: flatSheet, depth: 0, gloss: 0, thumb: undefined };
    const mean = (value: number) => {
      const { data } = renderPrint(64, flat(64, value), print, light, noWall, 32);
      return data.reduce((a, b) => a + b) / data.length;
    };
    const irradiance = 0.6 + 0.25;
    expect(mean(1)).toBeLessThan(0.95 * irradiance);
    expect(mean(0)).toBeGreaterThan(0.01 * irradiance);
    expect(mean(1)).toBeGreaterThan(4 * mean(0));
  });

  it('shows the wall where the paper ends', () => {
    const sheet: Sheet = { ...flatSheet, ends: [0.5, 2, 2, 2] };
    const print = { ...drawPrint(printer, random(3)), sheet, border: 0, thumb: undefined };
    const { data } = renderPrint(64, flat(64, 0.3), print, light, () => flat(64, 9), 32);
    expect(data[3 * (32 * 64 + 2)]).toBeGreaterThan(8);
    expect(data[3 * (32 * 64 + 40)]).toBeLessThan(1);
  });
});

describe('replay', () => {
  const display = domains[0]!.displays[0]!;
  const replay = { ...drawReplay(display, random(4)), sheet: flatSheet, pitch: 2, depth: 0.6, streaks: [], veil: 0 };

  it('draws red, green and blue stripes a third of a pixel apart', () => {
    const { data } = renderReplay(160, flat(100, 0.5), replay, light, noWall, 80, 0);
    const [red, green, blue] = [0, 1, 2].map((c) => wavelet(data, 160, c, 1 / 4, 0));
    expect(red!.amplitude).toBeGreaterThan(0.1);
    const third = (a: number, b: number) => (((a - b) % 1) + 1) % 1;
    expect(third(red!.phase, green!.phase)).toBeCloseTo(1 / 3, 2);
    expect(third(green!.phase, blue!.phase)).toBeCloseTo(1 / 3, 2);
  });

  it('beats with the sensor: slow coloured waves appear that no display pixel has', () => {
    const sensorPixels = 100;
    const camera = domains[0]!.camera;
    const exposure = { ...drawExposure(camera, sensorPixels, random(5)), sensorPixels, noise: 0, blur: 0.4 };
    // Red sites stand 2 pixels apart and meet stripes a little further apart: the difference is 3 waves over the sensor.
    const slow = 0.03;
    const shoot = (depth: number) => {
      const shown = { ...replay, pitch: 1 / (0.5 - slow), depth, rowDepth: 0, flicker: { period: 1, strength: 0 } };
      const scene = renderReplay(200, flat(150, 0.5), shown, light, noWall, sensorPixels, 0);
      return capture(scene, camera, exposure, random(6));
    };
    const beat = wavelet(shoot(0.6), sensorPixels, 0, slow, 0).amplitude;
    expect(beat).toBeGreaterThan(4);
    expect(beat).toBeGreaterThan(8 * wavelet(shoot(0), sensorPixels, 0, slow, 0).amplitude);
  });
});

describe('camera', () => {
  const camera = domains[1]!.camera;
  const exposure = { ...drawExposure(camera, 48, random(8)), noise: 0.02 };

  /** A wedge of greys in a light of some strength and colour. */
  function wedge(r: number, g: number, b: number): Image {
    const image = createImage(96, 96);
    for (let i = 0; i < 96 * 96; i++) {
      const value = 0.1 + 0.5 * ((i % 96) / 96);
      image.data.set([r * value, g * value, b * value], 3 * i);
    }
    return image;
  }

  it('meters: the same picture in a quarter of the light', () => {
    const bright = capture(wedge(1, 1, 1), camera, exposure, random(9));
    const dim = capture(wedge(0.25, 0.25, 0.25), camera, exposure, random(9));
    expect(Math.max(...bright.map((value, i) => Math.abs(value - dim[i]!)))).toBeLessThanOrEqual(1);
    const luma = bright.reduce((sum, value, i) => sum + value * [0.299, 0.587, 0.114][i % 3]!, 0) / (bright.length / 3);
    expect(luma / 255).toBeCloseTo(exposure.brightness, 1);
  });

  it('takes part of a colour cast out', () => {
    const mean = (bytes: Uint8Array, c: number) => bytes.filter((_, i) => i % 3 === c).reduce((a, b) => a + b, 0);
    const ratio = (model: typeof camera) => {
      const picture = capture(wedge(1, 0.8, 0.6), model, { ...exposure, cast: [1, 1, 1] }, random(10));
      return mean(picture, 0) / mean(picture, 2);
    };
    const without = ratio({ ...camera, whiteBalance: 0 });
    const full = ratio({ ...camera, whiteBalance: 1 });
    expect(full).toBeCloseTo(1, 1);
    expect(ratio(camera)).toBeGreaterThan(full);
    expect(ratio(camera)).toBeLessThan(without);
  });
});
