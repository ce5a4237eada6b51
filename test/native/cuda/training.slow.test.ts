/**
 * LDCNet trained on the emulated GPU in tf32 and bf16 moves as far from float32 as rounding its weights takes it: the limit of
 * test/engine/bf16.slow.test.ts, which was derived for the CPU's bf16, at the roundoff of each format. One step of a small image, since it
 * takes seconds: an update is millions of numbers. Its five losses are too few to be judged, and are printed. The same step by warp-group MMA,
 * with the tiles of a large batch, must have the same bits: on the emulator both add K up in one order.
 */
import { afterEach, expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { openEmulated } from './emulated.js';
import { apart, Trainer } from './training.js';

const minutes = 60_000;
const size = 32;

afterEach(() => {
  delete process.env.LDC_CUDA_EMULATED_CAPABILITY;
  delete process.env.LDC_CUDA_EMULATED_MULTIPROCESSORS;
});

it.each([
  ['tf32', 2 ** -11],
  ['bf16', 2 ** -8],
] as const)('%s', { timeout: 15 * minutes }, async (precision, u) => {
  const cpu = openDevice('cpu', { convAlgorithm: 'direct' });
  const emulated = () => new Trainer(openEmulated({ precision, checks: false }), size);
  const [reference, moved, rounded] = [new Trainer(cpu, size), new Trainer(cpu, size), emulated()];
  process.env.LDC_CUDA_EMULATED_CAPABILITY = '9.0';
  const hopper = emulated();
  await reference.step(); // the first of Adam is of signs alone
  const before = await reference.parameters();
  for (const trainer of [rounded, hopper]) await trainer.copyFrom(reference);
  await moved.copyFrom(reference, u, 1);
  const start = await moved.parameters();
  const [want, got] = [await reference.step(), await rounded.step()];
  await moved.step();
  const after = await reference.parameters();
  const limit = 4 * apart(await moved.parameters(), start, after, before);
  const ours = await rounded.parameters();
  const update = apart(ours, before, after, before) / limit;
  console.log(`${precision}: update at ${update.toFixed(2)} of its limit; losses ${got}, in float32 ${want}`);
  expect(update).toBeLessThanOrEqual(1);
  expect(update, `${precision} is something else than fp32`).toBeGreaterThan(0);

  process.env.LDC_CUDA_EMULATED_MULTIPROCESSORS = '1';
  expect(await hopper.step()).toEqual(got);
  expect(await hopper.parameters()).toEqual(ours);
});
