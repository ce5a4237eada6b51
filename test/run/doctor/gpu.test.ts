/** `ldc doctor --gpu` in a small form on the emulated GPU: what passes, and what its findings say of what does not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cudaState } from '../../../src/engine/device.js';
import { type GpuProof, gpuProof, judgeSteps, proveGpu, stepsOf } from '../../../src/run/doctor/gpu.js';
import { build, buildFolder } from '../../native/cuda/emulated.js';
import { titled } from '../../peers.js';

const minutes = 60_000;
const folder = await mkdtemp(join(tmpdir(), 'ldc-doctor-'));
afterAll(() => rm(folder, { recursive: true }));

/** A step of a few calls: a network takes minutes there. */
const tiny = {
  ...{ step: 'tiny', batch: 1, size: 1 },
  setup: [
    ['create', 1, 0, 0, [600]],
    ['upload', 1, -1, 1],
  ],
  run: [
    ['create', 2, 0, 0, [600]],
    ['scale', 1, 0.5, 2],
    ['accumulate', 2, 1],
    ['download', 2],
    ['release', 2],
  ],
};

it('proves the emulated GPU', { timeout: 15 * minutes }, async () => {
  build('ldc_emulated');
  const step = join(folder, 'step.json');
  await writeFile(step, JSON.stringify(tiny));
  const begun: string[] = [];
  const proof: GpuProof = {
    addon: join(buildFolder, 'Release/ldc_emulated.node'),
    device: 'cuda-emulated',
    steps: [step],
    flags: ['--only', '1x1', '--batch', '1', '--size', '64', '--unfollowed'],
    precisions: ['tf32'],
    time: false,
    begin: (name) => begun.push(name),
  };
  const report = await proveGpu(proof);
  const findings = report.findings.map(({ name, ok, value }) => ({ name, ok, value }));
  expect(findings).toEqual([
    { name: 'values tf32', ok: true, value: '3 layers inside their limits, twice the same bits' },
    { name: 'steps tf32, modules LAZY', ok: true, value: '1 steps, the same bits in every way' },
    { name: 'steps tf32, modules EAGER', ok: true, value: '1 steps, the same bits in every way' },
  ]);
  expect(begun).toEqual(findings.map(({ name }) => name));
  expect(new Set(report.steps.map(({ digest }) => digest)).size).toBe(1);
  expect(report.steps).toHaveLength(6);
  expect(report.graphs).toMatchObject({ remade: 0 });
  expect(report.graphs.updated).toBeGreaterThan(0);

  const broken = await proveGpu({ ...proof, addon: join(folder, 'none.node'), steps: [] });
  expect(broken.findings).toMatchObject([{ ok: false, hint: expect.stringContaining('--precision fp32') }]);
});

it('says which switch avoids what', () => {
  const text = (
    graph: string,
    ahead: string,
  ) => `ldcnet-train, plain              batch 30, 256 x 256 pixels: digest aaaaaaaa; 7.100 ms, 4225.4 images/s
ldcnet-train, graph              batch 30, 256 x 256 pixels: digest ${graph}; 6.400 ms, 4687.5 images/s
  graphs: 3 brought up to date, 3 made, 0 made anew
ldcnet-train, fetched ahead      batch 30, 256 x 256 pixels: digest ${ahead}; 6.200 ms, 4838.7 images/s
`;
  const judge = (graph: string, ahead: string, before = 'aaaaaaaa', status = 0) => {
    const output = text(graph, ahead);
    const earlier = stepsOf(text(before, before).replaceAll('aaaaaaaa', before), 'tf32');
    return judgeSteps({ status, output, seconds: 1 }, stepsOf(output, 'tf32'), earlier);
  };
  expect(judge('aaaaaaaa', 'aaaaaaaa')).toEqual({
    ok: true,
    value: '1 steps, the same bits in every way, plain 7.10 ms, graph 6.40 ms, fetched ahead 6.20 ms',
  });
  expect(judge('bbbbbbbb', 'aaaaaaaa')).toMatchObject({ ok: false, hint: 'to avoid it: LDC_CUDA_GRAPH=0' });
  expect(judge('aaaaaaaa', 'bbbbbbbb')).toMatchObject({ ok: false, value: expect.stringContaining('fetched ahead') });
  expect(judge('aaaaaaaa', 'aaaaaaaa', 'cccccccc')).toMatchObject({
    ok: false,
    hint: expect.stringContaining('EAGER'),
  });
  expect(judge('aaaaaaaa', 'aaaaaaaa', 'aaaaaaaa', 1)).toMatchObject({ ok: false });
});

const usable = cudaState().unusable === '';
it.skipIf(usable)(titled('refuses where there is no GPU, saying why', usable ? 'there is a GPU' : null), () => {
  expect(() => gpuProof(() => {})).toThrow(/the device cuda cannot be used/);
});
