/** Every rival: a training that is killed in the middle of an epoch goes on to the same bits, its companion, schedule and views included. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sha256 } from '../../src/data/cropSet.js';
import { openDevice } from '../../src/engine/device.js';
import { Checkpoints, trainingStart } from '../../src/run/checkpoint.js';
import { loadConfig, methodOf } from '../../src/run/configuration.js';
import { silent } from '../../src/run/progress.js';
import { runEpochs } from '../../src/run/training/epochs.js';
import { Killed, writeFrames } from '../run/training/tinyStage.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-methods-resume-'));
afterAll(() => rm(base, { recursive: true }));
/** Live and attacks of two sources, three videos each. */
const frames = (await writeFrames(join(base, 'images'))).map((frame, i) => ({ ...frame, domain: 'AB'[(i >> 1) % 2]! }));

const common = [
  'data.image_size=32',
  'data.workers=1',
  'data.cache=false',
  'train.epochs=2',
  'train.checkpoint_every=2',
];

/** Trains, or goes on, to the end or until after step `dieAfter`: where it began, and hashes of the last checkpoint's files, the optimiser's state among them. */
async function train(folder: string, name: string, more: readonly string[], dieAfter?: number) {
  const loaded = await loadConfig(undefined, [`method=${name}`, ...common, ...more]);
  const method = methodOf(loaded);
  const config = method.settle?.(loaded, { sources: ['A', 'B'], targets: ['T'] }) ?? loaded;
  const device = openDevice('cpu', { threads: 2 });
  const network = method.network(config, device, config.seed);
  const training = method.training({ config, device, network, frames });
  const checkpoints = new Checkpoints(folder, network, training, { network: name });
  const start = (await checkpoints.resume(() => {})) ?? trainingStart;
  try {
    await runEpochs(
      {
        ...{ device, network, training, frames, config, checkpoints, saveEvery: 1 },
        onStep: ({ step }) => {
          if (step === dieAfter) throw new Killed();
        },
        retain: () => checkpoints.retain(1),
      },
      start,
      silent,
      new AbortController().signal,
    );
  } finally {
    training.dispose();
    network.dispose();
  }
  const files = (await readdir(folder)).sort();
  const hashes = await Promise.all(files.map(async (file) => [file, sha256(await readFile(join(folder, file)))]));
  return { start, files: Object.fromEntries(hashes) as Record<string, string> };
}

it.each([
  ['erm', 3, ['erm.batch=2', 'erm.steps=4']],
  ['ssdg', 3, ['ssdg.batch=2', 'ssdg.steps=4']],
  ['safas', 5, ['safas.batch=4', 'safas.align_from=0']],
])('%s, killed after step %d', async (name, step, more) => {
  const whole = await train(join(base, `${name}-whole`), name, more);
  const folder = join(base, `${name}-killed`);
  await expect(train(folder, name, more, step)).rejects.toThrow(Killed);
  const resumed = await train(folder, name, more);
  expect(resumed.start).toMatchObject({ steps: step - 1 });
  expect(resumed.start.batch).toBeGreaterThan(0);
  expect(Object.keys(whole.files).length).toBeGreaterThan(1);
  expect(resumed.files).toEqual(whole.files);
});
