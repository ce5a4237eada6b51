/** Memory of whole training steps: what was live before is live after, and a steady state takes nothing more from the system. */
import { expect, it } from 'vitest';
import { type Device, openDevice } from '../../src/engine/device.js';
import type { ConvAlgorithm } from '../../src/engine/native.js';
import { FrozenWeights } from '../../src/engine/ops/conv2d.js';
import { Adam } from '../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope } from '../../src/engine/tensor.js';
import { ldcNetLoss } from '../../src/method/ldcnet/losses.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';
import { uniform } from './helpers.js';

const size = 32;
const batch = 3;

/** One step on fresh inputs; returns the loss. */
async function step(device: Device, network: LdcNet, adam: Adam, seed: number): Promise<number> {
  const { loss } = scope(() => {
    const image = features(device, uniform(batch * 3 * size * size, seed), [batch, 3, size, size]);
    const map = features(device, uniform(batch * 8 * 8, seed + 1), [batch, 1, 8, 8]);
    const targets = { classes: [1, 0, 1], materials: [1, 0, 1], liveMap: map, spoofMap: map };
    return withTape(() => {
      const { loss } = ldcNetLoss(network.forward(image), targets, {
        gamma: 0.004,
        beta: 0.1,
        margin: 0.1,
        mining: 'batch-hard',
        squared: false,
      });
      backward([{ tensor: loss }], adam.parameters);
      return { loss };
    });
  });
  adam.step();
  const value = loss.item();
  loss.release();
  return value;
}

it.each(['direct', 'winograd'] as ConvAlgorithm[])('training, %s', async (convAlgorithm) => {
  const device = openDevice('cpu', { convAlgorithm });
  const untouched = device.memory();
  const network = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: 8, seed: 1 });
  const adam = new Adam(device, network.parameters(), { lr: 1e-3 });
  const before = device.memory();
  const states = [];
  for (let i = 0; i < 6; i++) {
    expect(await step(device, network, adam, i)).toBeGreaterThan(0);
    states.push(device.memory());
  }
  // The first step has no gradients of the step before; the second and third may still find other gaps between them.
  const [, , settled, ...later] = states;
  for (const state of later) expect(state).toEqual(settled);
  expect(settled!.tensors).toBe(before.tensors + adam.parameters.length);
  clearGrads(adam.parameters);
  expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });

  network.train(false);
  const image = features(device, uniform(batch * 3 * size * size, 9), [batch, 3, size, size]);
  const frozen = new FrozenWeights();
  const evaluate = () => frozen.use(() => scope(() => void network.forward(image)));
  evaluate();
  const packed = device.memory();
  evaluate();
  expect(device.memory()).toEqual(packed);
  expect(packed.live).toBeGreaterThan(before.live);
  frozen.release();
  image.release();
  expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });

  adam.dispose();
  network.dispose();
  expect(device.memory()).toMatchObject({ live: untouched.live, tensors: untouched.tensors });
});
