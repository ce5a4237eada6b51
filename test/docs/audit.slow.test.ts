/** Known holes in what users install, as the registry tells them; where it cannot be asked the test is skipped. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('npm audit finds nothing in production dependencies', { timeout: 180_000 }, ({ skip }) => {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
  const report = JSON.parse(stdout || '{}') as { metadata?: { vulnerabilities: { total: number } } };
  if (report.metadata === undefined) skip('the registry answers no audit here');
  expect(report.metadata!.vulnerabilities.total).toBe(0);
});
