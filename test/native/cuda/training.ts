/** LDCNet trained for some steps on any device, as `ldc train` does it, on values made up from seeds. */
import type { Device } from '../../../src/engine/device.js';
import { dropout } from '../../../src/engine/ops/elementwise.js';
import { Adam } from '../../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../../src/engine/tape.js';
import { features, scope } from '../../../src/engine/tensor.js';
import { LdcNet } from '../../../src/method/ldcnet.js';
import { ldcNetLoss } from '../../../src/method/losses.js';
import { uniform } from '../../engine/helpers.js';

export interface Training {
  steps: number;
  /** Pixels, both sides. */
  size: number;
  /** Relative size of random changes of the weights before the first step: rounding, seen from the other side. */
  perturbation?: number;
  seed?: number;
}

const batch = 4;
const mapSize = 8;

/** The loss terms of every step: total, cross entropy, triplet, live and spoof map. */
export async function train(
  device: Device,
  { steps, size, perturbation = 0, seed = 0 }: Training,
): Promise<number[][]> {
  const network = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize, seed: 3 });
  if (perturbation > 0) {
    for (const [i, parameter] of network.parameters().entries()) {
      const noise = uniform(parameter.size, 1000 * seed + i);
      const values = (await parameter.read()) as Float32Array;
      parameter.set(values.map((value, k) => value * (1 + perturbation * noise[k]!)));
    }
  }
  const adam = new Adam(device, network.parameters(), { lr: 1e-4 });
  const table: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const submit = () =>
      withTape(() => {
        const image = features(device, uniform(batch * 3 * size * size, 10 + step), [batch, 3, size, size]);
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
    const terms = device.step(() => scope(submit));
    table.push(await Promise.all(Object.values(terms).map((term) => term.item())));
    for (const term of Object.values(terms)) term.release();
  }
  adam.dispose();
  network.dispose();
  return table;
}
