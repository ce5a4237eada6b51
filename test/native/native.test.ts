/**
 * Builds and runs the C++ tests of the kernels, which go through every instruction set and several numbers of threads. They are
 * linked with the library that the addon was made from (build/libldc_core.a, `npm run build:native`).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const library = join(root, 'build', 'libldc_core.a');
let folder: string;

beforeAll(async () => {
  expect(existsSync(library), `${library} is not built`).toBe(true);
  folder = await mkdtemp(join(tmpdir(), 'ldc-native-'));
});
afterAll(() => rm(folder, { recursive: true }));

const minutes = 60_000;

it.each(['kernels_test', 'conv2d_test'])(
  '%s',
  async (name) => {
    const program = join(folder, name);
    const source = join(root, 'test', 'native', `${name}.cc`);
    const flags = ['-std=c++20', '-O2', `-I${join(root, 'src', 'native')}`];
    await run(process.env.CXX ?? 'g++', [...flags, source, library, '-lpthread', '-o', program]);
    const { stdout } = await run(program);
    expect(stdout).toMatch(/^[1-9]\d* (results|cases), 0 failures$/m);
  },
  5 * minutes,
);
