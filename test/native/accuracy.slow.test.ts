/**
 * Rounding errors of Winograd on the network's layers against double precision: at most 1e-4 of the rms, and in relative L2 at most
 * three times those of plain float32 sums. The limits are in conv2d_test.cc.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const minutes = 60_000;

it('of six layers, F(2x2) and F(4x4), forward and both gradients', { timeout: 15 * minutes }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-accuracy-'));
  const program = join(folder, 'conv2d_test');
  try {
    const flags = ['-std=c++20', '-O2', `-I${join(root, 'src', 'native')}`];
    const source = join(root, 'test', 'native', 'conv2d_test.cc');
    const library = join(root, 'build', 'libldc_core.a');
    await run(process.env.CXX ?? 'g++', [...flags, source, library, '-lpthread', '-o', program]);
    // A limit that does not hold ends it with status 1, which run() throws.
    const { stdout } = await run(program, ['accuracy']);
    expect(stdout.match(/times\); largest/g)).toHaveLength(6 * 2 * 3);
  } finally {
    await rm(folder, { recursive: true });
  }
});
