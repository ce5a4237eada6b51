/** A training step of each rival on the emulated CUDA device ends where the CPU's does: every operation of theirs is there and is wired alike. */
import { beforeAll, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { build, openEmulated } from '../native/cuda/emulated.js';
import { apart } from '../native/cuda/training.js';
import { type OneStep, oneStep } from './oneStep.js';

const minutes = 60_000;
beforeAll(() => build('ldc_emulated'), 15 * minutes);

const distance = (a: OneStep, b: OneStep) => apart(a.after, a.before, b.after, b.before);

/** Rounding noise is taken from the CPU itself: how far Winograd's sums take a step from where the direct sums take it. The GPU's is of that order, which is small beside the step. */
it.each([
  ['erm', ['erm.batch=1']],
  ['ssdg', ['ssdg.batch=1']],
  ['safas', ['safas.batch=2', 'safas.align_from=0']],
])('%s', { timeout: 10 * minutes }, async (name, more) => {
  const set = [`method=${name}`, ...more];
  const cpu = (convAlgorithm: 'direct' | 'winograd') => oneStep(openDevice('cpu', { convAlgorithm }), set);
  const [direct, winograd] = [await cpu('direct'), await cpu('winograd')];
  const gpu = await oneStep(openEmulated({ convAlgorithm: 'direct', checks: false }), set);
  const [noise, step] = [distance(winograd, direct), apart(direct.after, direct.before, direct.before, direct.before)];
  expect(noise).toBeGreaterThan(0);
  expect(noise).toBeLessThan(0.01 * step);
  expect(distance(gpu, direct)).toBeLessThan(3 * noise);
  expect(gpu.terms).toEqual(
    Object.fromEntries(Object.entries(direct.terms).map(([term, value]) => [term, expect.closeTo(value, 4)])),
  );
});
