/** A recorded step on the emulated device has the same bits as it comes, put off as in a graph, and with images fetched ahead. */
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

it('a training step of LDCNet', { timeout: 10 * minutes }, async () => {
  const path = join(folder, 'step.json');
  await writeFile(path, await recording('ldcnet-train', 2, 32));
  const call = [path, '--device', 'cuda-emulated'];
  const { status, stdout, stderr } = spawnSync(join(buildFolder, 'ldc_check_emulated'), call, { encoding: 'utf8' });
  const digests = [...stdout.matchAll(/, (plain|graph|fetched ahead) .*digest (\w{8})/g)].map(([, way, digest]) => ({
    way,
    digest,
  }));
  expect(digests, stderr).toMatchObject([{ way: 'plain' }, { way: 'graph' }, { way: 'fetched ahead' }]);
  expect(new Set(digests.map(({ digest }) => digest)).size).toBe(1);
  // The second of the two steps finds the graphs of the first, and those of the third way find them all.
  const counts = [...stdout.matchAll(/graphs: (\d+) brought up to date, (\d+) made, (\d+) made anew/g)];
  const [[updated, made, remade], later] = counts.map((match) => match.slice(1).map(Number)) as [number[], number[]];
  expect(made).toBeGreaterThan(0);
  expect([updated, remade]).toEqual([made, 0]);
  expect(later).toEqual([2 * made!, 0, 0]);
  expect(status).toBe(0);
});
