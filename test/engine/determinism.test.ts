/** The promise of equal bits for a whole step: for 1, 2 and 3 threads, and on every instruction set that this processor has. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { openDevice } from '../../src/engine/device.js';
import { dropout } from '../../src/engine/ops/elementwise.js';
import { Adam } from '../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope } from '../../src/engine/tensor.js';
import { ldcNetLoss } from '../../src/method/ldcnet/losses.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';
import { uniform } from './helpers.js';
import { availableIsas, deviceWith } from './isas.js';

const isas = availableIsas();
const best = isas[isas.length - 1]!;
const variants = isas.flatMap((isa) => [1, 2, 3].map((threads) => ({ isa, threads })));

async function digest(tensors: Iterable<{ read(): Promise<ArrayBufferView> }>): Promise<string> {
  const hash = createHash('sha256');
  for (const tensor of tensors) hash.update(new Uint8Array((await tensor.read()).buffer));
  return hash.digest('hex');
}

describe('a training step of the network', () => {
  const size = 64;
  const batch = 4;

  /** Digests of loss, feature, maps, gradients, and parameters after the step. */
  async function run(isa: string, threads: number): Promise<Record<string, string>> {
    const device = deviceWith(isa, { threads });
    const network = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: 16, seed: 3 });
    const adam = new Adam(device, network.parameters(), { lr: 1e-3 });
    const image = features(device, uniform(batch * 3 * size * size, 1), [batch, 3, size, size]);
    const map = features(device, uniform(batch * 16 * 16, 2), [batch, 1, 16, 16]);
    const targets = { classes: [1, 0, 1, 0], materials: [1, 0, 1, 2], liveMap: map, spoofMap: map };
    const weights = { gamma: 0.004, beta: 0.1, margin: 0.1, mining: 'batch-hard', squared: false } as const;
    const { output, terms } = scope(() =>
      withTape(() => {
        const output = network.forward(image, (feature) => dropout(feature, 0.5, { seed: 1, purpose: 4, step: 1 }));
        const terms = ldcNetLoss(output, targets, weights);
        backward([{ tensor: terms.loss }], adam.parameters);
        return { output, terms };
      }),
    );
    adam.step();
    const digests = {
      loss: await digest([terms.loss]),
      feature: await digest([output.feature]),
      maps: await digest([output.liveMap, output.spoofMap]),
      gradients: await digest(adam.parameters.map(({ grad }) => grad!)),
      state: await digest(network.state().flatMap(({ tensor }) => tensor ?? [])),
    };
    clearGrads(adam.parameters);
    return digests;
  }

  const reference = run(best, 2);
  const others = variants.filter(({ isa, threads }) => (isa === best ? threads !== 2 : threads === 3));
  it.each(others)('$isa, $threads threads', async ({ isa, threads }) => {
    expect(await run(isa, threads)).toEqual(await reference);
  });
});

describe('LDC_ISA and LDC_THREADS', () => {
  it('that make no sense are user errors', () => {
    process.env.LDC_ISA = 'sse9';
    expect(() => openDevice('cpu')).toThrow(UserError);
    expect(() => openDevice('cpu')).toThrow('LDC_ISA=sse9');
    delete process.env.LDC_ISA;
    for (const wrong of ['0', '-1', 'two', '1.5', '99999']) {
      process.env.LDC_THREADS = wrong;
      expect(() => openDevice('cpu'), wrong).toThrow(`LDC_THREADS=${wrong}`);
    }
    process.env.LDC_THREADS = '3';
    expect(openDevice('cpu').threads).toBe(3);
    delete process.env.LDC_THREADS;
    expect(() => openDevice('tpu')).toThrow(UserError);
  });
});
