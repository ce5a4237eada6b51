/** The table of operations on the emulated GPU: values against definitions, gradients against the CPU's, the same bits in any order of blocks and threads. */
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { compute, define, distance, uses, valuesFor } from '../../engine/operations/check.js';
import { openEmulated } from './emulated.js';

/** Winograd is the CPU's own: those cases are the direct ones once more. Features in bf16: parity_test.cc. */
const cases = uses.filter(({ each }) => each.algorithm !== 'winograd');

describe('cuda-emulated', () => {
  const [first, second] = [0, 1].map((seed) => openEmulated({ convAlgorithm: 'direct', seed })) as [never, never];
  const cpu = openDevice('cpu', { convAlgorithm: 'direct' });

  it.each(cases)('$name: $title', async (use) => {
    const values = valuesFor(use.each);
    const got = await compute(use, first, values);
    for (const [i, { data }] of define(use.each, values).entries()) {
      const limit = use.each.tolerance === 0 ? 0 : 2 * (use.each.tolerance ?? 1e-6);
      expect(distance(got.outputs[i]!.values, data), `result ${i}`).toBeLessThanOrEqual(limit);
    }
    const { gradients } = await compute(use, cpu, values);
    for (const [i, gradient] of gradients.entries()) {
      if (gradient === undefined) continue;
      expect(distance(got.gradients[i]!.values, gradient.values), `gradient ${i}`).toBeLessThanOrEqual(1e-5);
    }
    expect(await compute(use, second, values)).toEqual(got);
  });
});
