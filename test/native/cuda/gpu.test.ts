/** The device `cuda` on a machine that has a GPU: fixtures, determinism, and the time of every layer and step. Elsewhere it says why not. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { recorded, stepName, stepsFolder } from '../../../experiments/bench/recordSteps.js';
import { cudaState, type Device, openDevice } from '../../../src/engine/device.js';
import type { Precision } from '../../../src/engine/native.js';
import { openFixtures } from '../../parity/fixtureSet.js';
import { runCase } from '../../parity/runCase.js';
import { titled } from '../../peers.js';
import { build, buildFolder } from './emulated.js';
import { train } from './training.js';

const folder = fileURLToPath(new URL('../../fixtures', import.meta.url));
const minutes = 60_000;
/** Why there is no GPU; empty where there is one. */
const unusable = cudaState().unusable || null;
const set = await openFixtures(folder);

describe.skipIf(unusable)(titled('the device cuda', unusable), () => {
  const open = (precision: Precision): Device => openDevice('cuda', { convAlgorithm: 'direct', precision });
  let fp32: Device | undefined;

  it.each(set.cases.map((fixture) => ({ id: fixture.id, fixture })))('$id', async ({ fixture }) => {
    fp32 ??= open('fp32');
    const outcome = await runCase(set, fixture, fp32);
    expect(outcome.status, outcome.detail).not.toBe('failed');
  });

  it.each(['fp32', 'tf32', 'bf16'] as const)(
    'trains with equal bits from run to run, graph or not, in %s',
    async (name) => {
      const first = await train(open(name), { steps: 5, size: 64 });
      expect(await train(open(name), { steps: 5, size: 64 })).toEqual(first);
      process.env.LDC_CUDA_GRAPH = '0';
      const plain = await train(open(name), { steps: 5, size: 64 });
      delete process.env.LDC_CUDA_GRAPH;
      expect(plain).toEqual(first);
    },
  );

  // Without warp-group MMA too: on GPUs of compute capability 9.0 that is other code.
  it.each([
    ['fp32', '1'],
    ['tf32', '1'],
    ['tf32', '0'],
    ['bf16', '1'],
    ['bf16', '0'],
  ])(
    '%s, LDC_CUDA_WGMMA=%s: operators and layers inside their limits, and the bench',
    { timeout: 20 * minutes },
    (name, wgmma) => {
      build('ldc_check');
      const type = name === 'bf16' ? 'bf16' : 'fp32';
      const steps = recorded.map((workload) => join(stepsFolder, `${stepName(workload, type)}.json`));
      const call = [folder, ...steps, '--layers', '--device', 'cuda', '--precision', name, '--time'];
      const env = { ...process.env, LDC_CUDA_WGMMA: wgmma };
      const { status, stdout, stderr } = spawnSync(join(buildFolder, 'ldc_check'), call, { encoding: 'utf8', env });
      console.log(stdout + stderr);
      expect(stdout).toMatch(/, 0 beyond their limit/);
      expect(status).toBe(0);
    },
  );
});
