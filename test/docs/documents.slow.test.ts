/** Runs the shell blocks of the documents, a document at a time, as a reader would type them, in an empty folder. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks, documents, root } from './codeBlocks.js';

const minutes = 60_000;
let bin: string;

beforeAll(() => {
  execFileSync('npm', ['run', 'build:ts'], { cwd: root, stdio: 'ignore' });
  bin = mkdtempSync(join(tmpdir(), 'ldc-bin-'));
  symlinkSync(join(root, 'bin/ldc.js'), join(bin, 'ldc'));
}, 2 * minutes);
afterAll(() => rmSync(bin, { recursive: true }));

const scripts = documents()
  .map((document) => ({ document, blocks: codeBlocks(document).filter(({ info }) => info === 'sh') }))
  .filter(({ blocks }) => blocks.length > 0);

it.each(scripts)('$document', { timeout: 10 * minutes }, ({ blocks }) => {
  const folder = mkdtempSync(join(tmpdir(), 'ldc-docs-'));
  // What a document may name: the configurations of the package, and an empty home.
  symlinkSync(join(root, 'configs'), join(folder, 'configs'));
  mkdirSync(join(folder, 'home'));
  const script = `set -eo pipefail\n${blocks.map(({ code }) => code).join('\n')}`;
  const { status, stderr, stdout } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, HOME: join(folder, 'home') },
  });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  rmSync(folder, { recursive: true });
});
