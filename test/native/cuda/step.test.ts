/** A step that is put off and run at once, as a CUDA graph is, computes what the same work computes as it comes. */
import { expect, it } from 'vitest';
import { type Device, openDevice } from '../../../src/engine/device.js';
import { Conv2d } from '../../../src/engine/nn/layers.js';
import { Profiler } from '../../../src/engine/profile.js';
import { features, scope, type Tensor, tensor } from '../../../src/engine/tensor.js';
import { kernelTable } from '../../../src/report/profileTable.js';
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

it('counts graphs in a profile, which times every other step', { timeout: 15 * 60_000 }, async () => {
  const device = openEmulated({ checks: false });
  const layer = new Conv2d(device, [8, 3, 1], 1, 0, uniform(8 * 3, 4));
  const profiler = new Profiler(device, layer);
  for (const times of [1, 1, 1, 1, 1, 2, 1]) {
    device.step(() =>
      scope(() => {
        for (let i = 0; i < times; i++) layer.forward(features(device, uniform(3 * 4 * 4, 5), [1, 3, 4, 4]));
      }),
    );
    profiler.endStep();
  }
  // Steps 1, 3, 5 and 7 are timed, of which the first warms up; 2, 4 and 6 are graphs, the last of other work.
  expect(profiler.steps).toBe(3);
  expect(profiler.rows().find(({ kernel }) => kernel === 'conv2d_forward')).toMatchObject({ calls: 1 });
  const { graphs } = profiler;
  expect(graphs).toEqual({ updated: 1, made: 1, remade: 1 });
  const peak = { isa: 'avx2', fmaGflops: 100, tileGflops: null, bandwidthGbS: 10 };
  const memory = { peakTensorsMb: 1, reservedMb: 2, peakRssMb: 3, growths: profiler.growths };
  const { notes } = kernelTable({ rows: profiler.rows(), steps: profiler.steps, peak, memory, graphs });
  expect(notes?.join()).toContain('1 graphs brought up to date, 1 made, 1 made anew');
  profiler.close();
  layer.dispose();
});
