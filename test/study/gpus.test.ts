/** Tasks of a study on several GPUs: which each gets, and what is refused. The list of the driver is a stand-in. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StudyFolder } from '../../src/study/expand.js';
import { GpuPlaces, gpusOf } from '../../src/study/gpus.js';
import { runLocally } from '../../src/study/local.js';
import type { Plan, Task } from '../../src/study/plan.js';
import { readStudy } from '../../src/study/studyFile.js';
import { temporaryFolder } from '../data/helpers.js';
import { root } from '../docs/codeBlocks.js';
import { writeStudy } from './helpers.js';

const folder = await temporaryFolder();
const names = ['H100 A', 'H100 B', 'H100 C'];

describe('the GPUs of a study', () => {
  it('are all that CUDA lists, or those named', () => {
    expect(gpusOf(names).map(({ number, visible }) => [number, visible])).toEqual([[0, '0'], [1, '1'], [2, '2']]); // biome-ignore format: pairs
    expect(gpusOf(names, [2, 0]).map(({ name }) => name)).toEqual(['H100 C', 'H100 A']);
    expect(gpusOf([])).toEqual([]);
  });

  it('are counted among those that this process sees', () => {
    expect(gpusOf(['x', 'y'], [1], '4, 6').map(({ visible }) => visible)).toEqual(['6']);
    expect(gpusOf(['x'], undefined, 'GPU-2d1f,GPU-77aa')[0]!.visible).toBe('GPU-2d1f');
  });

  it('are refused where there is none of the number', () => {
    expect(() => gpusOf(names, [1, 7])).toThrow(/there is no GPU 7/);
    expect(() => gpusOf([], [0])).toThrow(expect.objectContaining({ hint: 'CUDA lists none' }));
  });

  it('have so many places each', () => {
    const places = new GpuPlaces(gpusOf(names, [0, 1]), 2);
    const taken = Array.from({ length: 5 }, () => places.take());
    expect(taken.map((gpu) => gpu?.number)).toEqual([0, 1, 0, 1, undefined]);
    places.give(taken[3]!);
    expect(places.take()!.number).toBe(1);
  });
});

/** What a process saw: its GPU, and when it ran. */
interface Visit {
  gpu: string | undefined;
  from: number;
  to: number;
}

describe('processes', () => {
  const visits = join(folder, 'visits');
  const before = process.env.NODE_OPTIONS;

  beforeAll(async () => {
    const hook = join(folder, 'hook.cjs');
    await writeFile(
      hook,
      `const visit = { gpu: process.env.CUDA_VISIBLE_DEVICES, from: Date.now() };
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      process.on('exit', () => require('node:fs').appendFileSync(${JSON.stringify(visits)}, JSON.stringify({ ...visit, to: Date.now() }) + '\\n'));`,
    );
    process.env.NODE_OPTIONS = `--require ${hook}`;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });

  it('see one GPU alone, which their log names; one at a time on each', async () => {
    const { file } = await writeStudy('protocols: [OCI-to-M]');
    const study = await readStudy(file);
    const at = new StudyFolder(folder, 'last-honest');
    const tasks = ['a', 'b', 'c', 'd', 'e'].map(
      (id): Task => ({
        id,
        folder: join(folder, id),
        stage: false,
        needs: null,
        done: join(folder, `${id}.done`),
        threadsFree: false,
        mayUseGpu: id !== 'e',
        commands: [{ args: ['--version'] }],
      }),
    );
    const plan: Plan = { study, runs: [], folder: at, tasks };
    const progress = { begin() {}, update() {}, end() {}, note() {} };
    const gpus = gpusOf(names, [0, 2]);
    await runLocally(plan, { jobs: 5, gpus, progress, signal: new AbortController().signal });
    const seen = (await readFile(visits, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Visit); // biome-ignore format: one list
    expect(seen.map(({ gpu }) => gpu ?? 'cpu').sort()).toEqual(['0', '0', '2', '2', 'cpu']);
    for (const gpu of ['0', '2']) {
      const [first, second] = seen.filter((visit) => visit.gpu === gpu).sort((x, y) => x.from - y.from) as [
        Visit,
        Visit,
      ];
      expect(second.from).toBeGreaterThanOrEqual(first.to);
    }
    const logs = await Promise.all(tasks.map(({ id }) => readFile(at.log(id), 'utf8')));
    expect(logs.slice(0, 4).map((text) => /^on GPU (\d): H100 [AC]$/m.exec(text)?.[1]).sort()).toEqual(['0', '0', '2', '2']); // biome-ignore format: one list
    expect(logs[4]).not.toContain('GPU');
  }, 60_000);
});

describe('the command line', () => {
  const refused = (...flags: string[]) => {
    try {
      execFileSync(process.execPath, [join(root, 'bin/ldc.js'), 'study', 'run', ...flags], {
        stdio: 'pipe',
        cwd: folder,
      });
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: Buffer };
      return `${status} ${stderr}`;
    }
    return 'accepted';
  };

  it('refuses lists that are none, and GPUs on Slurm or for the CPU', async () => {
    const { file } = await writeStudy(
      'protocols: [O&C&I-to-M]\nsynth: {subjects: 6, frames: 1, size: 32}\nsettings: {device: cpu}',
    );
    expect(refused(file, '--gpus', '0,0')).toMatch(/^2 .*--gpus.*\nhint: a list of different numbers/);
    expect(refused(file, '--gpus', '0', '--backend', 'slurm')).toMatch(/^2 .*--gpus is for the local backend/);
    expect(refused(file, '--gpus', '0', '--out', 'cpu', '--quiet')).toMatch(/^2 .*whose device is cpu/);
  }, 60_000);
});
