import { expect, it } from 'vitest';
import { eachTarget } from '../../src/evaluate/eachTarget.js';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { isKnown } from '../../src/evaluate/results.js';
import { type ScoreRow, scoresOf } from '../../src/evaluate/scores.js';

const rows = (domain: string, live: number[], attacks: number[]): ScoreRow[] =>
  [...live, ...attacks].map((score, i) => {
    const label = i < live.length ? 'live' : 'spoof';
    const attackType = label === 'live' ? 'live' : 'print';
    return { path: `${domain}${i}`, domain, subject: `${i}`, video: `${i}`, frame: 0, label, attackType, score };
  });

/** The share of pairs in the right order, by its definition. */
const aucOf = (live: number[], attacks: number[]) =>
  live.flatMap((a) => attacks.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0))).reduce((x, y) => x + y, 0) /
  (live.length * attacks.length);

const a = { live: [0.9, 0.8, 0.4], attacks: [0.1, 0.5, 0.3, 0.2] };
const b = { live: [0.2, 0.7], attacks: [0.6, 0.65, 0.1] };
const options = { resamples: 200 };

it('gives each of several targets by itself and their mean, at the one threshold of the sources', () => {
  const scores = scoresOf([...rows('A', a.live, a.attacks), ...rows('B', b.live, b.attacks)], 'x');
  const { each, mean } = eachTarget(scores, { thresholds: { frame: 0.55, video: 0.55 } }, options);
  expect(each!.map(({ domain }) => domain)).toEqual(['A', 'B']);
  const aucs = [aucOf(a.live, a.attacks), aucOf(b.live, b.attacks)];
  for (const level of ['frame', 'video'] as const) {
    for (const [i, { levels }] of each!.entries()) expect(levels[level].auc).toBeCloseTo(aucs[i]!, 12);
    const hters = each!.map(({ levels }) => {
      const threshold = levels[level].thresholds['source-dev-eer'];
      return isKnown(threshold) ? threshold.hter : Number.NaN;
    });
    // A: no attack of 4 passes, 1 live of 3 does not; B: 2 attacks of 3 pass, 1 live of 2 does not.
    for (const [i, hter] of [1 / 6, 7 / 12].entries()) expect(hters[i]).toBeCloseTo(hter, 12);
    expect(mean![level].auc.mean).toBeCloseTo((aucs[0]! + aucs[1]!) / 2, 12);
    expect(mean![level].thresholds['source-dev-eer']!.hter.mean).toBeCloseTo((hters[0]! + hters[1]!) / 2, 12);
  }
  const alone = scoresOf(rows('B', b.live, b.attacks), 'x');
  expect(each![1]!.levels).toEqual(evaluateScores(alone, { thresholds: { frame: 0.55, video: 0.55 } }, options));
});

it('counts the images of each target that have no score', () => {
  const failures = scoresOf(
    rows('B', [Number.NaN], []).map((row) => ({ ...row, path: 'gone', video: 'gone' })),
    'x',
  );
  const scores = { ...scoresOf([...rows('A', a.live, a.attacks), ...rows('B', b.live, b.attacks)], 'x'), failures };
  const { each } = eachTarget(scores, { why: 'none' }, options);
  expect(each!.map(({ levels }) => levels.frame.fta?.n ?? null)).toEqual([null, { live: 1, attack: 0 }]);
});

it('says nothing of one target', () => {
  expect(eachTarget(scoresOf(rows('A', a.live, a.attacks), 'x'), { why: 'none' }, options)).toEqual({});
});
