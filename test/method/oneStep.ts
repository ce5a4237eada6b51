/** One step of a method on made-up images, as the training loop makes it. */
import type { Frame } from '../../src/data/manifest.js';
import type { Device } from '../../src/engine/device.js';
import { clearGrads } from '../../src/engine/tape.js';
import { loadConfig, methodOf } from '../../src/run/configuration.js';
import { releaseTerms, stepOf } from '../../src/run/training/step.js';
import { uniform } from '../engine/helpers.js';

const size = 32;

/** Live and attacks of two sources, two videos each. */
const frames = ['A', 'B'].flatMap((domain) =>
  ['live', 'live', 'spoof', 'spoof'].map(
    (label, i) =>
      ({ domain, label, attackType: label === 'live' ? 'live' : 'print', subject: `${i}`, video: `${i}` }) as Frame,
  ),
);

export interface OneStep {
  /** Terms of the loss, by name. */
  terms: Record<string, number>;
  /** All weights, before the update and after it. */
  before: Float32Array[];
  after: Float32Array[];
}

export async function oneStep(device: Device, overrides: readonly string[]): Promise<OneStep> {
  const loaded = await loadConfig(undefined, [`data.image_size=${size}`, ...overrides]);
  const method = methodOf(loaded);
  const config = method.settle?.(loaded, { sources: ['A', 'B'], targets: ['T'] }) ?? loaded;
  const network = method.network(config, device, 1);
  const training = method.training({ config, device, network, frames });
  const weights = () => Promise.all(network.parameters().map((each) => each.read() as Promise<Float32Array>));
  const before = await weights();
  const [positions] = training.batches(0) as [number[]];
  const batch = positions.map((i) => frames[i]!);
  const pixels = Uint8Array.from(uniform(batch.length * size * size * 3, 5), (value) => 127.5 * (value + 1));
  const at = { epoch: 0, batch: 0, steps: 0, skipped: 0 };
  training.schedule?.(at);
  const terms = stepOf(training, config, device)({ pixels, frames: batch }, positions, at, () => {});
  const values = await Promise.all(Object.entries(terms).map(async ([name, term]) => [name, await term.item()]));
  releaseTerms(terms);
  training.optimizer.step();
  training.afterStep?.(at);
  clearGrads(training.optimizer.parameters);
  const after = await weights();
  training.dispose();
  network.dispose();
  return { terms: Object.fromEntries(values), before, after };
}
