/**
 * The C++ tests under AddressSanitizer with UndefinedBehaviorSanitizer and under ThreadSanitizer, and the addon inside Node under the
 * former. Scalar kernels alone, which are the same sources as the others; the arena is one mapping, so that a write from one of its
 * blocks into the next is not seen.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = process.env.CXX ?? 'g++';
const minutes = 60_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-sanitizers-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function build(sanitizers: string, target: string): Promise<string> {
  const place = join(folder, sanitizers);
  const headers = join(root, 'node_modules', 'node-api-headers', 'include');
  await run('cmake', ['-S', root, '-B', place, `-DLDC_SANITIZE=${sanitizers}`, `-DCMAKE_JS_INC=${headers}`]);
  await run('cmake', ['--build', place, '--target', target, '--parallel', '2'], { maxBuffer: 1 << 26 });
  return place;
}

it.each(['address,undefined', 'thread'])('kernels and queue: %s', { timeout: 30 * minutes }, async (sanitizers) => {
  const place = await build(sanitizers, 'ldc_core');
  const tests = [['kernels_test'], ['conv2d_test', 'small'], ['device_test']] as const;
  for (const [name, ...mode] of tests) {
    const program = join(place, name);
    const flags = ['-std=c++20', '-O1', '-g1', '-fno-sanitize-recover=all', `-fsanitize=${sanitizers}`];
    const source = join(root, 'test', 'native', `${name}.cc`);
    const defined = ['-DLDC_SCALAR_ONLY', `-I${join(root, 'src', 'native')}`];
    await run(compiler, [...flags, ...defined, source, join(place, 'libldc_core.a'), '-lpthread', '-o', program]);
    const { stdout, stderr } = await run(program, mode, { maxBuffer: 1 << 26 });
    expect(stdout).toMatch(/^[1-9]\d* (results|cases), 0 failures$/m);
    expect(stderr).not.toMatch(/Sanitizer|runtime error/);
  }
});

/** Wrong calls of every kernel, all operations and their gradients, tape and scopes, whole trainings of a small network with faults. */
const engineTests = ['engine/hostile', 'engine/operations', 'engine/tape', 'run/training/epochs'];

it('the addon inside Node: address,undefined', { timeout: 30 * minutes }, async () => {
  const place = await build('address,undefined', 'ldc');
  // The tests find the addon beside the sources.
  const checkout = join(folder, 'checkout');
  const addon = join(checkout, 'build', 'Release', 'ldc.node');
  await mkdir(join(checkout, 'build', 'Release'), { recursive: true });
  await cp(join(place, 'ldc.node'), addon);
  for (const each of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    await cp(join(root, each), join(checkout, each), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));

  // It does not load without the sanitizers' libraries: it is the one that was built for them.
  const load = ['-e', `require(${JSON.stringify(addon)})`];
  await expect(run(process.execPath, load)).rejects.toThrow('ASan runtime does not come first');

  const libraries = ['libasan.so', 'libubsan.so'].map(async (name) => {
    return (await run(compiler, [`-print-file-name=${name}`])).stdout.trim();
  });
  // Node itself leaves memory to the end of the process.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  Object.assign(env, { LD_PRELOAD: (await Promise.all(libraries)).join(' '), ASAN_OPTIONS: 'detect_leaks=0' });
  const tests = engineTests.map((name) => `test/${name}.test.ts`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { stdout, stderr } = await run(
    process.execPath,
    [vitest, 'run', '--project', 'fast', '--maxWorkers', '1', '--testTimeout', String(5 * minutes), ...tests],
    { cwd: checkout, env, maxBuffer: 1 << 26 },
  );
  expect(stdout).toMatch(/Test Files.*4 passed/);
  expect(stdout + stderr).not.toMatch(/Sanitizer|runtime error/);
});
