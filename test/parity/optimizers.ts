/** Cases of optimisers: a parameter followed over several steps with given gradients. */
import type { Device } from '../../src/engine/device.js';
import { Adam, Sgd } from '../../src/engine/optim/optimizers.js';
import { Tensor } from '../../src/engine/tensor.js';
import { toFloat32 } from '../../src/formats/safetensors.js';
import type { Results } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';

interface Optimizer {
  step(): void;
  dispose(): void;
  /** State tensors, by the name of the result. */
  state: Record<string, Tensor>;
}

type Attributes = Record<string, unknown>;

const optimizers: Record<string, (device: Device, p: Tensor, attrs: Attributes) => Optimizer> = {
  adam(device, p, attrs) {
    const { lr, beta1, beta2, eps, weight_decay: weightDecay } = attrs as Record<string, number>;
    const adam = new Adam(device, [p], { lr: lr!, beta1, beta2, eps, weightDecay });
    return { step: () => adam.step(), dispose: () => adam.dispose(), state: { m: adam.m[0]!, v: adam.v[0]! } };
  },
  sgd: (device, p, attrs) => sgd(device, p, attrs, () => attrs.lr as number),
  sgd_lr_steps: (device, p, attrs) => sgd(device, p, attrs, (step) => (attrs.lr as number[])[step]!),
};

function sgd(device: Device, p: Tensor, attrs: Attributes, lr: (step: number) => number): Optimizer {
  const { momentum, weight_decay: weightDecay } = attrs as Record<string, number>;
  if (attrs.nesterov || attrs.dampening) throw new Error('SGD is defined without Nesterov and dampening');
  const sgd = new Sgd(device, [p], { lr: lr(0), momentum, weightDecay });
  const step = () => {
    sgd.lr = lr(sgd.steps);
    sgd.step();
  };
  return { step, dispose: () => sgd.dispose(), state: { momentum: sgd.momentum[0]! } };
}

export const optimizerNames: ReadonlySet<string> = new Set(Object.keys(optimizers));

/** `p` [n], `grads` [steps,n] → `p_steps` [steps,n] and the final state. */
export async function runOptimizer(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<Results> {
  const start = await set.tensor(fixture, fixture.inputs.p!);
  const given = await set.tensor(fixture, fixture.inputs.grads!);
  const gradients = toFloat32(given);
  const [steps, n] = [given.shape[0]!, given.shape.slice(1).reduce((product, extent) => product * extent, 1)];

  const p = Tensor.unowned(device, start.shape).set(toFloat32(start));
  const optimizer = optimizers[fixture.op]!(device, p, fixture.attrs);
  const trajectory = new Float32Array(steps * n);
  p.grad = Tensor.unowned(device, start.shape);
  for (let step = 0; step < steps; step++) {
    p.grad.set(gradients.slice(step * n, (step + 1) * n));
    optimizer.step();
    trajectory.set(await p.read(), step * n);
  }
  const outputs: Results['outputs'] = { p_steps: { shape: [steps, ...start.shape], data: trajectory } };
  for (const [name, tensor] of Object.entries(optimizer.state)) {
    outputs[name] = { shape: tensor.shape, data: await tensor.read() };
  }
  p.grad.release();
  p.release();
  optimizer.dispose();
  return { outputs, grads: {} };
}
