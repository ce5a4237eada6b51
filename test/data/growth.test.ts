/** A million rows take ten times as long as a hundred thousand, not a hundred times: measured with fewer, in processor time. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countFrames } from '../../src/data/counts.js';
import { readCropSet } from '../../src/data/cropSet.js';
import { developmentSplit } from '../../src/data/developmentSplit.js';
import { type NewFrame, readManifest, writeManifest } from '../../src/data/manifest.js';
import { auditOf } from '../../src/data/prepare/audit.js';
import type { ClipRecord } from '../../src/data/prepare/clip.js';
import { openJournal } from '../../src/data/prepare/journal.js';
import { balancedStreams, epochBatches } from '../../src/data/sampler.js';
import { findSource } from '../../src/data/sources/sources.js';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { readScores, writeScores } from '../../src/evaluate/scoreFile.js';
import { ScoresBuilder } from '../../src/evaluate/scores.js';
import { temporaryFolder } from './helpers.js';

const [few, many] = [8_000, 64_000];

/** A photograph a presentation, a hundred of each person, as CelebA-Spoof has them. */
function photos(count: number): NewFrame[] {
  return Array.from({ length: count }, (_, i) => {
    const subject = String(Math.floor(i / 100)).padStart(5, '0');
    const live = i % 3 === 0;
    const video = `train/${subject}/${live ? 'live' : 'spoof'}/${String(i).padStart(7, '0')}`;
    const kind = live ? { label: 'live', attackType: 'live' } : { label: 'spoof', attackType: 'print' };
    return { path: `crops/${video}.jpg`, split: 'train', subject, video, frame: 0, ...kind, pai: '' } as NewFrame;
  });
}

/** Eight times the rows: 8 if it grows with them, 64 with their square. The least of three times each, after one to warm up. */
async function growth<T>(make: (count: number) => Promise<T> | T, work: (given: T) => unknown): Promise<number> {
  const least = async (count: number) => {
    const given = await make(count);
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      const before = process.cpuUsage();
      await work(given);
      const { user, system } = process.cpuUsage(before);
      times.push(user + system);
    }
    return Math.min(...times.slice(1));
  };
  const small = await least(few);
  // What takes less than two milliseconds is not told from nothing.
  return (await least(many)) / Math.max(small, 2000);
}

describe('time grows with the number of rows and no faster', { timeout: 120_000 }, async () => {
  const base = await temporaryFolder();
  const folder = (count: number) => join(base, `set${count}`);
  const written = async (count: number) => {
    await writeManifest(folder(count), 'A', photos(count));
    return folder(count);
  };
  const set = async (count: number) => (await readManifest(await written(count))).frames;
  const limit = 24;

  test.each<[string, () => Promise<number>]>([
    ['writing a manifest', () => growth(photos, (frames) => writeManifest(join(base, 'w'), 'A', frames))],
    ['opening a set', () => growth(written, (path) => readCropSet(path))],
    [
      'opening a set whose rows are in no order',
      () =>
        growth(
          async (count) => {
            await writeManifest(folder(count), 'A', photos(count).reverse());
            return folder(count);
          },
          (path) => readCropSet(path),
        ),
    ],
    ['counting', () => growth(set, (frames) => countFrames(frames))],
    ['holding people out', () => growth(set, (frames) => developmentSplit(frames, 0.2, 0))],
    [
      'an epoch of batches',
      () => growth(set, (frames) => epochBatches(balancedStreams(frames, { live: 5, spoof: 5 }), 0, 1)),
    ],
    [
      'a journal and its audit',
      () =>
        growth(recordsOf, async ({ found, records }) => {
          await writeFile(
            join(base, '.prepare.jsonl'),
            [{ recipe: {} }, ...records].map((line) => `${JSON.stringify(line)}\n`).join(''),
          );
          const journal = await openJournal(base, {});
          await journal.close(records.slice(records.length / 2).map(({ video }) => video));
          auditOf(findSource('celeba-spoof'), { found, missing: [], extra: [], own: [] }, records);
        }),
    ],
    [
      'a score file and its evaluation',
      () =>
        growth(
          (count) => {
            const builder = new ScoresBuilder('drawn');
            for (const [i, frame] of photos(count).entries()) {
              builder.add({ ...frame, domain: 'A', score: ((i * 7919) % 10_007) / 10_007 });
            }
            return builder.build();
          },
          async (scores) => {
            await writeScores(join(base, 'scores.csv'), scores);
            evaluateScores(await readScores(join(base, 'scores.csv')), { why: 'none' });
          },
        ),
    ],
  ])('%s', async (_, measure) => {
    expect(await measure()).toBeLessThan(limit);
  });
});

function recordsOf(count: number) {
  const frames = photos(count);
  const found = frames.map(({ path, frame, ...rest }) => {
    return { path, annotation: null, presentation: { ...rest, extra: {} } };
  });
  const records = frames.map(
    ({ video, path }): ClipRecord => ({
      ...{ video, files: '1@2 -', problems: [] },
      crops: [{ path, frame: 0, box: [1, 2, 3, 4], origin: 'annotation', hash: 'ab'.repeat(32) }],
    }),
  );
  return { found, records };
}
