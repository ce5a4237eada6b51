/** LDCNet trained in bf16 moves as far from float32 as rounding its weights takes it, and to the same bits for any number of threads. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { apart, Trainer } from '../native/cuda/training.js';

/** 8 significant bits, to the nearest: what a rounding moves a number by, of itself at most. */
const u = 2 ** -8;

describe('LDCNet in training', () => {
  const size = 64;

  /**
   * Each step starts from one state. The limit is what float32's own step changes by when every weight moves by up to u of itself, as a
   * rounding of it would, four times: a layer rounds its weights and stores two activations and two gradients, errors that add as √5, and
   * the rest is for chance. An update is millions of numbers; the losses are five, which one moving of the weights may by chance leave where
   * they are, so they are compared by the rms of all steps: single steps were seen at 1.17 (AVX-512) and 1.92 (AMX) of this limit, after which the rms was chosen.
   */
  it('20 steps: each stays within what rounding the weights of float32 does', { timeout: 10 * 60_000 }, async () => {
    const [reference, rounded, moved] = (['fp32', 'bf16', 'fp32'] as const).map(
      (precision) => new Trainer(openDevice('cpu', { precision }), size),
    ) as [Trainer, Trainer, Trainer];
    let [worstLoss, worstUpdate, lossSquare, limitSquare] = [0, 0, 0, 0];
    for (let step = 0; step < 20; step++) {
      const before = await reference.parameters();
      await rounded.copyFrom(reference);
      await moved.copyFrom(reference, u, step + 1);
      const start = await moved.parameters();
      const [want, got, near] = [await reference.step(), await rounded.step(), await moved.step()];
      const after = await reference.parameters();
      const limit = 4 * apart(await moved.parameters(), start, after, before);
      worstUpdate = Math.max(worstUpdate, apart(await rounded.parameters(), before, after, before) / limit);
      const distance = (losses: number[]) =>
        Math.hypot(...losses.map((loss, i) => (loss - want[i]!) / Math.max(Math.abs(want[i]!), 1e-3)));
      worstLoss = Math.max(worstLoss, distance(got) / (4 * distance(near)));
      lossSquare += distance(got) ** 2;
      limitSquare += (4 * distance(near)) ** 2;
    }
    const losses = Math.sqrt(lossSquare / limitSquare);
    const report = `of their limits: losses ${losses.toFixed(2)} (worst step ${worstLoss.toFixed(2)}), updates ${worstUpdate.toFixed(2)}`;
    console.log(report);
    expect(losses, report).toBeLessThanOrEqual(1);
    expect(worstUpdate, report).toBeLessThanOrEqual(1);
    expect(worstUpdate, 'bf16 is something else than fp32').toBeGreaterThan(0);
  });

  it('gives the same bits for 1, 2 and 3 threads', { timeout: 2 * 60_000 }, async () => {
    const runs = [1, 2, 3].map(async (threads) => {
      const trainer = new Trainer(openDevice('cpu', { precision: 'bf16', threads }), size);
      const losses = [await trainer.step(), await trainer.step()];
      const hash = createHash('sha256');
      for (const values of await trainer.parameters()) hash.update(values);
      return { losses, parameters: hash.digest('hex') };
    });
    const [first, ...others] = await Promise.all(runs);
    for (const other of others) expect(other).toEqual(first);
  });
});
