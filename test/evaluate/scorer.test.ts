import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { LeftOut } from '../../src/data/leftOut.js';
import type { Frame } from '../../src/data/manifest.js';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { readScores, writeScores } from '../../src/evaluate/scoreFile.js';
import { type Scorer, scoreFrames } from '../../src/evaluate/scorer.js';
import { evalTables } from '../../src/report/evalTable.js';
import { failure, frame, put, temporaryFolder } from '../data/helpers.js';

const folder = await temporaryFolder();
const size = 8;
const settings = { imageSize: size, batchSize: 4, workers: 2 } as const;

/** The score is the grey of an image's first pixel. */
const scorer: Scorer = {
  score: async (pixels, count) =>
    Array.from({ length: count }, (_, i) => ({
      score: pixels[i * size * size * 3]! / 255,
      liveMap: Float32Array.of(1),
      spoofMap: Float32Array.of(2),
    })),
  release: () => {},
};

/** Live and attacks in turns, of greys 10, 20, …; those in `damaged` are no images. */
async function framesWith(damaged: readonly number[]): Promise<Frame[]> {
  const frames = Array.from({ length: 10 }, async (_, i) => {
    const grey = { r: 10 * (i + 1), g: 10 * (i + 1), b: 10 * (i + 1) };
    const image = sharp({ create: { width: size, height: size, channels: 3, background: grey } });
    const path = join(folder, `${damaged.join('-')}/${i}.png`);
    await put(path, damaged.includes(i) ? 'no image' : await image.png().toBuffer());
    return frame({ path, manifest: join(folder, 'set/manifest.csv'), label: i % 2 === 0 ? 'live' : 'spoof' });
  });
  return Promise.all(frames);
}

const greys = (scores: { score: Float64Array }) => Array.from(scores.score, (score) => Math.round(score * 25.5));

it('an image that cannot be read is an error', async () => {
  const error = await failure(scoreFrames(scorer, await framesWith([2]), 'target', settings));
  expect(error.message).toMatch(/^the image \S*2\.png \(\S*manifest\.csv line \d+\) cannot be read/);
});

it('where it may be missing, the others keep their scores, and it is counted in the file, the figures and each table', async () => {
  const notes: string[] = [];
  const leftOut = new LeftOut((text) => notes.push(text));
  const shifted: number[] = [];
  const alter = async (pixels: Uint8Array, position: number) => {
    shifted.push(position);
    return pixels;
  };
  const scores = await scoreFrames(scorer, await framesWith([2, 5, 6, 7, 4]), 'target', {
    ...settings,
    leftOut,
    alter,
  });
  expect(greys(scores)).toEqual([1, 2, 4, 9, 10]);
  expect(shifted).toEqual([0, 1, 3, 8, 9]);
  expect(notes).toHaveLength(5);
  expect(notes[0]).toMatch(/2\.png .*; it is left out$/);
  expect([scores.failures!.length, [...scores.failures!.live]]).toEqual([5, [1, 1, 0, 1, 0]]);

  const file = join(folder, 'scores.csv');
  await writeScores(file, scores);
  expect((await readFile(file, 'utf8')).match(/,NaN,,/g)).toHaveLength(5);
  const again = await readScores(file);
  expect([greys(again), again.failures!.length]).toEqual([greys(scores), 5]);
  expect(again.maps).toEqual(scores.maps);

  const levels = evaluateScores(again, { why: 'none' }, { resamples: 10 });
  expect(levels.frame.fta!.n).toEqual({ live: 3, attack: 2 });
  const evaluation = { protocol: null, checkpoint: null, engine: null, convention: 'honest', synthetic: null } as const;
  for (const table of evalTables({ ...evaluation, targets: [], levels })) {
    expect(table.notes).toContain('Images without a score, which are in none of these figures: 5.');
  }
});

it('of which not one can be read there are no scores', async () => {
  const frames = await framesWith([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const error = await failure(scoreFrames(scorer, frames, 'target', { ...settings, leftOut: new LeftOut(() => {}) }));
  expect(error.message).toBe('not one of 10 images of target can be read');
});
