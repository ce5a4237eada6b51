import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { linesOf, makeFolder, removeLeftovers, writeFileWhole, writeWhole } from '../../src/base/files.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-files-'));
afterAll(() => rm(base, { recursive: true }));

it('a file is whole or as it was', async () => {
  const path = join(base, 'a/b/c.txt');
  await writeFileWhole(path, 'first');
  const failing = writeWhole(path, async (file) => {
    await file.writeFile('sec');
    throw new Error('disk full');
  });
  await expect(failing).rejects.toThrow('disk full');
  expect(await readFile(path, 'utf8')).toBe('first');
  expect(await readdir(join(base, 'a/b'))).toEqual(['c.txt']);
});

it('folders are made with those above them, and where none can be made that is said', async () => {
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(base, 'p/q/r'))));
  expect(await readdir(join(base, 'p/q'))).toEqual(['r']);
  await writeFile(join(base, 'p/file'), '');
  await expect(makeFolder(join(base, 'p/file'))).rejects.toThrow('EEXIST');
  await expect(makeFolder(join(base, 'p/file/below'))).rejects.toThrow('ENOTDIR');
  // Node's recursive mkdir never returns here.
  await expect(makeFolder('/proc/ldc/below')).rejects.toThrow('cannot be made in /proc');
});

it('what a killed process left is found by its name alone', async () => {
  const folder = join(base, 'left');
  for (const name of ['x.txt.12.0.tmp', 'x.txt', 'own.tmp']) await writeFileWhole(join(folder, name), '');
  await writeFile(join(folder, 'y.safetensors.4711.12.tmp'), '');
  await removeLeftovers(folder);
  expect((await readdir(folder)).sort()).toEqual(['own.tmp', 'x.txt']);
  await removeLeftovers(join(base, 'nowhere'));
});

it('lines of a file: it is closed when some are enough, absent it has none, and one that cannot be read is an error', async () => {
  const path = join(base, 'lines');
  await writeFile(path, 'a\nb\n'.repeat(100_000));
  const openFiles = async () => {
    const names = await readdir('/proc/self/fd');
    const targets = await Promise.all(names.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return targets.filter((target) => target === path).length;
  };
  for await (const line of linesOf(path)) {
    expect(line).toBe('a');
    expect(await openFiles()).toBe(1);
    break;
  }
  expect(await openFiles()).toBe(0);
  let count = 0;
  for await (const _ of linesOf(path)) count++;
  expect([count, await openFiles()]).toEqual([200_000, 0]);
  for await (const _ of linesOf(join(base, 'nowhere'))) count++;
  expect(count).toBe(200_000);
  await expect(linesOf(base).next()).rejects.toThrow('EISDIR');
  // As a file of somebody else's: root may read those.
  await expect(linesOf(join(path, 'below')).next()).rejects.toThrow('ENOTDIR');
});
