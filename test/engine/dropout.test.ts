/** The device's dropout masks are those of src/engine/random.ts, word for word. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { dropout } from '../../src/engine/ops/elementwise.js';
import { Philox, purposes } from '../../src/engine/random.js';
import { scope, tensor } from '../../src/engine/tensor.js';

const ones = (count: number) => new Float32Array(count).fill(1);

async function mask(count: number, p: number, seed: number, step: number, threads = 2): Promise<Float32Array> {
  const device = openDevice('cpu', { threads });
  const y = scope(() => dropout(tensor(device, ones(count), [count]), p, { seed, purpose: purposes.dropout, step }));
  return (await y.read()) as Float32Array;
}

function expected(count: number, p: number, seed: number, step: number): Float32Array {
  const random = new Philox(seed, purposes.dropout, step);
  const limit = Math.floor(p * 2 ** 32);
  return Float32Array.from({ length: count }, () => (random.nextUint32() >= limit ? 1 / (1 - p) : 0));
}

it.each([
  [1, 0.5, 1, 0],
  [7, 0.25, 2 ** 32 - 1, 3],
  [15360, 0.5, 20221, 1],
  [5000, 0.9, 7, 2 ** 32 + 5],
  [33, 0, 7, 2 ** 53 - 1],
])('%i elements, p %f, seed %i, step %i', async (count, p, seed, step) => {
  expect(await mask(count, p, seed, step)).toEqual(expected(count, p, seed, step));
});

it('keep the wanted share', async () => {
  const kept = (await mask(100_000, 0.3, 5, 8)).filter((value) => value > 0).length;
  expect(Math.abs(kept / 100_000 - 0.7)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 100_000));
});

it('differ from step to step and seed to seed, not by threads', async () => {
  const first = await mask(1000, 0.5, 1, 1, 1);
  expect(await mask(1000, 0.5, 1, 1, 3)).toEqual(first);
  expect(await mask(1000, 0.5, 1, 2)).not.toEqual(first);
  expect(await mask(1000, 0.5, 2, 1)).not.toEqual(first);
});

it.each([1, -0.1, Number.NaN])('p = %f is refused', async (p) => {
  await expect(mask(4, p, 1, 1)).rejects.toThrow('p is not in [0, 1)');
});
