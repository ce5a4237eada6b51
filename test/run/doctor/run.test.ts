/** What `ldc doctor --run` makes of runs that ended in every way a run can end. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WorkError } from '../../../src/base/errors.js';
import { lockName, withLock } from '../../../src/base/lock.js';
import { configToYaml } from '../../../src/config/schema.js';
import type { Frame } from '../../../src/data/manifest.js';
import { defaultConfig } from '../../../src/run/configuration.js';
import { examineRun } from '../../../src/run/doctor/run.js';
import { Interrupted } from '../../../src/run/progress.js';
import { RunFolder } from '../../../src/run/runFolder.js';
import { withEnding } from '../../../src/run/training/ending.js';
import { failure, temporaryFolder } from '../../data/helpers.js';
import { type TinyOptions, trainTiny, writeFrames } from '../training/tinyStage.js';

const base = await temporaryFolder();
let frames: Frame[] | undefined;
let count = 0;

/** A run with a small network in place of the large ones; `body` may go wrong. */
async function runOf(body: (folder: RunFolder) => Promise<unknown>): Promise<RunFolder> {
  const folder = new RunFolder(join(base, String(count++)));
  await mkdir(folder.path);
  await writeFile(folder.config, configToYaml(defaultConfig));
  await withEnding(folder, () => body(folder)).catch(() => {});
  return folder;
}

async function training(folder: RunFolder, options: TinyOptions = {}): Promise<void> {
  frames ??= await writeFrames(join(base, 'images'));
  await trainTiny(folder.checkpoints, frames, { epochs: 2, ...options });
}

it('a finished one', async () => {
  const { path } = await runOf(training);
  const { state, hint, findings } = await examineRun(path);
  expect([state, hint]).toEqual(['finished', `ldc eval --run '${path}' evaluates it`]);
  expect(findings).toContainEqual({ name: 'epoch-0002', ok: true, value: 'whole, 6 steps' });
});

it('an interrupted one', async () => {
  const controller = new AbortController();
  const run = await runOf((folder) =>
    training(folder, {
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === 4) controller.abort(new Interrupted('stopped', 'go on with the same command and --resume'));
      },
    }),
  );
  const { state, what, hint, findings } = await examineRun(run.path);
  expect(state).toBe('interrupted');
  expect(what).toBe('stopped in epoch 2 after 4 steps; everything is saved');
  expect(hint).toContain('--resume');
  expect(findings.find(({ name }) => name === 'epoch-0001-step-00000004')).toMatchObject({ ok: true });
});

it('one that diverged: layer, step and files of the batch', async () => {
  const run = await runOf((folder) =>
    training(folder, {
      before: (net, { steps }) => {
        if (steps === 4) net.parameters()[0]!.set([Number.NaN, 0, 0]);
      },
    }),
  );
  const { state, what, hint, findings } = await examineRun(run.path);
  expect(state).toBe('diverged');
  expect(what).toMatch(/norm\.\w+ .*in epoch 2, step 5 \(batch of \d+\.png, /);
  expect(hint).toContain('train.on_nan=skip');
  expect(findings).toContainEqual({ name: 'epoch-0001', ok: true, value: 'whole, 3 steps' });
});

it.each([
  [Object.assign(new Error('write'), { code: 'ENOSPC', path: '/x' }), 'disk-full', 'the disk is full, /x', 'make room'],
  [new Error('create: out of memory'), 'out-of-memory', 'create: out of memory', 'train.per_domain'],
  [new WorkError('device lost', 'look at nvidia-smi'), 'failed', 'device lost', 'look at nvidia-smi'],
])('one that failed: %s', async (error, state, what, hint) => {
  const run = await runOf(() => Promise.reject(error));
  const diagnosis = await examineRun(run.path);
  expect(diagnosis).toMatchObject({ state, what });
  expect(diagnosis.hint).toContain(hint);
});

it('one that was killed, and one that runs', async () => {
  const folder = new RunFolder(join(base, 'killed'));
  await mkdir(folder.path);
  await writeFile(folder.config, configToYaml(defaultConfig));
  const holder = { pid: 2 ** 22 - 1, host: hostname(), start: '1', token: '0' };
  await writeFile(join(folder.path, lockName), JSON.stringify(holder));
  const killed = await examineRun(folder.path);
  expect(killed.state).toBe('killed');
  expect(killed.what).toContain(`process ${holder.pid} on ${hostname()} ended without a word`);
  expect(killed.hint).toContain('there is no checkpoint yet');
  await withLock(folder.path, async () => {
    const { state, what } = await examineRun(folder.path);
    expect([state, what]).toEqual(['running', `process ${process.pid} on ${hostname()} works on it now`]);
  });
});

it('a torn checkpoint, and the one before it', async () => {
  const run = await runOf(training);
  const path = join(run.checkpoints, 'epoch-0002.safetensors');
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  const { findings } = await examineRun(run.path);
  expect(findings.find(({ name }) => name === 'epoch-0002')).toMatchObject({
    ok: false,
    value: expect.stringContaining('its checksum is another'),
    hint: expect.stringContaining('uses the one before'),
  });
  expect(findings.find(({ name }) => name === 'epoch-0001')).toMatchObject({ ok: true });
});

it('a folder that is no run', async () => {
  expect((await failure(examineRun(base))).message).toContain('is not a run: it has no config.yaml');
});
