/** Files on a disk that is really full, and on one that is read-only: small file systems in memory, where mounting is permitted. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentenceOf } from '../../src/base/errors.js';
import { writeFileWhole } from '../../src/base/files.js';
import { withLock } from '../../src/base/lock.js';
import { titled } from '../peers.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-disk-'));
const disk = join(base, 'disk');
await mkdir(disk);
const noMount =
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status === 0
    ? null
    : 'mounting is not permitted';

afterAll(async () => {
  if (noMount === null) execFileSync('umount', [disk]);
  await rm(base, { recursive: true });
});

const sentence = (promise: Promise<unknown>) => promise.then(() => 'nothing was thrown', sentenceOf);

describe.skipIf(noMount)(titled('a small file system', noMount), () => {
  beforeAll(() => writeFile(join(disk, 'state'), 'good'));

  it('that is full keeps what was there, and nothing half-written', async () => {
    expect(await sentence(writeFileWhole(join(disk, 'state'), new Uint8Array(1 << 20)))).toMatch(/^the disk is full/);
    expect(await readdir(disk)).toEqual(['state']);
    expect(await readFile(join(disk, 'state'), 'utf8')).toBe('good');
    await writeFile(join(disk, 'ballast'), new Uint8Array(1 << 20)).catch(() => {});
    const locked = withLock(join(disk, 'run'), async () => 'not reached');
    expect(await sentence(locked)).toMatch(/^the disk is full/);
    await rm(join(disk, 'ballast'));
    await writeFileWhole(join(disk, 'state'), 'better');
    expect(await readFile(join(disk, 'state'), 'utf8')).toBe('better');
  });

  it('that is read-only says so', async () => {
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    expect(await sentence(writeFileWhole(join(disk, 'state'), ''))).toMatch(/^the file system is read-only, .*state/);
    expect(await sentence(withLock(join(disk, 'new'), async () => {}))).toMatch(/^the file system is read-only/);
    expect(await readFile(join(disk, 'state'), 'utf8')).toBe('better');
  });
});
