/** The package as a stranger installs it: packed, and put into an empty folder without scripts of ours and without onnxruntime's downloads. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from './data/helpers.js';
import { root } from './docs/codeBlocks.js';

const folder = await temporaryFolder();
/** Nothing that npm told this test run's own process may reach the one that is looked at. */
const { PATH, HOME, npm_config_cache, npm_config_registry } = process.env;
/** Where onnxruntime's install script looks for its download: nobody is there. */
const closed = { GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:9' };
const env = Object.fromEntries(
  Object.entries({ PATH, HOME, npm_config_cache, npm_config_registry, ...closed }).filter(([, value]) => value),
);
const run = (file: string, args: string[], cwd = folder) => promisify(execFile)(file, args, { cwd, env });

let packed: { filename: string; unpackedSize: number; files: { path: string }[] };

beforeAll(async () => {
  // What npm's own scripts would do is done: the addon and dist/ are what this test run is made of.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
  [packed] = JSON.parse(stdout);
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${packed.filename}`]);
}, 300_000);

describe('the package', () => {
  it('is small, holds the addon, and nothing of the tests', () => {
    expect(packed.unpackedSize).toBeLessThan(20e6);
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toContain('build/Release/ldc.node');
    expect(paths.filter((path) => /test|fixtures|\.map$/.test(path) && !path.startsWith('src/native/'))).toEqual([]);
  });

  it('starts, computes, and says how to add what its installation had to leave out', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect((await run('npx', ['ldc', '--version'])).stdout.trim()).toBe(version);
    const findings = JSON.parse((await run('npx', ['ldc', 'doctor', '--json'])).stdout);
    const rows = Object.fromEntries(findings.map(({ name, ...rest }: { name: string }) => [name, rest]));
    expect(rows.engine).toMatchObject({ ok: true });
    expect(rows.onnxruntime).toMatchObject({
      ok: false,
      hint: expect.stringContaining('npm install onnxruntime-node'),
    });
    const { stdout } = await run('npx', ['ldc', 'synth', '--out', 'data', '--subjects', '1', '--frames', '1']);
    expect(stdout).toMatch(/^SYNTHETIC: 12 images/);
  }, 120_000);

  it('has all sources of the addon, for who builds it', async () => {
    const { stdout } = await run('cmake', ['-S', 'node_modules/ldcnet', '-B', 'configured']);
    expect(stdout).toContain('Generating done');
  }, 120_000);
});
