/** SA-FAS beside what the fixtures hold: another number of heads, evaluation, alignment, and what is refused. */
import { expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { alignHeads } from '../../../src/engine/ops/linear.js';
import { perHeadBce, supCon } from '../../../src/engine/ops/losses.js';
import { features, tensor } from '../../../src/engine/tensor.js';
import { contrastiveLabels } from '../../../src/method/safas/losses.js';
import { SafasNet, safasScore } from '../../../src/method/safas/network.js';
import { uniform } from '../../engine/helpers.js';

const device = openDevice('cpu', { threads: 2 });

it('has as many heads as sources, and their logits side by side in evaluation', async () => {
  const net = new SafasNet(device, { heads: 2, seed: 1 }).train(false);
  const heads = net.state().flatMap(({ name }) => (/^fc\d/.test(name) ? [name] : []));
  expect(heads).toEqual(['fc0.weight', 'fc0.bias', 'fc1.weight', 'fc1.bias']);
  const image = features(device, uniform(3 * 3 * 32 * 32, 1), [3, 3, 32, 32]);
  const { headLogits, feature } = net.forward(image);
  const [first, second] = await Promise.all(headLogits.map((each) => each.read()));
  const together = net.classify(image);
  expect(together.shape).toEqual([3, 2]);
  expect([...(await together.read())]).toEqual([0, 1, 2].flatMap((row) => [first![row], second![row]]));
  for (const each of [image, feature, together, ...headLogits]) each.release();
});

it('aligns two heads and leaves a single one', async () => {
  const two = new SafasNet(device, { heads: 2, seed: 1 });
  const weights = () =>
    Promise.all(
      ['fc0.weight', 'fc1.weight'].map(async (wanted) => {
        return [
          ...(await two
            .state()
            .find(({ name }) => name === wanted)!
            .tensor!.read()),
        ];
      }),
    );
  const cosineOf = ([a, b]: number[][]) =>
    a!.reduce((sum, value, i) => sum + value * b![i]!, 0) / (Math.hypot(...a!) * Math.hypot(...b!));
  const before = await weights();
  const cosine = two.align(0.9)!;
  expect(await cosine.item()).toBeCloseTo(cosineOf(before), 5);
  const after = await weights();
  expect(cosineOf(after)).toBeGreaterThan(cosineOf(before));
  before.forEach((head, k) => {
    expect(Math.hypot(...after[k]!)).toBeCloseTo(Math.hypot(...head), 5);
  });
  expect(new SafasNet(device, { heads: 1, seed: null }).align(0.9)).toBeUndefined();
  expect(() => alignHeads([tensor(device, [1, 2], [1, 2])], { alpha: 0.9 })).toThrow('only 2 to 16');
});

it('scores by the mean of the sigmoids', () => {
  expect(safasScore([0, 0])).toBe(0.5);
  expect(safasScore([800, -800, 0])).toBeCloseTo(0.5, 12);
  expect(safasScore([1], 2)).toBeCloseTo(1 / (1 + Math.exp(-2)), 12);
});

it('labels sources and classes together', () => {
  expect(contrastiveLabels({ classes: [1, 0, 1], domains: [0, 0, 2] })).toEqual([1, 0, 21]);
});

it('refuses what has no meaning', () => {
  const x = tensor(device, uniform(6, 1), [3, 2]);
  const temperatures = { temperature: 0.1, baseTemperature: 0.07 };
  expect(() => supCon(x, [0, 0, 1], temperatures)).toThrow('label 1 has a single view');
  expect(() => supCon(x, [0, 0], temperatures)).toThrow('2 labels for 3');
  const logits = [tensor(device, [1, 2], [2]), tensor(device, [1, 2], [2])];
  expect(() => perHeadBce(logits, [0, 2], [0, 1])).toThrow('head 2 is not one of the 2 heads');
  expect(() => perHeadBce(logits, [0, 1], [0, 3])).toThrow('label 3 is neither 0 nor 1');
});
