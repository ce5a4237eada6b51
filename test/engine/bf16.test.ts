/** Features stored in bf16: every operation gives what it gives in float32, rounded once to what bf16 holds. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { type Device, openDevice } from '../../src/engine/device.js';
import { convert } from '../../src/engine/ops/elementwise.js';
import { type Case, cases, differentiate, tensorsFor, valuesFor } from './operationCases.js';

/** 8 significant bits, to the nearest: what a rounding moves a number by, of itself at most. */
const u = 2 ** -8;

/** The nearest number that bf16 holds, ties to even. */
function held(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const number = (upper: number) => new Float32Array(Uint32Array.of(upper * 0x10000).buffer)[0]!;
  const upper = bits >>> 16;
  const [down, up] = [Math.abs(value - number(upper)), Math.abs(number(upper + 1) - value)];
  return number(down < up || (down === up && upper % 2 === 0) ? upper : upper + 1);
}

const of = (options: object) => openDevice('cpu', options);
const [full, half] = [of({}), of({ precision: 'bf16' })] as const;

interface Result {
  values: ArrayLike<number>;
  dtype: string;
}

describe('operations', () => {
  const heldValues = (each: Case) =>
    valuesFor(each).map((values, i) => (each.inputs[i]!.layout === 'features' ? values.map(held) : values));

  /** Output and gradients. */
  async function results(
    each: Case,
    device: Device,
    values: readonly Float32Array[],
    alter: (value: number) => number,
  ): Promise<Result[]> {
    const leaves = tensorsFor(each, device, values);
    const { output } = differentiate(each, leaves, alter);
    const tensors = [output, ...leaves.flatMap(({ grad }) => grad ?? [])];
    return Promise.all(tensors.map(async (tensor) => ({ values: await tensor.read(), dtype: tensor.dtype })));
  }

  // Losses take float32 alone. Of convolutions the effective weight is rounded too: by u Σ|a b| more, which is the convolution of the absolute
  // values where the weight is what is given.
  const ofFeatures = cases.filter(
    ({ inputs, operation, title }) =>
      inputs.some(({ layout }) => layout === 'features') &&
      operation !== 'mse' &&
      (operation !== 'conv2d' || title.includes('vanilla, direct')),
  );

  it.each(ofFeatures)('$operation: $title', async (each) => {
    const values = heldValues(each);
    const want = await results(each, full, values, held);
    const got = await results(each, half, values, held);
    const absolute = values.map((array) => array.map(Math.abs));
    const sums =
      each.operation === 'conv2d' ? await results(each, full, absolute, (value) => Math.abs(held(value))) : undefined;
    expect(got).toHaveLength(want.length);
    expect(got.some(({ dtype }) => dtype === 'bfloat16')).toBe(true);
    for (const [i, { values: expected }] of want.entries()) {
      const { values: found, dtype } = got[i]!;
      const largest = Math.max(...Array.from(expected, Math.abs));
      for (let k = 0; k < expected.length; k++) {
        const factors = sums === undefined ? 0 : u * sums[i]!.values[k]!;
        const stored = dtype === 'bfloat16' ? u * (Math.abs(expected[k]!) + factors) : 0;
        const limit = factors + stored + 1e-5 * largest;
        expect(Math.abs(found[k]! - expected[k]!), `result ${i}, element ${k}`).toBeLessThanOrEqual(limit);
      }
    }
  });

  it('convert brings features to float32 and their gradient back', async () => {
    const inputs: Case['inputs'] = [{ shape: [2, 33, 3, 4], layout: 'features' }];
    const each: Case = { operation: 'convert', title: '', inputs, run: ([x]) => convert(x!, 'float32') };
    const leaves = tensorsFor(each, half, valuesFor(each));
    const { output, upstream } = differentiate(each, leaves);
    const { grad } = leaves[0]!;
    expect([output.dtype, grad!.dtype]).toEqual(['float32', 'bfloat16']);
    expect(await output.read()).toEqual(valuesFor(each)[0]!.map(held));
    expect(await grad!.read()).toEqual(upstream.map(held));
  });
});

describe('the device', () => {
  it('says bf16, and refuses tf32 with the reason', () => {
    expect(half.description).toMatch(/^cpu \w+, \d+ threads?, bf16$/);
    expect(full.description).not.toContain('bf16');
    expect(() => openDevice('cpu', { precision: 'tf32' })).toThrow(UserError);
    expect(() => openDevice('cpu', { precision: 'tf32' })).toThrow('computes in fp32 or bf16, not in tf32');
  });
});
