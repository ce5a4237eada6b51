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

/** @returns the terms of the loss, by name, and the sum of all weights after the update */
export async function oneStep(device: Device, overrides: readonly string[]): Promise<Record<string, number>> {
  const loaded = await loadConfig(undefined, [`data.image_size=${size}`, ...overrides]);
  const method = methodOf(loaded);
  const config = method.settle?.(loaded, { sources: ['A', 'B'], targets: ['T'] }) ?? loaded;
  const network = method.network(config, device, 1);
  const training = method.training({ config, device, network, frames });
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
  let weights = 0;
  for (const parameter of network.parameters()) for (const value of await parameter.read()) weights += value;
  training.dispose();
  network.dispose();
  return { ...Object.fromEntries(values), weights };
}
