/** What scripts may rely on in `npm run bench`: the lines of --json. Figures are not looked at: no test depends on speed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../dist/experiments/bench/main.js', import.meta.url));

async function bench(...args: string[]): Promise<Record<string, unknown>[]> {
  expect(existsSync(program), `${program} is not built: npm run build:ts`).toBe(true);
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args, '--json', '--threads', '1']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const machine = {
  cpu: expect.any(String),
  isa: expect.stringMatching(/^(scalar|avx2|avx512|amx)$/),
  threads: 1,
  fma_peak_gflops: expect.any(Number),
  tile_peak_gflops: expect.toSatisfy((peak: unknown) => peak === null || typeof peak === 'number'),
  bandwidth_gb_s: expect.any(Number),
};

const small = ['--batch', '2', '--size', '32', '--steps', '1'];

it.each([
  ['step', ['ldcnet-train', 'activation-train', 'erm-train', 'ssdg-train', 'safas-train']],
  ['eval', ['ldcnet-eval']],
  ['cam', ['grad-cam']],
  ['predict', ['predict']],
] as const)(
  '%s',
  async (command, names) => {
    const [first, ...measurements] = await bench(command, ...small);
    expect(first).toEqual({ machine });
    expect(measurements.map(({ name }) => name)).toEqual(names);
    for (const each of measurements) {
      expect(each).toMatchObject({ batch: 2, size: 32, threads: 1, steps: 1 });
      for (const figure of ['ms_median', 'img_per_s', 'peak_rss_mb']) expect(each[figure]).toBeGreaterThan(0);
    }
  },
  240_000,
);

it('ops', async () => {
  const [first, ...lines] = await bench('ops', '--only', 'triplet', '--steps', '1', '--precision', 'bf16');
  expect(first).toEqual({ machine });
  expect(lines).toMatchObject([{ name: 'operation', operation: 'triplet', precision: 'bf16', threads: 1, steps: 1 }]);
  for (const figure of ['ms_median', 'ms_median_with_gradient', 'gb_s']) expect(lines[0]![figure]).toBeGreaterThan(0);
});

it('replay', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'replay', 'grad-cam']);
  expect(stdout).toMatch(
    /^[0-9a-f]{8} grad_cam float32 features \[12,512,1,1\], float32 features \[12,512,1,1\], float32 features/m,
  );
  expect(stdout).toMatch(/^[0-9a-f]{8} state after it /m);
});

it('kernels', async () => {
  const [first, ...lines] = await bench('kernels', ...small);
  expect(first).toEqual({ machine });
  const { fma_peak_gflops: peak, tile_peak_gflops: tiles } = first!.machine as Record<string, number>;
  for (const line of lines) {
    expect(line.gflops).toBeGreaterThan(0);
    const best = (line.algorithm === 'bf16' && tiles) || peak!;
    expect(line.percent_of_peak).toBeCloseTo((100 * (line.gflops as number)) / best, 0);
  }
  const cells = lines.map(({ layer, pass, algorithm }) => `${layer} ${pass} ${algorithm}`);
  expect(new Set(cells).size).toBe(cells.length);
  expect(cells).toContain('layer1 data-grad winograd');
  expect(cells).toContain('layer2.0 weight-grad direct');
  expect(cells).toContain('layer1 weight-grad bf16');
  expect(cells).toContain('estimator 64-1 forward direct');
}, 240_000);

it('compare, where there is no torch: says how to get it, and measures the others', async () => {
  const args = ['compare', '--only', 'ldcnet-eval', '--python', 'no-such-python', '--threads', '1', ...small];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args]);
  expect(stderr).toContain('pip install torch');
  expect(stdout).toMatch(/^### ldcnet-eval, batch 2$/m);
  expect(stdout).toMatch(/^\| ours \| \d/m);
  expect(stdout).toMatch(/^\| onnxruntime, folded model \| \d/m);
  expect(stdout).not.toContain('| PyTorch');
}, 240_000);

it('rows: what a large set costs, part by part', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'rows', '--rows', '3000', '--json']);
  const parts = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(parts.map(({ what }) => what)).toContain('the HTML report of the scores');
  for (const { seconds, cpu, peak } of parts) expect(Math.min(seconds, cpu, peak)).toBeGreaterThan(0);
}, 120_000);
