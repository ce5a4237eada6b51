/**
 * Every operation's gradient against central differences of its own forward pass. The scalar Σ upstream · output is summed in
 * double; what is compared is the derivative along random directions, in which every element takes part, one input at a time.
 */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { gradientReversal } from '../../src/engine/ops/elementwise.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { scope, tensor } from '../../src/engine/tensor.js';
import { dot, uniform } from './helpers.js';
import { cases, differentiate, tensorsFor, valuesFor } from './operationCases.js';

const devices = {
  direct: openDevice('cpu', { convAlgorithm: 'direct' }),
  winograd: openDevice('cpu', { convAlgorithm: 'winograd' }),
};

it.each(cases)('$operation: $title', async (each) => {
  const { inputs, run, step = 0.25, algorithm = 'direct' } = each;
  const device = devices[algorithm];
  const host = valuesFor(each);
  const { leaves, upstream } = scope(() => {
    const leaves = tensorsFor(each, device, host);
    return { leaves, upstream: differentiate(each, leaves).upstream };
  });
  const scalarAt = async (values: readonly Float32Array[]) => {
    const y = scope(() => run(tensorsFor(each, device, values)));
    const read = y.read();
    y.release();
    return dot(await read, upstream);
  };

  for (const [i, leaf] of leaves.entries()) {
    if (inputs[i]!.constant) {
      expect(leaf.grad).toBeUndefined();
      continue;
    }
    const gradient = await leaf.grad!.read();
    for (const seed of [1, 2, 3]) {
      const direction = uniform(leaf.size, 300 + 10 * i + seed);
      const moved = (by: number) =>
        host.map((values, j) => (j === i ? values.map((value, k) => value + by * direction[k]!) : values));
      const [ahead, behind] = [moved(step), moved(-step)];
      const difference = (await scalarAt(ahead)) - (await scalarAt(behind));
      // What float32 made of the step is what the function saw.
      const taken = ahead[i]!.map((value, k) => value - behind[i]![k]!);
      const expected = dot(gradient, taken);
      const scale = Math.sqrt(dot(gradient, gradient) * dot(taken, taken));
      expect(Math.abs(difference - expected) / scale, `input ${i}, direction ${seed}`).toBeLessThan(1e-4);
    }
  }
  clearGrads(leaves);
  for (const leaf of leaves) leaf.release();
});

it('gradientReversal turns the upstream around and nothing else', async () => {
  const device = devices.direct;
  const [values, seed] = [uniform(21, 1), uniform(21, 2)];
  const [x, upstream] = [tensor(device, values, [3, 7]), tensor(device, seed, [3, 7])];
  x.requiresGrad = true;
  const y = withTape(() => {
    const made = gradientReversal(x, 0.75);
    backward([{ tensor: made, upstream }], [x]);
    return made;
  });
  expect(await y.read()).toEqual(values);
  expect(await x.grad!.read()).toEqual(seed.map((value) => -0.75 * value));
  for (const each of [x.grad!, x, y, upstream]) each.release();
});

it('leave no operation out', async () => {
  const folder = new URL('../../src/engine/ops/', import.meta.url);
  const exported = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder).pathname)));
  const operations = exported.flatMap((module) =>
    Object.keys(module).filter((name) => typeof module[name] === 'function' && !/^[A-Z]/.test(name)),
  );
  // In place on a parameter, or of what is never learned from.
  const undifferentiated = ['unitColumns', 'alignHeads', 'resizeBilinear', 'imagesToFeatures', 'scaleChannels'];
  undifferentiated.push('rotate', 'resizedCrop', 'mixColours');
  undifferentiated.push('gradientReversal'); // on purpose not the gradient of its forward pass: below
  const checked = new Set(cases.map(({ operation }) => operation));
  expect([...checked, ...undifferentiated].sort()).toEqual(operations.sort());
});
