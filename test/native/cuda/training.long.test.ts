/**
 * LDCNet on the emulated CUDA device and on the CPU agree step by step. What "agree" may mean is measured: the CPU trains again
 * from weights that are changed by no more than rounding (6e-8 relative); the device may be apart by four times as much.
 */
import { expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { openEmulated } from './emulated.js';
import { train } from './training.js';

const minutes = 60_000;
const steps = 20;
const size = 32;
const runs = 4;
const floor = 1e-6;

it('LDCNet trained for 20 steps in fp32: the same losses, step by step', { timeout: 25 * minutes }, async () => {
  const cpu = openDevice('cpu', { convAlgorithm: 'direct' });
  const reference = await train(cpu, { steps, size });
  const limits = reference.map((terms) => terms.map((value) => floor * (1 + Math.abs(value))));
  for (let seed = 1; seed <= runs; seed++) {
    const other = await train(cpu, { steps, size, perturbation: 6e-8, seed });
    for (let step = 0; step < steps; step++) {
      limits[step]!.forEach((limit, i) => {
        const apart = 4 * Math.abs(other[step]![i]! - reference[step]![i]!);
        const before = limits[step - 1]?.[i] ?? 0; // what two runs were apart once, they may be again
        limits[step]![i] = Math.max(limit, apart, before);
      });
    }
  }
  const emulated = await train(openEmulated({ checks: false }), { steps, size });
  const shares = emulated.map((terms, step) =>
    terms.map((value, i) => Math.abs(value - reference[step]![i]!) / limits[step]![i]!),
  );
  const worst = Math.max(...shares.flat());
  console.log(
    `largest share of a limit ${worst.toPrecision(3)}; last limits ${limits[steps - 1]!.map((x) => x.toPrecision(2))}`,
  );
  expect(worst).toBeLessThanOrEqual(1);
  expect(Math.max(...limits.flat()), 'limits so wide that they say nothing').toBeLessThan(0.1);
});
