/** What `npm run build:native` decides to build, with programs in place of nvcc and nvidia-smi. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { allArchitectures, definitions, planCuda } from '../../scripts/build-native.js';

const path = process.env.PATH;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-path-'));
  process.env.PATH = folder;
});
afterEach(async () => {
  process.env.PATH = path;
  await rm(folder, { recursive: true });
});

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, name), 0o755);
}

it('leaves CUDA out without nvcc, and says so where it was asked for', () => {
  expect(planCuda({})).toMatchObject({ architectures: [], why: 'nvcc was not found' });
  expect(() => planCuda({ LDC_CUDA: '1' })).toThrow('needs nvcc');
});

it('leaves CUDA out without a GPU, unless it is asked for: then for all architectures', async () => {
  await program('nvcc', 'echo release 13.0');
  expect(planCuda({}).architectures).toEqual([]);
  expect(planCuda({ LDC_CUDA: '1' })).toMatchObject({ architectures: allArchitectures, required: true });
  expect(planCuda({ LDC_CUDA: '1', LDC_CUDA_ARCHITECTURES: '80;90' }).architectures).toEqual(['80', '90']);
});

it('builds for the GPUs that are there', async () => {
  await program('nvcc', 'echo release 13.0');
  await program('nvidia-smi', 'echo 9.0; echo 8.9; echo 9.0');
  expect(planCuda({})).toMatchObject({ architectures: ['89', '90'], required: false });
  expect(planCuda({ LDC_CUDA: '0' }).architectures).toEqual([]);
  expect(planCuda({ npm_command: 'pack' })).toMatchObject({
    architectures: [],
    why: 'the package is for every machine, not for the GPU of this one',
  });
  expect(planCuda({ LDC_CUDA_ARCHITECTURES: 'all' }).architectures).toEqual(allArchitectures);
});

it('takes a driver that does not answer for no GPU', async () => {
  await program('nvcc', 'echo release 13.0');
  await program('nvidia-smi', 'echo NVIDIA-SMI has failed; exit 9');
  expect(planCuda({}).architectures).toEqual([]);
});

it('refuses what means nothing', async () => {
  await program('nvcc', 'echo release 13.0');
  expect(() => planCuda({ LDC_CUDA: 'yes' })).toThrow('LDC_CUDA is 0 or 1, not yes');
  expect(() => planCuda({ LDC_CUDA: '1', LDC_CUDA_ARCHITECTURES: 'sm_90' })).toThrow('sm_90');
});

it('asks for code of each architecture and PTX of the newest', () => {
  expect(definitions([])).toEqual(['--CDLDC_CUDA=OFF']);
  expect(definitions(['80', '90'])).toEqual(['--CDLDC_CUDA=ON', '--CDLDC_CUDA_ARCHITECTURES=80-real;90']);
});

it('needs no headers but those of node-api-headers, which npm brings: cmake-js would download those of Node', async () => {
  const { binary } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(binary.napi_versions).toEqual([8]);
});
