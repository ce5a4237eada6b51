/** The CUDA sources on the emulated device agree with the fixtures and the CPU kernels. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { fixtureFolders } from '../../parity/folders.js';
import { build, buildFolder } from './emulated.js';
import { checkLayers, kindsOfCode } from './layers.js';

const minutes = 60_000;

/** `capability` is that of the emulated device: warp-group MMA takes 9.0. */
function run(capability: string, program: string, ...args: string[]): { status: number | null; output: string } {
  const env = { ...process.env, LDC_CUDA_EMULATED_CAPABILITY: capability };
  const { status, stdout, stderr } = spawnSync(join(buildFolder, program), args, { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

beforeAll(() => build('ldc_check_emulated', 'cuda_parity_test', 'cuda_streams_test'), 15 * minutes);

it.each(['8.0', '9.0'])(
  'agrees with the CPU kernels, whatever the order of blocks and threads, with capability %s',
  { timeout: 5 * minutes },
  (capability) => {
    const { status, output } = run(capability, 'cuda_parity_test');
    expect(output).toContain('0 failures');
    expect(status).toBe(0);
  },
);

// All of them: layers.slow.test.ts.
it.each(kindsOfCode)(
  'agrees with the CPU in layers of real width: $precision, capability $capability, LDC_CUDA_WGMMA=$wgmma',
  { timeout: minutes },
  (code) => {
    const { status, output } = checkLayers(code, ['--only', 'layer2']);
    expect(output.match(/^layer /gm)).toHaveLength(3);
    expect(status, output).toBe(0);
  },
);

it('uploads beside computation, in any order that the events allow', () => {
  const { status, output } = run('8.0', 'cuda_streams_test');
  expect(output).toBe('0 failures\n');
  expect(status).toBe(0);
});

it('passes every operator case of the fixtures of other methods', { timeout: 2 * minutes }, () => {
  const { status, output } = run('8.0', 'ldc_check_emulated', fixtureFolders[1]!, '--device', 'cuda-emulated');
  expect(output).toMatch(/: \d{2,3} cases, \d{2,3} tensors, 0 beyond their limit/);
  expect(status).toBe(0);
});

it.each([
  ['fp32', '8.0'],
  ['tf32', '8.0'],
  ['bf16', '8.0'],
  ['tf32', '9.0'],
  ['bf16', '9.0'],
])(
  'passes every operator case of the fixtures in %s with capability %s',
  { timeout: 2 * minutes },
  (precision, capability) => {
    const { status, output } = run(
      capability,
      'ldc_check_emulated',
      fixtureFolders[0]!,
      '--device',
      'cuda-emulated',
      '--precision',
      precision,
    );
    expect(output).toMatch(/: \d{3} cases, \d{3} tensors, 0 beyond their limit/);
    expect(status).toBe(0);
  },
);
