import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { holderOf, lockName, withLock } from '../../src/base/lock.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-lock-'));
afterAll(() => rm(base, { recursive: true }));
let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(base, String(count++), 'deep');
});

const lockOf = async () => JSON.parse(await readFile(join(folder, lockName), 'utf8'));
const putLock = (holder: object) => writeFile(join(folder, lockName), JSON.stringify(holder));

describe('a locked folder', () => {
  it('is made, and free again afterwards, also when the work fails', async () => {
    await withLock(folder, async () => expect(await lockOf()).toMatchObject({ pid: process.pid, host: hostname() }));
    await expect(withLock(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('is refused to a second one, who is told who has it', async () => {
    await withLock(folder, async () => {
      expect(await holderOf(folder)).toMatchObject({ holder: { pid: process.pid }, alive: true });
      await expect(withLock(folder, async () => {})).rejects.toThrow(UserError);
      await expect(withLock(folder, async () => {})).rejects.toThrow(`process ${process.pid}`);
    });
  });

  it('is waited for where that is wanted', async () => {
    const order: string[] = [];
    const waiting: number[] = [];
    let second: Promise<void> | undefined;
    await withLock(folder, async () => {
      second = withLock(folder, async () => void order.push('second'), { onWait: ({ pid }) => waiting.push(pid) });
      await new Promise((resolve) => setTimeout(resolve, 600));
      order.push('first');
    });
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(waiting).toEqual([process.pid]);
  });

  it('may be given up waiting for', async () => {
    await withLock(folder, async () => {
      const signal = AbortSignal.timeout(50);
      await expect(withLock(folder, async () => {}, { signal, onWait: () => {} })).rejects.toThrow();
    });
    expect(existsSync(join(folder, lockName))).toBe(false);
  });
});

describe('a stale lock is taken over', () => {
  const stays = async () => {
    await withLock(folder, async () => expect((await lockOf()).pid).toBe(process.pid));
    expect(await readdir(folder)).toEqual([]);
  };
  const start = async () => {
    let own: { start: string } | undefined;
    await withLock(folder, async () => {
      own = await lockOf();
    });
    return own!;
  };

  it('of a process that was killed', async () => {
    const own = await start();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
    await putLock({ ...own, pid: child.pid });
    expect(await holderOf(folder)).toMatchObject({ holder: { pid: child.pid }, alive: false });
    await stays();
  });

  it('whose process number another process has now', async () => {
    await putLock({ ...(await start()), start: '1', token: 'other' });
    await stays();
  });

  it('that was never written to its end', async () => {
    await start();
    await writeFile(join(folder, lockName), '{"pid": 1');
    await stays();
  });

  it('of another machine when it is no longer touched, but not before', async () => {
    await putLock({ ...(await start()), host: 'elsewhere' });
    await expect(withLock(folder, async () => {})).rejects.toThrow('elsewhere');
    const past = new Date(Date.now() - 10 * 60_000);
    await utimes(join(folder, lockName), past, past);
    await stays();
  });

  it('by one of many who try at once', async () => {
    await putLock({ ...(await start()), pid: 2 ** 22 + 1, token: 'dead' });
    let [inside, most, done] = [0, 0, 0];
    const work = () =>
      withLock(
        folder,
        async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside--;
          done++;
        },
        { onWait: () => {} },
      );
    await Promise.all(Array.from({ length: 8 }, work));
    expect([most, done]).toEqual([1, 8]);
  });
});
