/** SSDG beside what the fixtures hold: the variant as described, labels, and what is refused. */
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { features, type Tensor, tensor } from '../../../src/engine/tensor.js';
import { domainLoss, tripletLabels } from '../../../src/method/ssdg/losses.js';
import { Discriminator, SsdgNet } from '../../../src/method/ssdg/network.js';
import { uniform } from '../../engine/helpers.js';

const device = openDevice('cpu', { threads: 2 });

async function run(net: SsdgNet) {
  const image = features(device, uniform(2 * 3 * 32 * 32, 1), [2, 3, 32, 32]);
  const { logits, feature } = net.train(false).forward(image);
  const values = { logits: [...(await logits.read())], feature: [...(await feature.read())] };
  for (const each of [image, logits, feature]) each.release();
  return values;
}

const norm = (values: readonly number[]) => Math.hypot(...values);

describe('as described', () => {
  const net = new SsdgNet(device, { seed: 1, variant: 'as-described' });

  it('has a feature of length 1, and cosines for logits', async () => {
    const { logits, feature } = await run(net);
    for (const row of [0, 1]) expect(norm(feature.slice(512 * row, 512 * (row + 1)))).toBeCloseTo(1, 5);
    const { tensor: weight } = net.state().find(({ name }) => name === 'classifier.classifier_layer.weight')!;
    const w = [...(await weight!.read())];
    const cosine = (row: number, c: number) => {
      const line = w.slice(512 * c, 512 * (c + 1));
      return line.reduce((sum, value, i) => sum + value * feature[512 * row + i]!, 0) / norm(line);
    };
    [cosine(0, 0), cosine(0, 1), cosine(1, 0), cosine(1, 1)].forEach((want, i) => {
      expect(logits[i]).toBeCloseTo(want, 5);
    });
  });

  it('has the released names, without the bias', () => {
    const names = (each: SsdgNet) => each.state().map(({ name }) => name);
    const released = names(new SsdgNet(device, { seed: null }));
    expect(names(net)).toEqual(released.filter((name) => name !== 'classifier.classifier_layer.bias'));
  });
});

it('as released the feature has half its norm under the root', async () => {
  const { feature } = await run(new SsdgNet(device, { seed: 1 }));
  expect(norm(feature.slice(0, 512))).not.toBeCloseTo(1, 2);
});

it('calls the live of all sources one class, the attacks of each another', () => {
  expect(tripletLabels({ classes: [1, 0, 1, 0, 0], domains: [0, 0, 2, 2, 1] })).toEqual([0, 1, 0, 3, 2]);
});

it('needs a live row for the domain loss, of two sources too', async () => {
  const feature = tensor(device, uniform(3 * 512, 2), [3, 512]);
  const discriminator = new Discriminator(device, { seed: 1, sources: 2 });
  const judge = (rows: Tensor) => discriminator.forward(rows, { coefficient: 1 });
  const targets = { classes: [0, 1, 0], domains: [0, 1, 1] };
  const { loss, logits } = domainLoss(feature, targets, judge);
  expect(logits.shape).toEqual([1, 2]);
  expect(await loss.item()).toBeGreaterThan(0);
  expect(() => domainLoss(feature, { ...targets, classes: [0, 0, 0] }, judge)).toThrow('no live row');
});
