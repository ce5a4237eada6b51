/**
 * The C++ tests of the kernels under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer. Scalar kernels alone,
 * which are the same sources as the others; the arena is one mapping, so that a write from one of its blocks into the next is not seen.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const minutes = 60_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-sanitizers-'));
});
afterAll(() => rm(folder, { recursive: true }));

it.each(['address,undefined', 'thread'])('%s', { timeout: 30 * minutes }, async (sanitizers) => {
  const build = join(folder, sanitizers);
  await run('cmake', ['-S', root, '-B', build, `-DLDC_SANITIZE=${sanitizers}`]);
  await run('cmake', ['--build', build, '--target', 'ldc_core', '--parallel', '2'], { maxBuffer: 1 << 26 });
  for (const name of ['kernels_test', 'conv2d_test']) {
    const program = join(build, name);
    const flags = ['-std=c++20', '-O1', '-g1', '-fno-sanitize-recover=all', `-fsanitize=${sanitizers}`];
    const source = join(root, 'test', 'native', `${name}.cc`);
    const library = join(build, 'libldc_core.a');
    const defined = ['-DLDC_SCALAR_ONLY', `-I${join(root, 'src', 'native')}`];
    await run(process.env.CXX ?? 'g++', [...flags, ...defined, source, library, '-lpthread', '-o', program]);
    const { stdout, stderr } = await run(program, { maxBuffer: 1 << 26 });
    expect(stdout).toMatch(/^[1-9]\d* (results|cases), 0 failures$/m);
    expect(stderr).not.toMatch(/Sanitizer|runtime error/);
  }
});
