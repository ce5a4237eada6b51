/** Times of every operation at the size that it has in a step (test/engine/operations/table.ts). */
import { UserError } from '../../src/base/errors.js';
import type { Device } from '../../src/engine/device.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { scope, Tensor, zeros } from '../../src/engine/tensor.js';
import { tensorsFor, valuesFor } from '../../test/engine/operations/check.js';
import { operations } from '../../test/engine/operations/table.js';
import { type Spread, spreadOf } from './statistics.js';

export interface OperationTime {
  operation: string;
  /** Milliseconds by the clock. */
  forward: Spread;
  /** Forward and backward; of what has no gradient undefined. */
  both: Spread | undefined;
  /** Of inputs and results, a forward pass: what it must move at least. */
  bytes: number;
}

/** @throws UserError where `only` is no operation */
export async function* operationTimes(device: Device, steps: number, only?: string): AsyncGenerator<OperationTime> {
  const chosen = operations.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    throw new UserError(`there is no operation ${JSON.stringify(only)}`, operations.map(({ name }) => name).join(', '));
  }
  for (const { name, gradient, timed } of chosen) {
    const leaves = tensorsFor(timed, device, valuesFor(timed));
    for (const leaf of leaves) leaf.requiresGrad &&= gradient !== 'none';
    let bytes = 0;
    const forward = () =>
      scope(() => {
        const results = [timed.run([...leaves])].flat();
        bytes = [...leaves, ...results].reduce(
          (sum, { size, dtype }) => sum + size * (dtype === 'bfloat16' ? 2 : 4),
          0,
        );
      });
    const both = () =>
      scope(() =>
        withTape(() => {
          const tensor = [timed.run([...leaves])].flat()[0]!;
          const { shape, dtype, layout } = tensor;
          const upstream = new Tensor(device, shape, dtype, layout);
          device.native.fill(upstream.handle, 1);
          backward([{ tensor, upstream }], leaves);
          clearGrads(leaves);
        }),
      );
    const time = async (body: () => void) => spreadOf(await timesOf(device, steps, body));
    yield {
      operation: name,
      forward: await time(forward),
      both: gradient === 'none' ? undefined : await time(both),
      bytes,
    };
    for (const leaf of leaves) leaf.release();
  }
}

/** Milliseconds of each of `steps` runs, after one that warms up. */
async function timesOf(device: Device, steps: number, body: () => void): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i <= steps; i++) {
    const start = performance.now();
    body();
    await idle(device);
    if (i > 0) times.push(performance.now() - start);
  }
  return times;
}

/** When all work that was submitted is done. */
async function idle(device: Device): Promise<void> {
  const last = zeros(device, [1]);
  await last.item();
  last.release();
}
