/** The CUDA sources on the emulated device agree with the fixtures and the CPU kernels. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { build, buildFolder } from './emulated.js';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));
const minutes = 60_000;

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(join(buildFolder, program), args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

beforeAll(() => build('ldc_check_emulated', 'cuda_parity_test'), 15 * minutes);

it('agrees with the CPU kernels, whatever the order of blocks and threads', { timeout: 5 * minutes }, () => {
  const { status, output } = run('cuda_parity_test');
  expect(output).toContain('0 failures');
  expect(status).toBe(0);
});

it.each(['fp32', 'tf32', 'bf16'])(
  'passes every operator case of the fixtures in %s',
  { timeout: 2 * minutes },
  (precision) => {
    const { status, output } = run(
      'ldc_check_emulated',
      fixtures,
      '--device',
      'cuda-emulated',
      '--precision',
      precision,
    );
    expect(output).toMatch(/: \d{3} cases, \d{3} tensors, 0 beyond their limit/);
    expect(status).toBe(0);
  },
);
