/** Recorded steps on the emulated device: put off and run at once, as in a graph, they have the bits of the same calls as they come. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recording } from '../../../experiments/bench/recordSteps.js';
import { build, buildFolder } from './emulated.js';

const minutes = 60_000;
const folder = await mkdtemp(join(tmpdir(), 'ldc-steps-'));
afterAll(() => rm(folder, { recursive: true }));
beforeAll(() => build('ldc_check_emulated'), 15 * minutes);

it.each(['ldcnet-train', 'ldcnet-eval'] as const)('%s', { timeout: 5 * minutes }, async (workload) => {
  const path = join(folder, `${workload}.json`);
  await writeFile(path, await recording(workload, 2, 32));
  const call = [path, '--device', 'cuda-emulated'];
  const { status, stdout, stderr } = spawnSync(join(buildFolder, 'ldc_check_emulated'), call, { encoding: 'utf8' });
  const digests = [...stdout.matchAll(/(plain|graph) .*digest (\w{8})/g)].map(([, way, digest]) => ({ way, digest }));
  expect(digests, stderr).toMatchObject([{ way: 'plain' }, { way: 'graph' }]);
  expect(digests[1]!.digest).toBe(digests[0]!.digest);
  expect(status).toBe(0);
});
