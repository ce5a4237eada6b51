/** A camera from lens to file: blur, Bayer sensor, noise, metering, white balance, colour, tone, sharpening and its own codec. */
import type { Philox } from '../../engine/random.js';
import { clamp, encodeSrgb, gaussianBlur, type Image, sampleInto } from './image.js';
import { whiteNoise } from './noise.js';
import { betweenOf, type Range } from './range.js';

/** Rows give red, green and blue of the file from those of the sensor; each row sums to 1. */
export type ColourMatrix = readonly [readonly number[], readonly number[], readonly number[]];

/** What one domain's cameras are like; ranges are `[least, most]`. */
export interface CameraModel {
  /** Sensor pixels across the face crop, as a share of the crop's pixels. */
  readonly resolution: Range;
  /** Deviation of the lens blur in sensor pixels. */
  readonly blur: Range;
  /** Deviation of the noise at mid grey, as a share of white. */
  readonly noise: Range;
  /** Share of a colour cast of the light that white balance removes. */
  readonly whiteBalance: number;
  readonly colour: ColourMatrix;
  readonly saturation: Range;
  /** Mean and deviation of luminance that metering aims at, on the file's scale 0…1. */
  readonly brightness: Range;
  readonly contrast: Range;
  readonly sharpening: Range;
  /** JPEG quality inside the camera. */
  readonly quality: Range;
  /** Bits a pixel of the stored crop. */
  readonly rate: Range;
}

/** A camera as it is set for one video. */
export interface Exposure {
  readonly sensorPixels: number;
  readonly blur: number;
  readonly noise: number;
  readonly cast: readonly [number, number, number];
  readonly saturation: number;
  readonly brightness: number;
  readonly contrast: number;
  readonly sharpening: number;
  readonly quality: number;
  readonly bitsPerPixel: number;
}

/** The settings of a subject's visit; live and attack videos of one visit share them but for `readjust`. */
export function drawExposure(camera: CameraModel, size: number, random: Philox): Exposure {
  const between = betweenOf(random);
  return {
    sensorPixels: Math.max(16, Math.round(size * between(...camera.resolution))),
    blur: between(...camera.blur),
    noise: between(...camera.noise),
    cast: [1 + 0.07 * random.normal(), 1, 1 + 0.07 * random.normal()],
    saturation: between(...camera.saturation),
    brightness: between(...camera.brightness),
    contrast: between(...camera.contrast),
    sharpening: between(...camera.sharpening),
    quality: Math.round(between(...camera.quality)),
    bitsPerPixel: between(...camera.rate),
  };
}

/** The settings a little later: what automatic exposure, focus and rate control make of another video. */
export function readjust(exposure: Exposure, random: Philox): Exposure {
  const wobble = (share: number) => 1 + share * random.normal();
  return {
    sensorPixels: exposure.sensorPixels,
    blur: exposure.blur * wobble(0.15),
    noise: exposure.noise * wobble(0.15),
    cast: [exposure.cast[0] * wobble(0.04), 1, exposure.cast[2] * wobble(0.04)],
    saturation: exposure.saturation * wobble(0.06),
    brightness: exposure.brightness * wobble(0.06),
    contrast: exposure.contrast * wobble(0.1),
    sharpening: exposure.sharpening * wobble(0.2),
    quality: clamp(Math.round(exposure.quality + 3 * random.normal()), 40, 97),
    bitsPerPixel: exposure.bitsPerPixel * wobble(0.08),
  };
}

/**
 * 8-bit RGB `[sensorPixels, sensorPixels, 3]` of a scene's radiance, before the codec.
 * @param scene square; about two of its pixels to one of the sensor let fine patterns alias as they do in a camera
 */
export function capture(scene: Image, camera: CameraModel, exposure: Exposure, random: Philox): Uint8Array {
  const n = exposure.sensorPixels;
  const raw = readSensor(gaussianBlur(scene, (exposure.blur * scene.width) / n), n, random);
  addNoise(raw, exposure.noise, random);
  const rgb = demosaic(raw, n);
  balance(rgb, camera, exposure);
  return develop(rgb, n, exposure);
}

/** Channel of a Bayer site: red and green on even rows, green and blue on odd ones. */
function channelAt(x: number, y: number): number {
  return (x & 1) + (y & 1);
}

/** One value a site, `[n, n]`, metered so that green is 0.2 on average. The mosaic's corner is where the hand happens to hold it. */
function readSensor(scene: Image, n: number, random: Philox): Float32Array {
  const raw = new Float32Array(n * n);
  const point = new Float32Array(3);
  const step = scene.width / n;
  const ox = random.uniform() - 0.5;
  const oy = random.uniform() - 0.5;
  let green = 0;
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      sampleInto(point, scene, (x + 0.5 + 0.5 * ox) * step - 0.5, (y + 0.5 + 0.5 * oy) * step - 0.5);
      raw[y * n + x] = point[channelAt(x, y)]!;
      green += point[1]!;
    }
  }
  const gain = (0.2 * n * n) / Math.max(green, 1e-6);
  for (let i = 0; i < raw.length; i++) raw[i]! *= gain;
  return raw;
}

/** Shot noise grows with the root of the light, read noise does not; at 0.2, mid grey, both make `level`. */
function addNoise(raw: Float32Array, level: number, random: Philox): void {
  const tape = whiteNoise();
  const mask = tape.length - 1;
  const start = random.int(tape.length);
  // Noise is stated on the file's scale; at mid grey its slope to linear light is about 0.35.
  const variance = (0.35 * level) ** 2;
  for (let i = 0; i < raw.length; i++) {
    raw[i]! += Math.sqrt(variance * (0.25 + 3.75 * Math.max(0, raw[i]!))) * tape[(start + i) & mask]!;
  }
}

/** Bilinear: a missing colour is the mean of the neighbours that have it. `[n, n, 3]`. */
function demosaic(raw: Float32Array, n: number): Float32Array {
  const rgb = new Float32Array(3 * n * n);
  const mirror = (i: number) => (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i);
  for (let y = 0; y < n; y++) {
    const up = mirror(y - 1) * n;
    const here = y * n;
    const down = mirror(y + 1) * n;
    for (let x = 0; x < n; x++) {
      const left = mirror(x - 1);
      const right = mirror(x + 1);
      const at = 3 * (here + x);
      const centre = raw[here + x]!;
      const across = 0.5 * (raw[here + left]! + raw[here + right]!);
      const along = 0.5 * (raw[up + x]! + raw[down + x]!);
      const channel = channelAt(x, y);
      if (channel === 1) {
        rgb[at + 1] = centre;
        rgb[at] = (y & 1) === 0 ? across : along;
        rgb[at + 2] = (y & 1) === 0 ? along : across;
      } else {
        rgb[at + 1] = 0.5 * (across + along);
        rgb[at + channel] = centre;
        rgb[at + 2 - channel] = 0.25 * (raw[up + left]! + raw[up + right]! + raw[down + left]! + raw[down + right]!);
      }
    }
  }
  return rgb;
}

/** Grey-world white balance as far as the camera goes, its remaining cast, and its colour matrix. */
function balance(rgb: Float32Array, camera: CameraModel, exposure: Exposure): void {
  const sums = [0, 0, 0];
  for (let i = 0; i < rgb.length; i++) sums[i % 3]! += rgb[i]!;
  const gains = sums.map((sum, c) => exposure.cast[c]! * (sums[1]! / Math.max(sum, 1e-6)) ** camera.whiteBalance);
  const [mr, mg, mb] = camera.colour as [number[], number[], number[]];
  for (let i = 0; i < rgb.length; i += 3) {
    const r = rgb[i]! * gains[0]!;
    const g = rgb[i + 1]! * gains[1]!;
    const b = rgb[i + 2]! * gains[2]!;
    rgb[i] = mr[0]! * r + mr[1]! * g + mr[2]! * b;
    rgb[i + 1] = mg[0]! * r + mg[1]! * g + mg[2]! * b;
    rgb[i + 2] = mb[0]! * r + mb[1]! * g + mb[2]! * b;
  }
}

/**
 * Tone curve, then levels: luminance is brought to the brightness metering wants and most of the way to its contrast,
 * as phones and webcams do, so that neither says much about what stood before the camera.
 */
function develop(rgb: Float32Array, n: number, exposure: Exposure): Uint8Array {
  const luma = new Float32Array(n * n);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < luma.length; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = encodeSrgb(rgb[3 * i + c]!);
    const y = 0.299 * rgb[3 * i]! + 0.587 * rgb[3 * i + 1]! + 0.114 * rgb[3 * i + 2]!;
    luma[i] = y;
    sum += y;
    squares += y * y;
  }
  const mean = sum / luma.length;
  const deviation = Math.sqrt(Math.max(1e-6, squares / luma.length - mean * mean));
  const stretch = clamp((exposure.contrast / deviation) ** 0.92, 0.5, 2.5);
  const out = new Uint8Array(3 * n * n);
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const i = y * n + x;
      const centre = luma[i]!;
      const detail = exposure.sharpening * (centre - boxMean(luma, n, x, y));
      const level = exposure.brightness + (centre - mean + detail) * stretch;
      for (let c = 0; c < 3; c++) {
        const value = level + (rgb[3 * i + c]! - centre) * stretch * exposure.saturation;
        out[3 * i + c] = clamp(Math.round(255 * value), 0, 255);
      }
    }
  }
  return out;
}

/** Mean of the 3×3 neighbourhood, edges repeated. */
function boxMean(values: Float32Array, n: number, x: number, y: number): number {
  const left = x > 0 ? x - 1 : 0;
  const right = x < n - 1 ? x + 1 : x;
  let sum = 0;
  for (let dy = -1; dy <= 1; dy++) {
    const row = clamp(y + dy, 0, n - 1) * n;
    sum += values[row + left]! + values[row + x]! + values[row + right]!;
  }
  return sum / 9;
}
