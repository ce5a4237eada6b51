/**
 * LDCNet trained on the CPU, and every step done again on the emulated CUDA device from the state that the CPU had before it.
 *
 * Left to themselves, two float32 runs part company whatever the device: from weights changed by 6e-8 the CPU's own losses are
 * 1e-3 apart after five steps at 64 pixels. So each step starts from one state. Losses have the limit of the fixtures for outputs of
 * networks. The update has four times what the CPU's own changes by when weights are moved by no more than rounding, unless
 * a ReLU or a pooling window is within rounding of a tie, which then falls on either side (test/fixtures/README.md). Seen were jumps of
 * 0.26 % of the update on the CPU alone, from perturbed weights, and of 0.5 % here, in 6 of 20 steps. Allowed are 1 % in half of the
 * steps: a limit that was set after these were seen, so it guards against worse, and proves nothing finer than that about such steps.
 */
import { expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { openEmulated } from './emulated.js';
import { apart, Trainer, type Values } from './training.js';

const minutes = 60_000;
const steps = 20;
const size = 64;
const perturbed = 2;
const lossLimit = 5e-5;
const tieLimit = 0.01;

it('LDCNet trained for 20 steps in fp32: each step agrees', { timeout: 25 * minutes }, async () => {
  const cpu = openDevice('cpu', { convAlgorithm: 'direct' });
  const [reference, emulated, moved] = [cpu, openEmulated({ checks: false }), cpu].map(
    (device) => new Trainer(device, size),
  );
  let [worstLoss, worstUpdate, ties] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    const before = await reference!.parameters();
    await emulated!.copyFrom(reference!);
    const starts: Values[] = [];
    const ends: Values[] = [];
    for (let seed = 1; seed <= perturbed; seed++) {
      await moved!.copyFrom(reference!, 6e-8, steps * seed + step);
      starts.push(await moved!.parameters());
      await moved!.step();
      ends.push(await moved!.parameters());
    }
    const want = await reference!.step();
    const got = await emulated!.step();
    const after = await reference!.parameters();
    const length = apart(after, before, before, before);
    // The smallest: a tie may have come between in the others.
    const limit = (4 * Math.min(...ends.map((end, i) => apart(end, starts[i]!, after, before)))) / length;
    const update = apart(await emulated!.parameters(), before, after, before) / length;
    const losses = got.map((value, i) => Math.abs(value - want[i]!) / Math.max(Math.abs(want[i]!), 1e-3));
    expect(Math.max(...losses), `losses of step ${step}: ${got} for ${want}`).toBeLessThanOrEqual(lossLimit);
    expect(update, `update of step ${step}`).toBeLessThanOrEqual(tieLimit);
    if (update > limit) ties++;
    else worstUpdate = Math.max(worstUpdate, update / limit);
    worstLoss = Math.max(worstLoss, ...losses);
  }
  console.log(
    `losses apart by ${worstLoss.toExponential(1)} at most; updates by ${worstUpdate.toFixed(2)} of their limit, ${ties} steps met a tie`,
  );
  expect(ties, 'steps beyond rounding').toBeLessThanOrEqual(steps / 2);
});
