/** Recorded steps: the files are what the engine does now, and ldc_check, which replays them, computes what the engine computes. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recorded, recording, recordStep, stepName, stepsFolder } from '../../experiments/bench/recordSteps.js';
import { openDevice } from '../../src/engine/device.js';
import { build, buildFolder } from '../native/cuda/emulated.js';

const minutes = 60_000;
const folder = await mkdtemp(join(tmpdir(), 'ldc-steps-'));
afterAll(() => rm(folder, { recursive: true }));

describe.each(recorded)('%s', (workload) => {
  it.each(['fp32', 'bf16'] as const)(
    'is recorded in %s as it is now (else: node dist/experiments/bench/recordSteps.js)',
    async (precision) => {
      const file = await readFile(join(stepsFolder, `${stepName(workload, precision)}.json`), 'utf8');
      expect(await recording(workload, 30, 256, precision)).toBe(file);
    },
  );
});

describe('ldc_check', () => {
  beforeAll(() => build('ldc_check'), 5 * minutes);

  function check(path: string, ...options: string[]): { status: number | null; output: string; digests: string[] } {
    const call = [path, '--device', 'cpu', ...options];
    const { status, stdout, stderr } = spawnSync(join(buildFolder, 'ldc_check'), call, { encoding: 'utf8' });
    return {
      status,
      output: stdout + stderr,
      digests: [...stdout.matchAll(/digest (\w{8})/g)].map((match) => match[1]!),
    };
  }

  it.each([
    ['ldcnet-train', 'fp32'],
    ['ldcnet-eval', 'fp32'],
    ['ldcnet-train', 'bf16'],
  ] as const)('gives the bits of the engine in a step of %s in %s', async (workload, precision) => {
    const [batch, size] = [4, 32];
    const recorder = await recordStep(workload, openDevice('cpu', { precision }), batch, size);
    const path = join(folder, `${workload}.json`);
    await writeFile(path, recorder.text(workload, batch, size));
    const { digests, output } = check(path, '--precision', precision);
    expect(digests, output).toEqual([await recorder.digest()]);
  });

  it('has other bits where one number of the step is another', async () => {
    const path = join(folder, 'changed.json');
    const text = await recording('activation-train', 4, 32);
    await writeFile(path, text);
    const [before] = check(path).digests;
    await writeFile(path, text.replace(',0.0001,0.9,', ',0.0001,0.91,'));
    const [after] = check(path).digests;
    expect(before).toMatch(/^\w{8}$/);
    expect(after).not.toBe(before);
  });

  it('says what it cannot replay', async () => {
    const path = join(folder, 'unknown.json');
    await writeFile(path, '{"step":"x","batch":1,"size":8,"setup":[["no_such_kernel",1]],"run":[]}');
    expect(check(path)).toMatchObject({
      status: 2,
      output: expect.stringContaining("'no_such_kernel', which is no kernel"),
    });
  });
});
