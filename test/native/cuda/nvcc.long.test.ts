/** The CUDA sources compile without warnings, and the convolution kernels keep everything in registers. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReport, resources, serialised } from '../../../scripts/cuda-resources.js';
import { titled, without } from '../../peers.js';

const noNvcc = without('nvcc');
const minutes = 60_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-nvcc-'));
});
afterAll(() => rm(folder, { recursive: true }));

// One of each generation of code: without cp.async and tensor cores, with them, with warp-group MMA, and the newest. docs/cuda.md has
// all.
describe.skipIf(noNvcc)(titled('convolution kernels', noNvcc), () => {
  it.each(['75', '80', '90', '120'])(
    'sm_%s: no warnings, no spills',
    { timeout: 10 * minutes },
    async (architecture) => {
      const rows = await resources(architecture, folder);
      expect(rows.length).toBe({ 75: 3, 90: 15 }[architecture] ?? 9);
      expect(rows.filter(({ spills }: { spills: number }) => spills > 0)).toEqual([]);
      for (const row of rows) expect(row.blocks, row.kernel).toBeGreaterThanOrEqual(1);
    },
  );
});

// What is compiled for 9.0 without the a has no warp-group MMA: it has to stop, not to add nothing up.
it.skipIf(noNvcc)(titled('warp-group MMA traps where it is not there', noNvcc), { timeout: 10 * minutes }, () => {
  const source = join(import.meta.dirname, '../../../src/native/cuda/kernels/conv2d_wgmma.cu');
  const ptx = (architecture: string) => {
    const flags = ['-std=c++20', '-fmad=false', '--extended-lambda', '-ptx', `-arch=compute_${architecture}`];
    return spawnSync('nvcc', [...flags, source, '-o', '-'], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout;
  };
  expect(ptx('90')).toMatch(/\btrap;/);
  expect(ptx('90a')).not.toMatch(/\btrap;/);
  expect(ptx('90a')).toContain('wgmma.mma_async');
});

it('hears of warp-group MMA that is serialised', () => {
  const report = `ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to … in function 'k'
ptxas info    : Used 128 registers, used 3 barriers`;
  expect(serialised(report)).toHaveLength(1);
  expect(serialised("ptxas info    : Compiling entry function '_Z5C7510v' for 'sm_90a'")).toEqual([]);
});

it('reads what ptxas reports', () => {
  const report = `ptxas info    : Compiling entry function '_Z1kILi64E' for 'sm_90'
ptxas info    : Function properties for _Z1k
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers, 128 bytes smem`;
  expect(parseReport(report)).toEqual([{ name: '_Z1kILi64E', registers: 168, shared: 128, spills: 20 }]);
});
