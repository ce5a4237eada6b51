/** Tiles of noise, made once and read everywhere: skin, hair, paper, walls and sensors differ only in how they read them. */
import { Philox, purposes } from '../../engine/random.js';
import { smoothstep } from './image.js';

const side = 512;
const mask = side - 1;

let clouds: Float32Array | undefined;
let grain: Float32Array | undefined;

/**
 * Fractal noise of mean 0 and deviation about 1, smooth at one unit and repeating after 512; bilinear.
 * Six octaves of lattice noise, each finer one weaker by `0.65`.
 */
export function fractal(x: number, y: number): number {
  clouds ??= makeClouds();
  const xf = Math.floor(x);
  const yf = Math.floor(y);
  const fx = x - xf;
  const fy = y - yf;
  const x0 = xf & mask;
  const x1 = (xf + 1) & mask;
  const top = (yf & mask) << 9;
  const bottom = ((yf + 1) & mask) << 9;
  const a = clouds[top | x0]! * (1 - fx) + clouds[top | x1]! * fx;
  const b = clouds[bottom | x0]! * (1 - fx) + clouds[bottom | x1]! * fx;
  return a * (1 - fy) + b * fy;
}

/** White Gaussian noise of deviation 1 as one long tape; its length is a power of two, read it with `index & (length - 1)`. */
export function whiteNoise(): Float32Array {
  if (grain === undefined) {
    const random = new Philox(0, purposes.synth, 1);
    grain = Float32Array.from({ length: 1 << 17 }, () => random.normal());
  }
  return grain;
}

function makeClouds(): Float32Array {
  const random = new Philox(0, purposes.synth, 0);
  const out = new Float32Array(side * side);
  let weight = 1;
  let power = 0;
  for (let cell = 32; cell >= 1; cell >>= 1) {
    const cells = side / cell;
    const lattice = Float32Array.from({ length: cells * cells }, () => random.normal());
    addOctave(out, lattice, cell, weight);
    power += weight * weight;
    weight *= 0.65;
  }
  const scale = 1.4 / Math.sqrt(power);
  for (let i = 0; i < out.length; i++) out[i]! *= scale;
  return out;
}

function addOctave(out: Float32Array, lattice: Float32Array, cell: number, weight: number): void {
  const cells = side / cell;
  const at = (x: number, y: number) => lattice[(y & (cells - 1)) * cells + (x & (cells - 1))]!;
  for (let y = 0; y < side; y++) {
    const cy = Math.floor(y / cell);
    const fy = smoothstep(0, 1, (y % cell) / cell);
    for (let x = 0; x < side; x++) {
      const cx = Math.floor(x / cell);
      const fx = smoothstep(0, 1, (x % cell) / cell);
      const a = at(cx, cy) * (1 - fx) + at(cx + 1, cy) * fx;
      const b = at(cx, cy + 1) * (1 - fx) + at(cx + 1, cy + 1) * fx;
      out[y * side + x]! += weight * (a * (1 - fy) + b * fy);
    }
  }
}
