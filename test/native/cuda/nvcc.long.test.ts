/** The CUDA sources compile without warnings, and the convolution kernels keep everything in registers. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReport, resources } from '../../../scripts/cuda-resources.js';

const hasNvcc = spawnSync('nvcc', ['--version']).status === 0;
const minutes = 60_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-nvcc-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('has nvcc', ({ skip }) => {
  skip(!hasNvcc, 'nvcc is not installed: the CUDA sources are not compiled for GPUs');
});

// One of each generation of code: without cp.async and tensor cores, with them, with warp-group MMA, and the newest. docs/cuda.md has
// all.
describe.skipIf(!hasNvcc)('convolution kernels', () => {
  it.each(['75', '80', '90', '120'])(
    'sm_%s: no warnings, no spills',
    { timeout: 10 * minutes },
    async (architecture) => {
      const rows = await resources(architecture, folder);
      expect(rows.length).toBe({ 75: 3, 90: 13 }[architecture] ?? 9);
      expect(rows.filter(({ spills }: { spills: number }) => spills > 0)).toEqual([]);
      for (const row of rows) expect(row.blocks, row.kernel).toBeGreaterThanOrEqual(1);
    },
  );
});

it('reads what ptxas reports', () => {
  const report = `ptxas info    : Compiling entry function '_Z1kILi64E' for 'sm_90'
ptxas info    : Function properties for _Z1k
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers, 128 bytes smem`;
  expect(parseReport(report)).toEqual([{ name: '_Z1kILi64E', registers: 168, shared: 128, spills: 20 }]);
});
