/** A step that is put off and run at once, as a CUDA graph is, computes what the same work computes as it comes. */
import { expect, it } from 'vitest';
import { type Device, openDevice } from '../../../src/engine/device.js';
import { features, scope, type Tensor, tensor } from '../../../src/engine/tensor.js';
import { uniform } from '../../engine/helpers.js';
import { openEmulated } from './emulated.js';

/** Uploads, kernels and memory that is freed and used again, with a read in the middle. */
async function work(device: Device): Promise<{ middle: Promise<ArrayLike<number>>; end: Tensor }> {
  return scope(() => {
    const x = features(device, uniform(2 * 3 * 4 * 4, 1), [2, 3, 4, 4]);
    const y = features(device, uniform(2 * 3 * 4 * 4, 2), [2, 3, 4, 4]);
    const sum = scope(() => {
      const twice = features(device, new Float32Array(2 * 3 * 4 * 4), [2, 3, 4, 4]);
      device.native.scale(x.handle, 2, twice.handle);
      device.native.accumulate(y.handle, twice.handle);
      return twice;
    });
    const middle = sum.read();
    const again = tensor(device, uniform(96, 3), [96]);
    device.native.scale(again.handle, 0.5, again.handle);
    const end = tensor(device, new Float32Array(96), [96]);
    device.native.add(again.handle, again.handle, end.handle);
    return { middle, end };
  });
}

it('gives the same values, and frees the same memory', { timeout: 15 * 60_000 }, async () => {
  const device = openEmulated();
  const before = device.memory().live;
  const results: number[][] = [];
  for (const submit of [() => work(device), () => device.step(() => work(device))]) {
    const { middle, end } = await submit();
    results.push([...Array.from(await middle), ...Array.from(await end.read())]);
    end.release();
    expect(device.memory().live).toBe(before);
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[0]).toHaveLength(2 * 96);
});

it('finds an array that was fetched ahead as it was then, and no other in its place', {
  timeout: 15 * 60_000,
}, async () => {
  for (const device of [openEmulated(), openDevice('cpu')]) {
    const fetched = device.name === 'cpu' ? 9 : 1; // the CPU has nothing to gain, and reads when it uploads
    const [ahead, other] = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
    device.prefetch(ahead);
    ahead[0] = 9;
    const set = (values: Uint8Array) => device.step(() => tensor(device, values, [4], 'uint8'));
    const tensors = [set(other), set(ahead), set(ahead)];
    const values = await Promise.all(tensors.map(async (each) => [...(await each.read())]));
    expect(values).toEqual([
      [5, 6, 7, 8],
      [fetched, 2, 3, 4],
      [9, 2, 3, 4],
    ]);
    for (const each of tensors) each.release();
    expect(device.memory()).toMatchObject({ live: 0, tensors: 0 });
  }
});
