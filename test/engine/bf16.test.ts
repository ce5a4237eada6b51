/** Devices whose features are stored in bf16; what they compute: operations.test.ts. */
import { expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { openDevice } from '../../src/engine/device.js';
import { convert } from '../../src/engine/ops/elementwise.js';
import { backward, withTape } from '../../src/engine/tape.js';
import { Tensor } from '../../src/engine/tensor.js';
import { held, uniform } from './helpers.js';

const [full, half] = [openDevice('cpu'), openDevice('cpu', { precision: 'bf16' })];

it('convert brings features to float32 and their gradient back', async () => {
  const shape = [2, 33, 3, 4];
  const [values, upstream] = [uniform(2 * 33 * 12, 1), uniform(2 * 33 * 12, 2)];
  const x = new Tensor(half, shape, 'bfloat16', 'features').set(values);
  x.requiresGrad = true;
  const y = withTape(() => {
    const made = convert(x, 'float32');
    backward([{ tensor: made, upstream: new Tensor(half, shape, 'float32', 'features').set(upstream) }], [x]);
    return made;
  });
  expect([y.dtype, x.grad!.dtype]).toEqual(['float32', 'bfloat16']);
  expect(await y.read()).toEqual(values.map(held));
  expect(await x.grad!.read()).toEqual(upstream.map(held));
});

it('the device says bf16, and refuses tf32 with the reason', () => {
  expect(half.description).toMatch(/^cpu \w+, \d+ threads?, bf16$/);
  expect(full.description).not.toContain('bf16');
  expect(() => openDevice('cpu', { precision: 'tf32' })).toThrow(UserError);
  expect(() => openDevice('cpu', { precision: 'tf32' })).toThrow('computes in fp32 or bf16, not in tf32');
});
