/** The comparison itself: what is outside a limit must be found. */
import { describe, expect, it } from 'vitest';
import type { ConvAlgorithm } from '../../src/engine/native.js';
import { compareCase, holds, summaryHead, summaryOf } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { generate } from './generated.js';

const empty = { file: '', inputs: {}, outputs: {}, upstream: {}, grads: {}, generated_inputs: {}, attrs: {} };
const limits = {
  rtol: 0.01,
  atol: 0.001,
  summary_rows: {},
  output_rtol: {},
  row_rtol: {},
  row_outlier: {},
  summary_atol: 0,
};

/** Whether all checks hold for one output `y` with the wanted values. */
async function accepts(
  got: number[],
  want: number[],
  changes: Partial<FixtureCase> = {},
  { name = 'y', shape = [got.length], algorithm = 'direct' as ConvAlgorithm, wantShape = [want.length] } = {},
): Promise<boolean> {
  const fixture: FixtureCase = { id: 'a/b', op: 'linear', ...empty, ...limits, outputs: { [name]: 'key' }, ...changes };
  const set = {
    paramTables: { params: [{ name: 'p', shape: [4], scale: 0, offset: 0, trainable: true }] },
    rowTables: { rows: ['p'] },
    tensor: async () => ({ dtype: 'F32', shape: wantShape, data: Float32Array.from(want) }),
  } as unknown as FixtureSet;
  const checks = await compareCase(set, fixture, { outputs: { [name]: { shape, data: got } }, grads: {} }, algorithm);
  expect(checks.length).toBeGreaterThan(0);
  return checks.every(holds);
}

describe('limits of a tensor', () => {
  it('are set by its largest value', async () => {
    expect(await accepts([10, 1.1], [10, 1])).toBe(true);
    expect(await accepts([10, 1.102], [10, 1])).toBe(false);
  });
  it('catch NaN, wrong shapes and missing results', async () => {
    expect(await accepts([10, Number.NaN], [10, 1])).toBe(false);
    expect(await accepts([10, 1], [10, 1], {}, { shape: [1, 2] })).toBe(true);
    expect(await accepts([10, 1], [10, 1, 1])).toBe(false);
    expect(await accepts([10, 1], [10, 1], { outputs: { z: 'key' } })).toBe(false);
    expect(await accepts([10, 1], [10, 1], { grads: { x: 'key' } })).toBe(false);
  });
  it('can ask for equality', async () => {
    expect(await accepts([0, 1], [-0, 1], { rtol: 0, atol: 0 })).toBe(true);
    expect(await accepts([0, 1 + 2 ** -23], [0, 1], { rtol: 0, atol: 0 })).toBe(false);
  });
  it('can differ by output', async () => {
    expect(await accepts([10.2], [10], { output_rtol: { y: 0.03 } })).toBe(true);
    expect(await accepts([10.2], [10], { output_rtol: { z: 0.03 } })).toBe(false);
  });
  it('go by the rms for convolutions that may be Winograd', async () => {
    const conv = { op: 'conv2d', rtol: 1e-9, atol: 0 };
    expect(await accepts([1.00009, -1], [1, -1], conv)).toBe(false);
    expect(await accepts([1.00009, -1], [1, -1], conv, { algorithm: 'winograd' })).toBe(true);
    expect(await accepts([1.00011, -1], [1, -1], conv, { algorithm: 'winograd' })).toBe(false);
    expect(await accepts([1.00009, -1], [1, -1], { ...conv, op: 'linear' }, { algorithm: 'winograd' })).toBe(false);
  });
});

describe('loss terms', () => {
  it('have a limit for each column', async () => {
    const table = { attrs: { loss_terms_columns: ['total', 'cls'] } };
    const shapes = { name: 'loss_terms', shape: [2, 2], wantShape: [2, 2] };
    expect(await accepts([100.5, 1, 90, 1], [100, 1, 90, 1], table, shapes)).toBe(true);
    expect(await accepts([100, 1.5, 90, 1], [100, 1, 90, 1], table, shapes)).toBe(false);
  });
});

describe('summary rows', () => {
  const want = summaryOf([1, -2, 3, 4]);
  const rows = { params: 'params', summary_rows: { y: 'rows' }, row_rtol: { y: [0.01] } };
  const shapes = { shape: [1, want.length], wantShape: [1, want.length] };
  const moved = (at: number, by: number) => want.map((value, i) => (i === at ? value + by : value));

  it('hold the first values, sum, norm and largest magnitude', () => {
    expect(want).toEqual([1, -2, 3, 4, ...new Array(12).fill(0), 6, Math.sqrt(30), 4]);
    expect(summaryOf(Array.from({ length: 40 }, (_, i) => i)).slice(0, summaryHead)).toHaveLength(summaryHead);
  });
  it.each([
    ['a value', 1, 0.04],
    ['the padding', 10, 0.04],
    ['the sum', summaryHead, 0.01 * 2 * Math.sqrt(30)],
    ['the norm', summaryHead + 1, 0.01 * Math.sqrt(30)],
    ['the largest', summaryHead + 2, 0.04],
  ])('limit %s', async (_, at, limit) => {
    expect(await accepts(moved(at, 0.99 * limit), want, rows, shapes)).toBe(true);
    expect(await accepts(moved(at, -1.01 * limit), want, rows, shapes)).toBe(false);
  });
  it('allow one outlier where the case says so', async () => {
    const outlier = { ...rows, row_outlier: { y: 0.2 } };
    expect(await accepts(moved(1, 0.19), want, outlier, shapes)).toBe(true);
    expect(await accepts(moved(1, 0.21), want, outlier, shapes)).toBe(false);
    expect(await accepts(moved(summaryHead + 2, 0.19), want, outlier, shapes)).toBe(false);
    const two = moved(1, 0.19);
    two[2]! += 0.1;
    expect(await accepts(two, want, outlier, shapes)).toBe(false);
  });
});

describe('generated tensors', () => {
  it('have the values of the published test vector', () => {
    expect([...generate('image', 1, 4, { scale: 0.5, offset: 0.5 })]).toEqual([
      0.31201252341270447, 0.34091782569885254, 0.7272611856460571, 0.7681565880775452,
    ]);
  });
});
