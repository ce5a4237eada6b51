/** Counter-based random numbers: what is drawn depends on (seed, purpose, step) alone, never on what was drawn elsewhere. */

/** Keeps the streams of one seed apart. A number once given stays: changing it changes every result made with it. */
export const purposes = {
  init: 1,
  sampler: 2,
  activationSampler: 3,
  dropout: 4,
  split: 5,
  synth: 6,
  bootstrap: 7,
  exportCheck: 8,
  corruption: 9,
  augmentation: 10,
  adversary: 11,
  fewShot: 12,
} as const;

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_32 = 2 ** 32;

/** The high 32 bits of the 64-bit product of two unsigned 32-bit numbers, which a double cannot hold. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return (a1 * b1 + Math.floor(middle / 0x10000) + ((middle & 0xffff) + a0 * b1) / 0x10000) >>> 0;
}

/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit words of `counter` and
 * two of `key` give four random words, written to `out`, which may be `counter`.
 */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter as unknown as [number, number, number, number];
  let [k0, k1] = key as unknown as [number, number];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A stream of random numbers; key (seed, purpose), counter (block, 0, step low, step high), as the device's kernels have it. */
export class Philox {
  private readonly key: Uint32Array;
  private readonly counter: Uint32Array;
  private readonly words = new Uint32Array(4);
  private used = 4;
  private spareNormal: number | undefined;

  /**
   * @param seed the run's seed, 0 … 2³² − 1
   * @param purpose one of `purposes`
   * @param step what repeats within a purpose (epoch, step, item), 0 … 2⁵³ − 1
   */
  constructor(seed: number, purpose: number, step = 0) {
    this.key = Uint32Array.of(seed, purpose);
    this.counter = Uint32Array.of(0, 0, step % TWO_32, Math.floor(step / TWO_32));
  }

  /** A uniform whole number of 32 bits. */
  nextUint32(): number {
    if (this.used === 4) {
      philox4x32(this.counter, this.key, this.words);
      this.counter[0]!++;
      if (this.counter[0] === 0) this.counter[1]!++;
      this.used = 0;
    }
    return this.words[this.used++]!;
  }

  /** Uniform in [0, 1), a multiple of 2⁻³². */
  uniform(): number {
    return this.nextUint32() / TWO_32;
  }

  /** Normal with mean 0 and variance 1 (Box and Muller 1958, which makes two at once). */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log((this.nextUint32() + 0.5) / TWO_32));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A uniform whole number in [0, n), 1 ≤ n ≤ 2³². Words past the last multiple of n are drawn again, so that none is favoured. */
  int(n: number): number {
    const limit = TWO_32 - (TWO_32 % n);
    let word = this.nextUint32();
    while (word >= limit) word = this.nextUint32();
    return word % n;
  }

  /** Puts `array` in a uniformly random order, in place (Fisher and Yates), and returns it. */
  shuffle<T>(array: T[]): T[] {
    for (let last = array.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      const kept = array[last]!;
      array[last] = array[other]!;
      array[other] = kept;
    }
    return array;
  }
}
