/**
 * Loaded before a program (`node --import`): counts what it does to the disk, and at operation LDC_FAULT_AT either kills the process
 * as kill -9 does, before the operation or in the middle of it, or lets the disk be full from then on (LDC_FAULT=kill|full).
 * Processes that the program starts count for themselves. A kill is written down in the file LDC_FAULT_LOG, and with LDC_FAULT_COUNT
 * each process adds a line with its number of operations to that file when it ends.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const at = Number(process.env.LDC_FAULT_AT ?? 0);
const kind = process.env.LDC_FAULT ?? 'kill';
const half = process.env.LDC_FAULT_HALF === '1';
const log = process.env.LDC_FAULT_LOG;
const counts = process.env.LDC_FAULT_COUNT;
let operations = 0;

type Call = (...args: never[]) => unknown;

/** A part of the content, for an operation that has one: what a kill in the middle of it leaves. */
function firstHalf(content: unknown): unknown {
  if (typeof content === 'string') return content.slice(0, content.length >> 1);
  if (ArrayBuffer.isView(content)) {
    return new Uint8Array(content.buffer, content.byteOffset, content.byteLength >> 1);
  }
  return undefined;
}

function die(): void {
  if (log !== undefined) fs.appendFileSync(log, 'killed\n');
  process.kill(process.pid, 'SIGKILL');
}

function sabotage(owner: object, name: string, contentAt: number | null, writes: (args: unknown[]) => boolean): void {
  const table = owner as Record<string, Call>;
  const original = table[name]!;
  table[name] = function (this: unknown, ...args: never[]) {
    if (!writes(args)) return original.apply(this, args);
    operations++;
    const reached = at > 0 && (kind === 'full' ? operations >= at : operations === at);
    if (!reached) return original.apply(this, args);
    const part = contentAt === null ? undefined : firstHalf(args[contentAt]);
    if (kind === 'full') {
      // Removing and renaming need no room.
      if (contentAt === null && name !== 'open' && name !== 'mkdir') return original.apply(this, args);
      const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      if (name.endsWith('Sync')) throw error;
      return Promise.reject(error);
    }
    if (!half || part === undefined) die();
    const rest = args.slice(contentAt! + 1).map((arg, i) => (name === 'write' && i === 1 ? undefined : arg)) as never[];
    const done = original.apply(this, [...args.slice(0, contentAt!), part as never, ...rest]);
    return done instanceof Promise ? done.then(die) : die();
  };
}

const always = () => true;
const { promises } = fs;
const handle = await promises.open('/dev/null');
const prototype = Object.getPrototypeOf(handle) as object;
await handle.close();
sabotage(promises, 'open', null, ([, flags]) => typeof flags === 'string' && flags !== 'r');
for (const name of ['rename', 'rm', 'mkdir', 'link', 'rmdir', 'copyFile']) sabotage(promises, name, null, always);
for (const name of ['writeFile', 'appendFile']) sabotage(promises, name, 1, always);
for (const name of ['write', 'writeFile', 'appendFile']) sabotage(prototype, name, 0, always);
sabotage(prototype, 'sync', null, always);
sabotage(fs, 'writeFileSync', 1, always);
syncBuiltinESMExports();

if (counts !== undefined) process.on('exit', () => fs.appendFileSync(counts, `${operations}\n`));
