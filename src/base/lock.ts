/**
 * A folder for one process at a time. The lock is a file that names its holder; that of a process which was killed is recognised and
 * taken over: on this machine by process number and start time, of another machine by a file that is no longer touched.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from './errors.js';
import { makeFolder } from './files.js';

export const lockName = '.lock';

/** How often a holder touches its lock, and after how long an untouched one of another machine is stale. */
const touchEvery = 20_000;
const staleAfter = 180_000;
const lookEvery = 250;

export interface Holder {
  pid: number;
  host: string;
  /** When the process started, in ticks since the machine did: process numbers come again. */
  start: string;
  /** Tells two locks of one process apart. */
  token: string;
}

export interface LockOptions {
  /** Called once when somebody else holds the lock; without it that is an error. The lock is then waited for. */
  onWait?: (holder: Holder) => void;
  signal?: AbortSignal;
}

/**
 * Runs `body` while nobody else may work in `folder`, which is made if it is missing.
 * @throws UserError when another process works there and `onWait` is not given; the signal's reason while waiting
 */
export async function withLock<T>(folder: string, body: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await makeFolder(folder);
  const path = join(folder, lockName);
  const own: Holder = { pid: process.pid, host: hostname(), start: startOf(process.pid) ?? '', token: token() };
  await take(path, own, options);
  await sweep(folder);
  const touch = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, touchEvery).unref();
  const leave = () => {
    clearInterval(touch);
    // Only if it is still ours.
    if (readHolderSync(path)?.token === own.token) unlinkSync(path);
  };
  process.once('exit', leave);
  try {
    return await body();
  } finally {
    process.off('exit', leave);
    leave();
  }
}

/** Who works in `folder` now, and who did when it was killed. */
export async function holderOf(folder: string): Promise<{ holder: Holder; alive: boolean } | undefined> {
  const path = join(folder, lockName);
  const holder = parse(await readFile(path, 'utf8').catch(() => ''));
  return holder && { holder, alive: !(await isStale(path, holder)) };
}

async function take(path: string, own: Holder, { onWait, signal }: LockOptions): Promise<void> {
  const mine = `${path}.${own.pid}.${own.token}`;
  let told = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      // A link appears whole or not at all, and never in place of another: that decides between two processes.
      await writeFile(mine, `${JSON.stringify(own)}\n`);
      try {
        await link(mine, path);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Swept up by a holder on another machine, which cannot see that this process lives.
        if (code === 'ENOENT') continue;
        if (code !== 'EEXIST') throw error;
      }
      const holder = parse(await readFile(path, 'utf8').catch(() => ''));
      if (holder === undefined || (await isStale(path, holder, mine))) {
        await removeStale(path, holder, `${mine}.stale`);
        continue;
      }
      if (!onWait) {
        throw new UserError(
          `process ${holder.pid} on ${holder.host} works in ${path.slice(0, -lockName.length - 1)}`,
          'wait for it, or give the new work a folder of its own',
        );
      }
      if (!told) onWait(holder);
      told = true;
      await sleep(lookEvery, undefined, { signal });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Removes what processes left that were killed while they took a lock. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^\.lock\.(\d+)\.[0-9a-f]{16}(?:\.stale)?$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

/** Moves a stale lock away; one that somebody took in the meantime is put back. */
async function removeStale(path: string, stale: Holder | undefined, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = parse(await readFile(aside, 'utf8'));
  if (moved?.token !== stale?.token) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** @param clock a file just written in the same folder, so that times are those of one clock */
async function isStale(path: string, holder: Holder, clock?: string): Promise<boolean> {
  if (holder.host === hostname()) return startOf(holder.pid) !== holder.start;
  const touched = await stat(path).catch(() => undefined);
  const now = clock === undefined ? Date.now() : (await stat(clock)).mtimeMs;
  return touched !== undefined && now - touched.mtimeMs > staleAfter;
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, host, start, token } = JSON.parse(text) as Holder;
    return Number.isInteger(pid) && [host, start, token].every((each) => typeof each === 'string')
      ? { pid, host, start, token }
      : undefined;
  } catch {
    return undefined;
  }
}

function readHolderSync(path: string): Holder | undefined {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether a process of this number runs on this machine. */
export function isRunning(pid: number): boolean {
  return startOf(pid) !== undefined;
}

/** Field 22 of /proc/PID/stat, of a process that runs; behind the name, which may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function token(): string {
  return randomBytes(8).toString('hex');
}
