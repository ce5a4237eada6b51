/** A profile names the layer of every kernel, in the backward pass too, and counts what convolutions do. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { Conv2d } from '../../src/engine/nn/layers.js';
import { Module } from '../../src/engine/nn/module.js';
import { relu } from '../../src/engine/ops/elementwise.js';
import { Profiler } from '../../src/engine/profile.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, type Tensor } from '../../src/engine/tensor.js';
import { kernelTable, layerTable } from '../../src/report/profileTable.js';
import { uniform } from './helpers.js';

const device = openDevice('cpu', { threads: 1 });

class Two extends Module {
  readonly first = this.child('first', new Conv2d(device, [16, 16, 3], 1, 1, uniform(16 * 16 * 9, 1)));
  readonly second = this.child('second', new Conv2d(device, [32, 16, 1], 2, 0, uniform(32 * 16, 2)));

  protected override compute(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)));
  }
}

const net = new Two(device);
const image = features(device, uniform(2 * 16 * 8 * 8, 3), [2, 16, 8, 8]);

async function step(): Promise<void> {
  device.step(() => scope(() => withTape(() => backward([{ tensor: net.forward(image) }], net.parameters()))));
  await net.parameters()[0]!.grad!.read();
  clearGrads(net.parameters());
}

it('by layer and pass, from the second step on', async () => {
  const profiler = new Profiler(device, net);
  for (let i = 0; i < 5; i++) {
    await step();
    profiler.endStep();
  }
  expect(profiler.steps).toBe(4);
  expect(profiler.growths.late).toBe(0);
  const rows = profiler.rows();
  const found = (layer: string, kernel: string) => rows.find((row) => row.layer === layer && row.kernel === kernel);
  const flops = { first: 2 * 2 * 64 * 16 * 16 * 9, second: 2 * 2 * 16 * 32 * 16 };
  for (const layer of ['first', 'second'] as const) {
    for (const kernel of ['conv2d_forward', 'conv2d_weight_grad']) {
      expect(found(layer, kernel), `${layer} ${kernel}`).toMatchObject({ calls: 1, flops: flops[layer] });
    }
  }
  // The image needs no gradient.
  expect(found('first', 'conv2d_data_grad')).toBeUndefined();
  expect(found('second', 'conv2d_data_grad')).toMatchObject({ calls: 1, flops: flops.second });
  expect(found('', 'relu_backward')).toMatchObject({ calls: 1, flops: 0 });

  const profile = {
    rows,
    steps: profiler.steps,
    peak: { isa: 'avx2', fmaGflops: 100, tileGflops: null, bandwidthGbS: 10 },
    memory: { peakTensorsMb: 1, reservedMb: 2, peakRssMb: 3, growths: profiler.growths },
    graphs: profiler.graphs,
  };
  expect(profile.graphs).toEqual({ updated: 0, made: 0, remade: 0 });
  expect(kernelTable(profile).notes?.join()).not.toContain('graphs');
  expect(layerTable(profile).rows.map(([layer]) => layer)).toEqual(['first', 'second']);
  expect(kernelTable(profile).rows.map(([kernel]) => kernel)).toContain('conv2d_pack');
  profiler.close();
});

it('leaves nothing behind', async () => {
  await step();
  expect(device.currentLabel).toBe('');
  expect((await device.profile(step)).every(({ label }) => label === '')).toBe(true);
});
