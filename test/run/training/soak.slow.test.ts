/** 10,000 steps of training with checkpoints: memory, handles and descriptors at the end are what they were early on. */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { trainTiny, writeFrames } from './tinyStage.js';

const base = await mkdtemp(join(tmpdir(), 'ldc-soak-'));
afterAll(() => rm(base, { recursive: true }));

const steps = Number(process.env.LDC_SOAK_STEPS ?? 10_000);

it(`${steps} steps leave memory as it was`, { timeout: 20 * 60_000 }, async () => {
  const frames = await writeFrames(join(base, 'images'));
  const rss: number[] = [];
  const descriptors: number[] = [];
  const { records, left } = await trainTiny(join(base, 'run'), frames, {
    epochs: Math.ceil(steps / 3),
    saveEvery: 50,
    onStep: ({ step }) => {
      if (step % Math.ceil(steps / 20) !== 0) return;
      globalThis.gc?.();
      rss.push(process.memoryUsage.rss());
      descriptors.push(readdirSync('/proc/self/fd').length);
    },
  });
  expect(records).toEqual([]);
  expect(left).toEqual({ live: 0, tensors: 0 });
  const half = rss.length >> 1;
  const most = (values: number[]) => Math.max(...values);
  expect(most(rss.slice(half)) - most(rss.slice(0, half))).toBeLessThan(32 * 2 ** 20);
  expect(most(descriptors.slice(half))).toBeLessThanOrEqual(most(descriptors.slice(0, half)) + 4);
});
