/** Scores that are kept are the same to whoever looks at them next, also in what messages call them. */
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Scores, scoresOf } from '../../../src/evaluate/scores.js';
import { keptScores } from '../../../src/run/evaluation/scoreSums.js';

it('are read with the name that they were computed with, until the file is another', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-sums-'));
  const path = join(folder, 'scores', 'epoch-0001-target.csv');
  const row = {
    path: 'a.jpg',
    domain: 'M',
    subject: '1',
    video: 'v',
    frame: 0,
    label: 'live',
    attackType: 'live',
    score: 0.75,
  } as const;
  let computed = 0;
  const kept = () =>
    keptScores(path, { origin: 'epoch-0001, target', count: 1, reuse: true }, async () => {
      computed++;
      return scoresOf([row], 'epoch-0001, target');
    });
  const seen = ({ origin, score }: Scores) => [origin, ...score];
  try {
    expect(seen(await kept())).toEqual(['epoch-0001, target', 0.75]);
    expect(seen(await kept())).toEqual(['epoch-0001, target', 0.75]);
    expect(computed).toBe(1);
    await appendFile(path, '\n');
    expect(seen(await kept())).toEqual(['epoch-0001, target', 0.75]);
    expect(computed).toBe(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
