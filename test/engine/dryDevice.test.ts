/** A training step on the device that computes nothing takes the memory that the same step takes on the real one. */
import { expect, it } from 'vitest';
import { type Device, openDevice } from '../../src/engine/device.js';
import { dryDevice } from '../../src/engine/dryDevice.js';
import { BatchNorm, Linear } from '../../src/engine/nn/layers.js';
import { crossEntropy } from '../../src/engine/ops/losses.js';
import { globalAvgPool } from '../../src/engine/ops/pooling.js';
import { Adam } from '../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, tensor } from '../../src/engine/tensor.js';

async function train(device: Device, batch: number): Promise<number> {
  const norm = new BatchNorm(device, 20);
  const linear = new Linear(device, [2, 20], new Float32Array(40).fill(0.1), new Float32Array(2));
  const parameters = [...norm.parameters(), ...linear.parameters()];
  const optimizer = new Adam(device, parameters, { lr: 0.01 });
  let loss = 0;
  for (let step = 0; step < 3; step++) {
    const result = scope(() =>
      withTape(() => {
        const x = features(device, new Float32Array(batch * 20 * 64).fill(1), [batch, 20, 8, 8]);
        const value = crossEntropy(
          linear.forward(globalAvgPool(norm.forward(x))),
          Array.from({ length: batch }, (_, i) => i % 2),
        );
        backward([{ tensor: value }], parameters);
        return { value };
      }),
    );
    loss = await result.value.item();
    result.value.release();
    optimizer.step();
    clearGrads(parameters);
  }
  return loss;
}

it.each([2, 64])('batches of %i', async (batch) => {
  const [real, dry] = [openDevice('cpu', { threads: 1 }), dryDevice(1)];
  expect(await train(real, batch)).toBeGreaterThan(0);
  expect(await train(dry, batch)).toBe(0);
  const { peak, live, tensors } = dry.memory();
  expect({ peak, live, tensors }).toEqual((({ peak, live, tensors }) => ({ peak, live, tensors }))(real.memory()));
});

it('a tensor that there is no room for is told in one sentence, and the device works on', async () => {
  const device = openDevice('cpu', { threads: 1 });
  const kept = tensor(device, [1, 2, 3], [3]);
  expect(() => scope(() => features(device, { length: 2 ** 41 }, [2 ** 20, 16, 2 ** 9, 2 ** 8]))).toThrow(
    /^out of memory: no room for a tensor \[1048576,16,512,256\] beside \d+ MiB in use$/,
  );
  expect(await kept.read()).toEqual(Float32Array.of(1, 2, 3));
});
