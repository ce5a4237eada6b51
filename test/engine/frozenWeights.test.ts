/** Packed weights that are kept from call to call while nothing learns. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { type ConvWeight, conv2d, FrozenWeights } from '../../src/engine/ops/conv2d.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, type Tensor, tensor } from '../../src/engine/tensor.js';
import { uniform } from './helpers.js';

const device = openDevice('cpu', { threads: 1, convAlgorithm: 'winograd' });
const x = features(device, uniform(2 * 16 * 8 * 8, 1), [2, 16, 8, 8]);
const weight: ConvWeight = {
  w: tensor(device, uniform(16 * 16 * 9, 2), [16, 16, 3, 3]),
  m: tensor(device, uniform(16 * 16, 3), [16, 16]),
  theta: tensor(device, [0.5], [1]),
  descriptor: 'ldc',
};

async function values(y: Tensor): Promise<number[]> {
  const read = y.read();
  y.release();
  return [...(await read)];
}

async function packings(body: () => void): Promise<number> {
  const times = await device.profile(async () => body());
  return times.filter(({ name }) => name === 'conv2d_pack').length;
}

it('give the same results, packing each convolution once', async () => {
  const plain = await values(conv2d(x, weight, 1, 1));
  const frozen = new FrozenWeights();
  for (let i = 0; i < 2; i++) expect(await values(frozen.use(() => conv2d(x, weight, 1, 1)))).toEqual(plain);
  const again = () => frozen.use(() => scope(() => void conv2d(x, weight, 1, 1)));
  expect(await packings(again)).toBe(0);
  const smaller = features(device, uniform(16 * 4 * 4, 4), [1, 16, 4, 4]);
  expect(await packings(() => frozen.use(() => scope(() => void conv2d(smaller, weight, 1, 1))))).toBe(1);
  frozen.release();
  smaller.release();
  expect(await packings(again)).toBe(1);
  frozen.release();
});

it('are of no effect outside of use(), and while weights learn', async () => {
  const frozen = new FrozenWeights();
  frozen.use(() => scope(() => void conv2d(x, weight, 1, 1)));
  expect(await packings(() => scope(() => void conv2d(x, weight, 1, 1)))).toBe(1);
  const learning = { ...weight, w: tensor(device, await weight.w.read(), weight.w.shape) };
  learning.w.requiresGrad = true;
  const train = () =>
    frozen.use(() => scope(() => withTape(() => backward([{ tensor: conv2d(x, learning, 1, 1) }], [learning.w]))));
  expect(await packings(train)).toBe(1);
  expect(await packings(train)).toBe(1);
  clearGrads([learning.w]);
  learning.w.release();
  frozen.release();
});

it('are freed by release()', () => {
  const before = device.memory();
  const frozen = new FrozenWeights();
  frozen.use(() => scope(() => void conv2d(x, weight, 1, 1)));
  expect(device.memory().tensors).toBe(before.tensors + 1);
  frozen.release();
  expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
});
