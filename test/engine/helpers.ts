/** Values for the tests of the engine. */
import { Philox } from '../../src/engine/random.js';
import type { Shape } from '../../src/engine/tensor.js';

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Uniform in [-1, 1]; the same for the same seed. */
export function uniform(count: number, seed: number): Float32Array {
  const random = new Philox(seed, 99);
  return Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
}

/** Values in random order that are all at least `gap` from each other and from 0. */
export function spread(count: number, seed: number, gap = 0.1): Float32Array {
  const values = Array.from({ length: count }, (_, i) => (i - Math.floor(count / 2) + 0.5) * 2 * gap);
  return Float32Array.from(new Philox(seed, 99).shuffle(values));
}

/** Σ a·b in double precision. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The nearest number that bf16 holds, ties to even. */
export function held(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const number = (upper: number) => new Float32Array(Uint32Array.of(upper * 0x10000).buffer)[0]!;
  const upper = bits >>> 16;
  const [down, up] = [Math.abs(value - number(upper)), Math.abs(number(upper + 1) - value)];
  return number(down < up || (down === up && upper % 2 === 0) ? upper : upper + 1);
}
