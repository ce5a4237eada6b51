/** libuv's threads are as many as the machine has cores, and two: their number can be set before the first of them works, not later. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../data/helpers.js';
import { root } from '../docs/codeBlocks.js';

const folder = await temporaryFolder();

/** Threads of the process after `ldc --version` on a machine of so many cores, the pool having been used. */
async function threads(cores: number, environment: Record<string, string> = {}): Promise<number> {
  const hook = join(folder, `${cores}.cjs`);
  await writeFile(
    hook,
    `require('node:os').availableParallelism = () => ${cores};
    process.on('exit', () => require('node:fs').writeSync(2, String(require('node:fs').readdirSync('/proc/self/task').length)));`,
  );
  const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
  const { stderr } = execute(hook, { ...env, ...environment });
  return Number(stderr);
}

function execute(hook: string, env: NodeJS.ProcessEnv) {
  const command = `"$0" --require "$1" "$2" --version 2>&1 >/dev/null`;
  const output = execFileSync('sh', ['-c', command, process.execPath, hook, join(root, 'bin/ldc.js')], { env });
  return { stderr: output.toString() };
}

it('grows with the cores, unless the user says otherwise', async () => {
  const least = await threads(1);
  expect((await threads(14)) - least).toBe(16 - 4);
  expect((await threads(14, { UV_THREADPOOL_SIZE: '7' })) - least).toBe(7 - 4);
}, 60_000);
