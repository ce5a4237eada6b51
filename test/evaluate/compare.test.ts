import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import { compareScores } from '../../src/evaluate/compare.js';
import { delong } from '../../src/evaluate/delong.js';
import { twoSidedNormalTail } from '../../src/evaluate/normal.js';
import { type ScoreRow, scoresOf } from '../../src/evaluate/scores.js';
import { row } from './helpers.js';

/** DeLong's variance from its definition: the kernel of every pair, and covariances S10, S01 of the two models. */
function delongByPairs(a: number[], b: number[], live: number[]): { difference: number; variance: number } {
  const positives = [...live.keys()].filter((i) => live[i] === 1);
  const negatives = [...live.keys()].filter((i) => live[i] === 0);
  const kernel = (s: number[], i: number, j: number) => (s[i]! > s[j]! ? 1 : s[i] === s[j] ? 0.5 : 0);
  const average = (values: number[]) => values.reduce((x, y) => x + y, 0) / values.length;
  const v10 = (s: number[]) => positives.map((i) => average(negatives.map((j) => kernel(s, i, j))));
  const v01 = (s: number[]) => negatives.map((j) => average(positives.map((i) => kernel(s, i, j))));
  const covariance = (x: number[], y: number[]) =>
    x.reduce((sum, value, k) => sum + (value - average(x)) * (y[k]! - average(y)), 0) / (x.length - 1);
  const part = (of: (s: number[]) => number[], n: number) =>
    (covariance(of(a), of(a)) + covariance(of(b), of(b)) - 2 * covariance(of(a), of(b))) / n;
  return {
    difference: average(v10(a)) - average(v10(b)),
    variance: part(v10, positives.length) + part(v01, negatives.length),
  };
}

const pairedScores = fc
  .array(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(1)), { minLength: 4, maxLength: 30 })
  .map((rows) => rows.map(([a, b, label], i): [number, number, number] => [a, b, i < 4 ? i % 2 : label]));

describe('DeLong', () => {
  it('has the difference and variance of the definition', () => {
    fc.assert(
      fc.property(pairedScores, (rows) => {
        const [a, b, live] = [0, 1, 2].map((k) => rows.map((r) => r[k]!)) as [number[], number[], number[]];
        const want = delongByPairs(a, b, live);
        const got = delong(a, b, live);
        expect(got.difference).toBeCloseTo(want.difference, 12);
        expect(got.standardError ** 2).toBeCloseTo(want.variance, 12);
      }),
    );
  });

  it('has the normal tail of published tables', () => {
    // scipy.stats.norm.sf(z) * 2
    const table: [number, number][] = [
      [0, 1],
      [0.5, 0.6170750774519738],
      [1.959963984540054, 0.05],
      [2.49, 0.012774309529886342],
      [2.51, 0.012073116160825332],
      [6, 1.973175290075389e-9],
      [-1, 0.31731050786291415],
    ];
    for (const [z, p] of table) expect(Math.abs(twoSidedNormalTail(z) / p - 1), `z = ${z}`).toBeLessThan(1e-11);
  });
});

/** 80 videos of 40 subjects; model `b` is `a` with `noise` added. */
function models(noise: number): [ScoreRow[], ScoreRow[]] {
  const random = new Philox(3, purposes.synth);
  const a = Array.from({ length: 80 }, (_, i) =>
    row({
      video: `v${i}`,
      subject: `s${i % 40}`,
      label: i < 40 ? 'live' : 'spoof',
      score: random.normal() + (i < 40 ? 2 : 0),
    }),
  );
  const b = a.map((r) => ({ ...r, score: r.score + noise * random.normal() }));
  return [a, b];
}

describe('comparison', () => {
  const none = { why: 'not given' };

  it('finds no difference between a model and itself, in any order of rows', () => {
    const [a] = models(0);
    const result = compareScores(
      { target: scoresOf(a, 'a'), source: none },
      { target: scoresOf([...a].reverse(), 'b'), source: none },
      'video',
      { resamples: 100 },
    );
    expect(result.auc).toMatchObject({ difference: 0, interval95: [0, 0], p: 1 });
    expect(result.hter).toMatchObject({ threshold: 'fixed', difference: 0 });
    expect(result.delong).toMatchObject({ difference: 0, p: 1 });
    expect(result.by).toBe('subject');
  });

  it('tells a good model from a noisy one, and its two tests agree', () => {
    const [a, b] = models(8);
    const result = compareScores(
      { target: scoresOf(a, 'a'), source: scoresOf(a, 'd') },
      { target: scoresOf(b, 'b'), source: scoresOf(b, 'd') },
      'video',
    );
    expect(result.auc.difference).toBeGreaterThan(0.1);
    expect(result.auc.interval95[0]).toBeGreaterThan(0);
    expect(result.auc.p).toBeLessThan(0.01);
    expect(result.delong.p).toBeLessThan(0.01);
    expect(result.hter.threshold).toBe('source-dev-eer');
    const halfWidth = (result.auc.interval95[1] - result.auc.interval95[0]) / 2;
    expect(halfWidth / (1.96 * result.delong.standardError)).toBeGreaterThan(0.7);
    expect(halfWidth / (1.96 * result.delong.standardError)).toBeLessThan(1.4);
  });

  it('refuses files of different samples or labels, naming one', () => {
    const [a, b] = models(1);
    const compare = (x: ScoreRow[], y: ScoreRow[], level: 'frame' | 'video' = 'video') =>
      compareScores(
        { target: scoresOf(x, 'x.csv'), source: none },
        { target: scoresOf(y, 'y.csv'), source: none },
        level,
      );
    expect(() => compare(a, b.slice(1))).toThrow('video ["M","v0"] is in x.csv but not in y.csv');
    expect(() => compare(a.slice(1), b)).toThrow('video ["M","v0"] is in y.csv but not in x.csv');
    const flipped = b.map((r, i) => (i === 3 ? { ...r, label: 'spoof' as const } : r));
    expect(() => compare(a, flipped)).toThrow(/"v3".*live in one of/);
    expect(() => compare([...a, a[0]!], b, 'frame')).toThrow(/appears twice in x\.csv/);
  });
});
