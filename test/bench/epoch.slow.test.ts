/** `npm run bench -- epoch` trains, resumes and measures; the figures are not looked at. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../dist/experiments/bench/main.js', import.meta.url));

it('one epoch from files, one from the cache', async () => {
  const flags = ['--size', '32', '--steps', '2', '--rounds', '1', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'epoch', ...flags]);
  const [, ...lines] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ source }) => source)).toEqual(['jpeg', 'cache']);
  for (const line of lines) {
    expect(line).toMatchObject({ name: 'ldcnet-epoch', synthetic: true, batch: 30, size: 32, steps: 2 });
    for (const figure of ['ms_median', 'bare_ms_median', 'checkpoint_ms']) expect(line[figure]).toBeGreaterThan(0);
  }
}, 600_000);

it('a device that takes its time: an epoch takes as long, and no shorter', async () => {
  const flags = ['--size', '32', '--steps', '4', '--rounds', '1', '--step-ms', '60', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'epoch', ...flags]);
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, number>); // biome-ignore format: one list
  expect(lines.map(({ source }) => source)).toEqual(['jpeg', 'cache']);
  for (const line of lines) {
    expect(line).toMatchObject({ name: 'paced-epoch', step_ms: 60, synthetic: true });
    expect(line.ms_median).toBeGreaterThan(59);
    // Both are rounded when they are printed, each from the exact time.
    expect(Math.abs(line.img_per_s! - 30e3 / line.ms_median!)).toBeLessThan(0.51);
  }
}, 300_000);
