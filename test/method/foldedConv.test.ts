/** Every kind of convolution folded on the host against the engine, which makes the effective weight while it packs. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { constant } from '../../src/engine/nn/init.js';
import { BatchNorm } from '../../src/engine/nn/layers.js';
import { loadState, Module, type StateSource } from '../../src/engine/nn/module.js';
import { conv2d } from '../../src/engine/ops/conv2d.js';
import { features, scope, type Tensor, tensor } from '../../src/engine/tensor.js';
import { type ConvForm, convKinds, DescriptiveConv, LocalDescriptor } from '../../src/method/descriptiveConv.js';
import { foldedConv } from '../../src/method/foldedConv.js';
import { uniform } from '../engine/helpers.js';

const device = openDevice('cpu', { threads: 1 });
const [out, inn, size] = [5, 3, 6];

/** A descriptive convolution and the batch normalisation behind it. */
class Layer extends Module {
  private readonly conv: DescriptiveConv;
  private readonly bn: BatchNorm;

  constructor(form: ConvForm) {
    super(device);
    const names = { base: 'base', mask: 'mask', theta: 'theta' };
    const descriptor = this.child('', new LocalDescriptor(device, form, [out, inn], names));
    const zeros = () => constant(out * inn * 9, 0);
    this.conv = this.child('conv', new DescriptiveConv(device, descriptor, [out, inn], 1, zeros));
    this.bn = this.child('bn', new BatchNorm(device, out));
  }

  protected override compute(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x));
  }
}

function stateOf(layer: Layer): StateSource {
  const entries = layer.state();
  const find = (name: string) => entries.find((entry) => entry.name === name)!;
  const values = (name: string) => {
    const random = uniform(
      find(name).shape.reduce((a, b) => a * b, 1),
      name.length,
    );
    return name.endsWith('var') ? random.map((value) => value + 1.5) : random;
  };
  const names = entries.map(({ name }) => name);
  return { origin: 'layer', names, shape: (name) => find(name).shape, values: async (name) => values(name) };
}

it.each(convKinds)('%s', async (kind) => {
  const form = { kind, theta: 0.7 };
  const layer = new Layer(form).train(false);
  const state = stateOf(layer);
  await loadState(layer, state);
  const folded = await foldedConv(state, form, [out, inn, 3], {
    weight: 'conv.weight',
    descriptor: { mask: 'mask', theta: 'theta' },
    batchNorm: 'bn',
  });
  const [ours, theirs] = scope(() => {
    const x = features(device, uniform(2 * inn * size * size, 1), [2, inn, size, size]);
    const w = tensor(device, folded.weight, [out, inn, 3, 3]);
    const bias = tensor(device, folded.bias!, [out]);
    return [layer.forward(x), conv2d(x, { w, descriptor: 'vanilla' }, 1, 1, bias)] as const;
  });
  const [expected, got] = [await ours.read(), await theirs.read()];
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.5);
  expect(Math.max(...expected.map((value, k) => Math.abs(value - got[k]!)))).toBeLessThan(5e-6);
  for (const each of [ours, theirs]) each.release();
  layer.dispose();
});

it('names a tensor that is missing or has another shape', async () => {
  const form = { kind: 'ldc', theta: 0.5 } as const;
  const layer = new Layer(form);
  const state = stateOf(layer);
  const fold = (weight: string, kernel: number) => foldedConv(state, form, [out, inn, kernel], { weight });
  await expect(fold('conv.wait', 3)).rejects.toThrow('layer: the tensor conv.wait is missing');
  await expect(fold('conv.weight', 1)).rejects.toThrow('conv.weight has shape [5,3,3,3], the network needs [5,3,1,1]');
  layer.dispose();
});
