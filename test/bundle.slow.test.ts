/**
 * The archive of `npm run bundle` as a machine without Node, compiler, npm and network has it: unpacked in the root of an older Debian (glibc
 * 2.31) where debootstrap can make one, else on this system with an empty environment.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { glibcOf, isNeeded } from '../scripts/bundle.js';
import { temporaryFolder } from './data/helpers.js';
import { root } from './docs/codeBlocks.js';

const folder = await temporaryFolder();
const run = (file: string, args: readonly string[], options = {}) =>
  promisify(execFile)(file, args, { maxBuffer: 1 << 26, ...options });

/** Where the archive is unpacked, and how a command is run there: `at` is the path of a file below `place` as the command sees it. */
let place: string;
let inside: (...command: string[]) => Promise<{ stdout: string; stderr: string }>;
let at: (path: string) => string;
let archive: string;
let name: string;

beforeAll(async () => {
  await run(process.execPath, [join(root, 'scripts/bundle.js'), '--out', folder], { cwd: root });
  archive = join(folder, (await readdir(folder)).find((file) => file.endsWith('.tar.xz'))!);
  name = archive.slice(folder.length + 1, -'.tar.xz'.length);
  const other = await olderSystem();
  place = other ?? join(folder, 'here');
  await mkdir(place, { recursive: true });
  execFileSync('tar', ['-xJf', archive, '-C', place]);
  at = (path) => (other === undefined ? join(place, path) : `/${path}`);
  const bare = ['-i', 'PATH=/nowhere', 'HOME=/nowhere', ...(other === undefined ? [] : ['/usr/sbin/chroot', other])];
  inside = (...command) => run('/usr/bin/env', [...bare, ...command]);
}, 1_200_000);

/** The root of a Debian 11, unpacked alone: what the archive needs of a system, and nothing of this one. */
async function olderSystem(): Promise<string | undefined> {
  const system = join(folder, 'debian');
  if (process.getuid?.() !== 0 || spawnSync('which', ['debootstrap']).status !== 0) return undefined;
  const made = spawnSync('debootstrap', ['--foreign', '--variant=minbase', 'bullseye', system], { timeout: 300_000 });
  return made.status === 0 ? system : undefined;
}

/** What a short training leaves: the sums of its checkpoints. */
async function checkpoints(runs: string): Promise<Map<string, string>> {
  const found = await readdir(runs, { recursive: true });
  const files = found.filter((file) => file.endsWith('.safetensors')).sort();
  const sums = files.map(async (file) => {
    const bytes = await readFile(join(runs, file));
    return [file, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  return new Map(await Promise.all(sums));
}

describe('the archive', () => {
  it('is at most 64 MB', async () => expect((await stat(archive)).size).toBeLessThanOrEqual(64 * 2 ** 20));

  it('finds everything but programs of the system, and says how it was built', async () => {
    const { stdout } = await inside(at(`${name}/ldc`), 'doctor', '--json');
    const findings = JSON.parse(stdout) as { name: string; ok: boolean; value: string; hint?: string }[];
    const of = (wanted: string) => findings.find((finding) => finding.name === wanted)!;
    for (const part of ['ldc', 'node', 'engine', 'images', 'onnxruntime']) expect(of(part)).toMatchObject({ ok: true });
    const { addon, glibc } = JSON.parse(await readFile(join(place, name, 'bundle.json'), 'utf8'));
    expect(of('cuda').value).toContain(addon);
    if (!of('cuda').ok) expect(of('cuda').hint).toMatch(/npm run bundle|nvidia-smi/);
    expect(Number(glibc.split('.')[1])).toBeLessThanOrEqual(28);
  }, 120_000);

  it('has the licences of Node and of all it brings', async () => {
    const licences = await readdir(join(place, name, 'licences'));
    expect(licences).toEqual(expect.arrayContaining(['dependencies.md', 'node.txt']));
    expect(await readFile(join(place, name, 'licences/node.txt'), 'utf8')).toContain('Node.js is licensed');
  });

  it('trains to the same bits as this checkout', async () => {
    const data = join(place, 'data');
    await run(process.execPath, [
      join(root, 'bin/ldc.js'),
      'synth',
      '--out',
      data,
      '--subjects',
      '8',
      '--frames',
      '1',
      '--size',
      '32',
    ]);
    const settings = ['data.image_size=32', 'model.map_size=8', 'activation.epochs=1', 'activation.batch_size=12'];
    settings.push('train.epochs=2', 'train.save_every=1', 'data.cache=false');
    const flags = (within: (path: string) => string, out: string) => [
      ...['train', '--protocol', 'O&C&I-to-M', '--data', within('data'), '--out', within(out), '--quiet'],
      ...settings.flatMap((setting) => ['--set', setting]),
    ];
    await inside(at(`${name}/ldc`), ...flags(at, 'theirs'));
    await run(process.execPath, [join(root, 'bin/ldc.js'), ...flags((path) => join(place, path), 'ours')]);
    const ours = await checkpoints(join(place, 'ours'));
    expect(ours.size).toBeGreaterThanOrEqual(4);
    expect(await checkpoints(join(place, 'theirs'))).toEqual(ours);
  }, 300_000);

  it('starts through a link, from anywhere', async () => {
    await mkdir(join(place, 'links'), { recursive: true });
    await symlink(`../${name}/ldc`, join(place, 'links/ldc'));
    const { stdout } = await inside('/bin/sh', '-c', `PATH=/bin:/usr/bin; ${at('links/ldc')} --version`);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  }, 60_000);
});

it('leaves out what nobody loads, and no licence', () => {
  for (const path of ['LICENSE.md', 'THIRD-PARTY-NOTICES.md', 'dist/index.js', 'bin/napi-v6/linux/x64/a.so.1'])
    expect([path, isNeeded(path)]).toEqual([path, true]);
  for (const path of [
    'README.md',
    'dist/index.js.map',
    'dist/index.d.ts',
    'test/a.js',
    'bin/napi-v6/darwin/x64/a.node',
  ])
    expect([path, isNeeded(path)]).toEqual([path, false]);
});

it('sees what a binary asks of the C library', async () => {
  const copy = join(folder, 'node');
  await cp(process.execPath, copy);
  expect(glibcOf(copy)[0]).toBe(2);
  expect(glibcOf(join(root, 'package.json'))).toEqual([0]);
});
