/** The training loop: checkpoints, going on, damaged files, numbers that are not finite. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { WorkError } from '../../../src/base/errors.js';
import { Interrupted } from '../../../src/run/progress.js';
import { contents, Killed, type TinyOptions, trainTiny, writeFrames } from './tinyStage.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-epochs-'));
afterAll(() => rm(base, { recursive: true }));
const frames = await writeFrames(join(base, 'images'));
let count = 0;
const fresh = () => join(base, `run${count++}`);
const reference = fresh();
await trainTiny(reference, frames);
const expected = await contents(reference);

/** Three steps an epoch, four epochs. */
const last = 'epoch-0004';

async function killedAt(step: number, options: TinyOptions = {}): Promise<string> {
  const folder = fresh();
  await expect(trainTiny(folder, frames, { ...options, dieAfter: step })).rejects.toThrow(Killed);
  return folder;
}

async function flip(path: string, at = 0.6): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length * at)]! ^= 4;
  await writeFile(path, bytes);
}

it('fetches ahead what the next step uploads, but nothing over the end of an epoch', async () => {
  const events: string[] = [];
  const before: TinyOptions['before'] = ({ device }) => {
    events.push('step');
    device.prefetch = () => void events.push('fetch');
  };
  await trainTiny(fresh(), frames, { before, epochs: 2 });
  const epoch = ['step', 'fetch', 'step', 'fetch', 'step'];
  expect(events).toEqual([...epoch, ...epoch]);
});

describe('going on', () => {
  it('leaves no tensor behind', async () => {
    expect((await trainTiny(fresh(), frames)).left).toEqual({ live: 0, tensors: 0 });
  });

  it.each([1, 2, 3, 4, 6, 7, 11])('after step %d gives the same files', async (step) => {
    const folder = await killedAt(step);
    const { start } = await trainTiny(folder, frames);
    expect(start.steps).toBe(3 * Math.floor((step - 1) / 3));
    expect(await contents(folder)).toEqual(expected);
  });

  it.each([1, 2, 5, 7, 10])('in the middle of an epoch, after step %d', async (step) => {
    const folder = await killedAt(step, { checkpointEvery: 1 });
    expect((await trainTiny(folder, frames)).start).toMatchObject({ steps: step - 1 });
    expect(await contents(folder)).toEqual(expected);
  });

  it('keeps two checkpoints within the epoch, and none beyond it', async () => {
    const folder = await killedAt(6, { checkpointEvery: 1 });
    const steps = (await readdir(folder)).filter((name) => name.includes('-step-') && name.includes('.state.'));
    expect(steps).toEqual(['epoch-0001-step-00000004.state.safetensors', 'epoch-0001-step-00000005.state.safetensors']);
    await trainTiny(folder, frames);
    expect((await readdir(folder)).filter((name) => name.includes('-step-'))).toEqual([]);
  });

  it.each([1, 3, 5, 12])('after an interruption at step %d', async (step) => {
    const folder = fresh();
    const controller = new AbortController();
    const stop = trainTiny(folder, frames, {
      signal: controller.signal,
      onStep: (record) => {
        if (record.step === step) controller.abort(new Interrupted('', 'go on so'));
      },
    });
    await expect(stop).rejects.toMatchObject({ name: 'Interrupted', hint: 'go on so' });
    expect((await trainTiny(folder, frames)).start.steps).toBe(step);
    expect(await contents(folder)).toEqual(expected);
  });
});

describe('on a device that gets the next step before it has done this one', () => {
  const ahead = true;

  it('gives the same files and records, and leaves no tensor behind', async () => {
    const folder = fresh();
    const { records, left } = await trainTiny(folder, frames, { ahead });
    expect(await contents(folder)).toEqual(expected);
    expect(records.map(({ epoch, step, images }) => [epoch, step, images])).toEqual(
      Array.from({ length: 12 }, (_, i) => [Math.floor(i / 3), i + 1, 4]),
    );
    for (const { seconds } of records)
      for (const part of Object.values(seconds)) expect(part).toBeGreaterThanOrEqual(0);
    expect(left).toEqual({ live: 0, tensors: 0 });
  });

  it('submits a step before it reports the one before, but not over a checkpoint', async () => {
    const events: string[] = [];
    const before: TinyOptions['before'] = (_, at) => void events.push(`submit ${at.steps + 1}`);
    const onStep: TinyOptions['onStep'] = ({ step }) => void events.push(`report ${step}`);
    await trainTiny(fresh(), frames, { ahead, before, onStep, epochs: 2 });
    const epoch = (first: number) => [
      ...[`submit ${first}`, `submit ${first + 1}`, `report ${first}`, `submit ${first + 2}`],
      ...[`report ${first + 1}`, `report ${first + 2}`],
    ];
    expect(events).toEqual([...epoch(1), ...epoch(4)]);
  });

  it.each([1, 2, 5, 7, 10])('goes on after it was killed at step %d', async (step) => {
    const folder = await killedAt(step, { ahead, checkpointEvery: 1 });
    expect((await trainTiny(folder, frames, { ahead })).start).toMatchObject({ steps: step - 1 });
    expect(await contents(folder)).toEqual(expected);
  });

  it.each([1, 3, 5, 12])('goes on after an interruption at step %d', async (step) => {
    const folder = fresh();
    const controller = new AbortController();
    const stop = trainTiny(folder, frames, {
      ahead,
      signal: controller.signal,
      onStep: (record) => {
        if (record.step === step) controller.abort(new Interrupted('', 'go on so'));
      },
    }).catch((error: Error) => error);
    const end = await stop;
    // The last steps of an epoch are reported behind the last batch.
    if (step < 12) expect(end).toMatchObject({ name: 'Interrupted' });
    await trainTiny(folder, frames, { ahead });
    expect(await contents(folder)).toEqual(expected);
  });

  it.each([false, true])('stops with the same words at numbers that are not finite (ahead: %s)', async (way) => {
    const folder = fresh();
    const failure = trainTiny(folder, frames, {
      ahead: way,
      before: (net, at) => {
        if (at.steps === 4) net.parameters()[2]!.set(new Float32Array(6).fill(Number.NaN));
      },
    });
    await expect(failure).rejects.toThrow(
      /^training diverged: loss is NaN and linear\.weight \(weights\) is not finite in epoch 2, step 5 \(batch of \d+\.png, .*\)$/,
    );
    expect((await readdir(folder)).sort()).toEqual(['epoch-0001.safetensors', 'epoch-0001.state.safetensors']);
  });
});

describe('in bf16', () => {
  it.each([2, 4, 7])('going on after step %d gives the same files, and others than fp32', async (step) => {
    const whole = fresh();
    await trainTiny(whole, frames, { precision: 'bf16' });
    const files = await contents(whole);
    expect(files).not.toEqual(expected);
    const folder = await killedAt(step, { precision: 'bf16', checkpointEvery: 1 });
    expect((await trainTiny(folder, frames, { precision: 'bf16' })).start.steps).toBe(step - 1);
    expect(await contents(folder)).toEqual(files);
  });

  it('a training that began in fp32 goes on, and back', async () => {
    const folder = await killedAt(5);
    expect((await trainTiny(folder, frames, { precision: 'bf16', epochs: 3 })).start.steps).toBe(3);
    expect((await trainTiny(folder, frames)).start.steps).toBe(9);
    const files = await contents(folder);
    expect([...files.keys()]).toEqual([...expected.keys()]);
    expect(files.get('epoch-0001.safetensors')).toBe(expected.get('epoch-0001.safetensors'));
    expect(files).not.toEqual(expected);
  });
});

describe('a damaged newest checkpoint', () => {
  const damages: [string, (folder: string, name: string) => Promise<void>][] = [
    ['a flipped bit in the model', (folder, name) => flip(join(folder, `${name}.safetensors`))],
    ['a flipped bit in the state', (folder, name) => flip(join(folder, `${name}.state.safetensors`))],
    ['a flipped bit in a header', (folder, name) => flip(join(folder, `${name}.state.safetensors`), 0.1)],
    ['a torn model', (folder, name) => truncate(join(folder, `${name}.safetensors`), 100)],
    ['an empty state', (folder, name) => truncate(join(folder, `${name}.state.safetensors`), 0)],
    ['no model', (folder, name) => rm(join(folder, `${name}.safetensors`))],
    [
      'a model of another step',
      async (folder, name) => {
        await writeFile(join(folder, `${name}.safetensors`), await readFile(join(folder, 'epoch-0001.safetensors')));
      },
    ],
  ];
  it.each(damages)('%s: the one before is used, saying so, with the same result', async (_, damage) => {
    const folder = await killedAt(8);
    await damage(folder, 'epoch-0002');
    const { notes, start } = await trainTiny(folder, frames);
    expect(start).toMatchObject({ epoch: 1, steps: 3 });
    expect(notes.join()).toContain('checkpoint epoch-0002 is damaged');
    expect(notes.join()).toContain('the one before is used');
    const after = await contents(folder);
    for (const name of after.keys()) if (name.endsWith('.damaged')) after.delete(name);
    expect(after).toEqual(expected);
  });

  it('is not thrown away when there is no other', async () => {
    const folder = await killedAt(5);
    await flip(join(folder, 'epoch-0001.safetensors'));
    const before = await readdir(folder);
    await expect(trainTiny(folder, frames, { dieAfter: 1 })).rejects.toThrow(Killed);
    expect(await readdir(folder)).toEqual(before);
  });

  it('and temporary files of a killed process do no harm', async () => {
    const folder = await killedAt(5);
    await rename(join(folder, 'epoch-0001.safetensors'), join(folder, 'epoch-0001.safetensors.99.1.tmp'));
    await trainTiny(folder, frames);
    expect(await contents(folder)).toEqual(expected);
  });
});

describe('numbers that are not finite', () => {
  const poison: TinyOptions['before'] = (net, at) => {
    if (at.steps === 4) net.parameters()[2]!.set(new Float32Array(6).fill(Number.NaN));
  };
  const nan: TinyOptions = {
    before: poison,
  };

  it('stop the work with layer, step and files, and leave the last checkpoint alone', async () => {
    const folder = fresh();
    const failure = await trainTiny(folder, frames, nan).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkError);
    expect((failure as Error).message).toMatch(
      /^training diverged: loss is NaN and linear\.weight \(weights\) is not finite in epoch 2, step 5 \(batch of \d+\.png, .*\)$/,
    );
    expect((failure as WorkError).hint).toContain('on_nan=skip');
    expect((await readdir(folder)).sort()).toEqual(['epoch-0001.safetensors', 'epoch-0001.state.safetensors']);
    expect((await trainTiny(folder, frames)).start.steps).toBe(3);
    expect(await contents(folder)).toEqual(expected);
  });

  it('are passed over with on_nan: skip when they come from a batch alone, counted, and without effect', async () => {
    // What a poisoned batch does: everything computed from it is not finite, the weights are what they were.
    const saved: Float32Array[] = [];
    const folder = fresh();
    const { notes, records } = await trainTiny(folder, frames, {
      onNan: 'skip',
      before: (net, at) => {
        const bias = net.parameters()[3]!;
        if (at.steps === 4) bias.set(Float32Array.of(Number.NaN, 0));
        if (at.steps === 5) bias.set(saved[0] ?? new Float32Array(2));
      },
    });
    expect(records.map(({ skipped }) => skipped !== undefined)).toEqual([
      ...Array(4).fill(false),
      true,
      ...Array(7).fill(false),
    ]);
    expect(records).toHaveLength(12);
    expect(notes.join()).toMatch(/skipped: loss is NaN and .* in epoch 2, step 5 \(batch of/);
    const header = (await readFile(join(folder, `${last}.state.safetensors`))).toString('latin1');
    expect(header).toContain('"skipped":"1"');
    expect(existsSync(join(folder, `${last}.safetensors`))).toBe(true);
  });

  it('stop it all the same when they do not go away', async () => {
    const failure = trainTiny(fresh(), frames, { ...nan, onNan: 'skip', epochs: 8, saveEvery: 8 });
    await expect(failure).rejects.toThrow(/training diverged.*in epoch 5, step 15/s);
  });

  it('are never written to a checkpoint', async () => {
    const folder = fresh();
    const failure = trainTiny(folder, frames, {
      // After the gradient was looked at: the last step of the first epoch.
      onStep: () => {},
      before: (net, at) => {
        const [gamma] = net.parameters();
        if (at.steps === 2) queueMicrotask(() => gamma!.set(Float32Array.of(Number.POSITIVE_INFINITY, 1, 1)));
      },
    });
    await expect(failure).rejects.toThrow(/diverged/);
    expect(existsSync(join(folder, 'epoch-0001.safetensors'))).toBe(false);
  });
});
