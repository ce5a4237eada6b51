/** The package as a stranger installs it: packed, and put into an empty folder without scripts of ours and without onnxruntime's downloads. */
import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
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

/** The study of docs/methods.md, as small as it can be. */
const table = `
synth: {subjects: 4, frames: 1, size: 32, seed: 0}
settings:
  data: {image_size: 32}
  train: {epochs: 1, per_domain: {live: 2, spoof: 2}}
  model: {map_size: 8}
  activation: {epochs: 1, batch_size: 4}
  erm: {batch: 2}
protocols: [O&C&I-to-M]
seeds: [0]
variants:
  mine: {method: ./method.mjs, compact: {per_domain: 2}}
  ERM: {method: erm}
  LDCNet: {}
report: {published: false}
`;

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
    expect(paths).toContain('dist/src/serve/client/try.js');
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

  it('runs the example of a method of one’s own, and makes its table beside LDCNet and ERM', async () => {
    await copyFile(join(folder, 'node_modules/ldcnet/examples/method.mjs'), join(folder, 'method.mjs'));
    await writeFile(join(folder, 'mine.yaml'), table);
    await run('npx', ['ldc', 'study', 'run', 'mine.yaml', '--quiet']);
    const report = JSON.parse((await run('npx', ['ldc', 'study', 'report', 'mine.yaml', '--json'])).stdout);
    expect(report).toMatchObject({ synthetic: true, runs: { done: 3, missing: 0 } });
    const text = await readFile(join(folder, 'runs/study-mine/report.md'), 'utf8');
    const methods = text.split('\n').flatMap((line) => /^\| (\w+) \| SYNTHETIC, source-dev-eer/.exec(line)?.[1] ?? []);
    expect(methods).toEqual(['mine', 'ERM', 'LDCNet']);
    const evaluated = ['eval', '--run', 'runs/O&C&I-to-M/mine-mine-seed0', '--method', './method.mjs'];
    const { stdout } = await run('npx', ['ldc', ...evaluated, '--data', 'runs/study-mine/data', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ method: 'compact', synthetic: true });
  }, 240_000);

  it('has all sources of the addon, for who builds it', async () => {
    const { stdout } = await run('cmake', ['-S', 'node_modules/ldcnet', '-B', 'configured']);
    expect(stdout).toContain('Generating done');
  }, 120_000);
});
