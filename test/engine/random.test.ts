import { describe, expect, it } from 'vitest';
import { Philox, philox4x32, purposes } from '../../src/engine/random.js';

/** Known answers published with Random123 (kat_vectors, philox4x32-10): counter, key, result. */
const knownAnswers = [
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
] as const;

const words = (hex: string) => Uint32Array.from(hex.split(' '), (word) => Number.parseInt(word, 16));
const draw = (random: Philox, n: number) => Array.from({ length: n }, () => random.nextUint32());

describe('philox4x32', () => {
  it.each(knownAnswers)('of counter %s and key %s', (counter, key, expected) => {
    const out = new Uint32Array(4);
    philox4x32(words(counter), words(key), out);
    expect(out).toEqual(words(expected));
  });

  it('agrees with 64-bit arithmetic on arbitrary counters', () => {
    const random = new Philox(5, 6);
    for (let trial = 0; trial < 200; trial++) {
      const counter = Uint32Array.from(draw(random, 4));
      const key = Uint32Array.from(draw(random, 2));
      const out = new Uint32Array(4);
      philox4x32(counter, key, out);
      expect([...out]).toEqual(inBigInt([...counter], [...key]));
    }
  });
});

/** The definition in exact integers. */
function inBigInt(counter: number[], key: number[]): number[] {
  const mask = 0xffffffffn;
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k, l] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p = 0xd2511f53n * a;
    const q = 0xcd9e8d57n * c;
    [a, b, c, d] = [(q >> 32n) ^ b ^ k, q & mask, (p >> 32n) ^ d ^ l, p & mask];
    k = (k + 0x9e3779b9n) & mask;
    l = (l + 0xbb67ae85n) & mask;
  }
  return [a, b, c, d].map(Number);
}

describe('Philox', () => {
  it('lays out key (seed, purpose) and counter (block, 0, step low, step high)', () => {
    const seed = 77;
    const step = 3 * 2 ** 32 + 9;
    const stream = draw(new Philox(seed, purposes.dropout, step), 12);
    for (let block = 0; block < 3; block++) {
      const out = new Uint32Array(4);
      philox4x32(Uint32Array.of(block, 0, 9, 3), Uint32Array.of(seed, purposes.dropout), out);
      expect(stream.slice(4 * block, 4 * block + 4)).toEqual([...out]);
    }
  });

  it('separates seeds, purposes and steps', () => {
    const streams = [
      new Philox(0, purposes.init),
      new Philox(1, purposes.init),
      new Philox(0, purposes.sampler),
      new Philox(0, purposes.init, 1),
      new Philox(0, purposes.init, 2 ** 32),
    ].map((random) => draw(random, 8).join());
    expect(new Set(streams).size).toBe(streams.length);
    expect(new Set(Object.values(purposes)).size).toBe(Object.keys(purposes).length);
  });

  it('uniform: in [0, 1), with the mean and variance of the uniform distribution', () => {
    const random = new Philox(1, purposes.init);
    const values = Array.from({ length: 100_000 }, () => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((value) => (value - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
  });

  it('normal: moments of the standard normal, neighbours uncorrelated', () => {
    const random = new Philox(2, purposes.init);
    const values = Array.from({ length: 100_000 }, () => random.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(Math.abs(mean(values.map((value) => value ** 4)) - 3)).toBeLessThan(0.1);
    expect(Math.abs(mean(values.slice(1).map((value, i) => value * values[i]!)))).toBeLessThan(0.02);
    expect(values.filter((value) => Math.abs(value) < 1.96).length / values.length).toBeCloseTo(0.95, 2);
  });

  it('int: every value below n about equally often, also when n does not divide 2^32', () => {
    const random = new Philox(3, purposes.split);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.int(7)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const large = Array.from({ length: 2000 }, () => random.int(3 * 2 ** 30));
    expect(large.every((value) => value < 3 * 2 ** 30)).toBe(true);
    // Folding instead of drawing again would put half of the values into the lowest third.
    expect(large.filter((value) => value < 2 ** 30).length / large.length).toBeCloseTo(1 / 3, 1);
    expect(random.int(1)).toBe(0);
  });

  it('shuffle: all orders of three about equally often', () => {
    const random = new Philox(4, purposes.sampler);
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = random.shuffle(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
