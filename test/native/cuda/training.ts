/** LDCNet trained step by step on any device, as `ldc train` does it, on values made up from seeds. */
import type { Device } from '../../../src/engine/device.js';
import { dropout } from '../../../src/engine/ops/elementwise.js';
import { Adam } from '../../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../../src/engine/tape.js';
import { features, scope, type Tensor } from '../../../src/engine/tensor.js';
import { ldcNetLoss } from '../../../src/method/ldcnet/losses.js';
import { LdcNet } from '../../../src/method/ldcnet/network.js';
import { uniform } from '../../engine/helpers.js';

const batch = 4;
const mapSize = 8;

export class Trainer {
  private readonly network: LdcNet;
  private readonly adam: Adam;

  /** @param size pixels, both sides */
  constructor(
    private readonly device: Device,
    private readonly size: number,
  ) {
    this.network = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize, seed: 3 });
    this.adam = new Adam(device, this.network.parameters(), { lr: 1e-4 });
  }

  /** One step; returns the loss terms: total, cross entropy, triplet, live and spoof map. */
  async step(): Promise<number[]> {
    const { device, network, adam, size } = this;
    const step = adam.steps;
    const submit = () =>
      withTape(() => {
        const shape = [batch, 3, size, size];
        const image = features(device, uniform(batch * 3 * size * size, 10 + step), shape, device.featureType);
        const output = network.forward(image, (feature) => dropout(feature, 0.5, { seed: 1, purpose: 4, step }));
        const map = features(device, uniform(batch * mapSize * mapSize, 5).map(Math.abs), [batch, 1, mapSize, mapSize]);
        const targets = { classes: [1, 0, 1, 0], materials: [0, 1, 0, 2], liveMap: map, spoofMap: map };
        const weights = { gamma: 0.004, beta: 0.1, margin: 0.1, mining: 'batch-hard', squared: false } as const;
        const terms = ldcNetLoss(output, targets, weights);
        backward([{ tensor: terms.loss }], adam.parameters);
        adam.step();
        clearGrads(adam.parameters);
        return { ...terms };
      });
    const terms = Object.values(device.step(() => scope(submit)));
    const values = await Promise.all(terms.map((term) => term.item()));
    for (const term of terms) term.release();
    return values;
  }

  /** Everything that the next step depends on: what `other` has, its parameters times 1 ± `perturbation`. */
  async copyFrom(other: Trainer, perturbation = 0, seed = 0): Promise<void> {
    this.adam.steps = other.adam.steps;
    const targets = this.tensors();
    for (const [i, source] of other.tensors().entries()) {
      const values = (await source.read()) as Float32Array;
      if (perturbation > 0 && i < this.adam.parameters.length) {
        const noise = uniform(values.length, 1000 * seed + i);
        for (let k = 0; k < values.length; k++) values[k]! *= 1 + perturbation * noise[k]!;
      }
      targets[i]!.set(values);
    }
  }

  async parameters(): Promise<Float32Array[]> {
    return Promise.all(this.adam.parameters.map((parameter) => parameter.read() as Promise<Float32Array>));
  }

  dispose(): void {
    this.adam.dispose();
    this.network.dispose();
  }

  /** Parameters first, then the state of the optimiser and the running statistics. */
  private tensors(): Tensor[] {
    const { parameters, m, v } = this.adam;
    const all = this.network.state().flatMap(({ tensor, sameAs }) => (tensor && !sameAs ? [tensor] : []));
    const learning = new Set(parameters);
    return [...parameters, ...m, ...v, ...all.filter((tensor) => !learning.has(tensor))];
  }
}

/** The loss terms of `steps` steps in a row. */
export async function train(device: Device, { steps, size }: { steps: number; size: number }): Promise<number[][]> {
  const trainer = new Trainer(device, size);
  const table: number[][] = [];
  for (let step = 0; step < steps; step++) table.push(await trainer.step());
  trainer.dispose();
  return table;
}

export type Values = Float32Array[];

/** L2 norm of (a1 - a0) - (b1 - b0): how differently two steps moved. */
export function apart(a1: Values, a0: Values, b1: Values, b0: Values): number {
  let sum = 0;
  for (const [i, values] of a1.entries()) {
    for (let k = 0; k < values.length; k++) sum += (values[k]! - a0[i]![k]! - (b1[i]![k]! - b0[i]![k]!)) ** 2;
  }
  return Math.sqrt(sum);
}
