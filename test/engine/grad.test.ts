import { describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { grad } from '../../src/engine/grad.js';
import { linear } from '../../src/engine/ops/linear.js';
import { mse } from '../../src/engine/ops/losses.js';
import { tensor } from '../../src/engine/tensor.js';

const device = openDevice('cpu', { threads: 1 });

describe('grad', () => {
  it('gives value and gradients of a scalar, and zeros where it does not depend on a tensor', async () => {
    const [x, w, y] = [tensor(device, [1, 2], [1, 2]), tensor(device, [3, -1], [1, 2]), tensor(device, [0], [1, 1])];
    const other = tensor(device, [5], [1]);
    const { value, gradients } = grad(() => mse(linear(x, w), y), [w, x, other]);
    // (w·x)² with w·x = 1: 2 (w·x) x and 2 (w·x) w.
    expect(await value.item()).toBeCloseTo(1, 6);
    expect([...(await gradients[0]!.read())]).toEqual([2, 4]);
    expect([...(await gradients[1]!.read())]).toEqual([6, -2]);
    expect([...(await gradients[2]!.read())]).toEqual([0]);
    expect([w.requiresGrad, w.grad]).toEqual([false, undefined]);
    for (const each of [x, w, y, other, value, ...gradients]) each.release();
    expect(device.memory().tensors).toBe(0);
  });

  it('refuses what is no scalar', () => {
    const x = tensor(device, [1, 2], [1, 2]);
    expect(() => grad(() => linear(x, x), [x])).not.toThrow();
    const rows = tensor(device, [1, 2, 3, 4], [2, 2]);
    expect(() => grad(() => linear(rows, x), [rows])).toThrow('needs a scalar, not a tensor of shape [2,1]');
  });
});
