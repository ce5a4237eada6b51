/** The short form of the fault injection: the programs that start fastest. `npm run faults` is the long one. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/test/faults/main.js', import.meta.url));

it('24 kills, damaged files and full disks at random points lose nothing', { timeout: 600_000 }, () => {
  const args = [main, '--points', '24', '--only', 'training loop', '--only', 'prepare'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/; lost: 0\n$/);
  expect(status).toBe(0);
});
