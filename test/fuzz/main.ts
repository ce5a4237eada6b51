/**
 * `npm run fuzz -- [--inputs N] [--seed S] [--only NAME]`: the long form. Each target is fuzzed in a process of its own, so that a crash
 * or a hang is seen for what it is.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Count, fuzz } from './fuzzing.js';
import { targets } from './targets.js';

/** Nothing reads a small file for longer, or needs more memory for it. */
const hangMs = 10_000;
const mostMemory = 2 ** 30;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    child: { type: 'string' },
  },
});
const seed = Number(values.seed);
const folder = mkdtempSync(join(tmpdir(), 'ldc-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

if (values.child !== undefined) {
  const target = (await targets(folder)).find(({ name }) => name === values.child)!;
  try {
    process.send!({
      count: await fuzz(target, folder, seed, Number(values.inputs), (at) => at % 16 === 0 && process.send!({ at })),
    });
  } catch (error) {
    process.send!({ fault: (error as Error).message });
  }
  process.disconnect();
} else {
  const all = (await targets(folder)).filter(({ name }) => values.only === undefined || values.only.includes(name));
  const each = Math.ceil(Number(values.inputs) / all.length);
  let [inputs, faults] = [0, 0];
  console.log('target | inputs | refused | slowest, ms | growth, MiB');
  for (const { name } of all) {
    const result = await inProcess(name, each);
    if (typeof result === 'string') {
      faults++;
      console.log(`FAULT ${result}`);
      continue;
    }
    inputs += result.inputs;
    const { refused, slowestMs, growth } = result;
    console.log(`${name} | ${result.inputs} | ${refused} | ${slowestMs.toFixed(0)} | ${(growth / 2 ** 20).toFixed(0)}`);
    if (slowestMs > hangMs || growth > mostMemory) faults++;
  }
  console.log(`${inputs} inputs, seed ${seed}; faults: ${faults}`);
  process.exitCode = faults === 0 ? 0 : 1;
}

/** What came of a target: its counts, or what went wrong. */
function inProcess(name: string, inputs: number): Promise<Count | string> {
  return new Promise((resolve) => {
    const args = ['--child', name, '--inputs', String(inputs), '--seed', String(seed)];
    const child = fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let [at, since] = [-1, Date.now()];
    // Three times the limit: this process and the child share a machine with others; the child measures each input itself.
    const watch = setInterval(() => {
      if (Date.now() - since > 3 * hangMs && at >= 0) child.kill('SIGKILL');
    }, 1000);
    let result: Count | string | undefined;
    child.on('message', (message: { at?: number; count?: Count; fault?: string }) => {
      if (message.at !== undefined) [at, since] = [message.at, Date.now()];
      result = message.count ?? message.fault ?? result;
    });
    child.on('close', (status, signal) => {
      clearInterval(watch);
      resolve(result ?? `${name}, seed ${seed}, input ${at}: the process ended with ${signal ?? status}`);
    });
  });
}
