/** Views of scores beside the levels of eval.json: the paper's convention, breakdowns, worst mistakes, seeds. */
import { describe, expect, it } from 'vitest';
import { breakdown, breakdownColumns } from '../../src/evaluate/breakdown.js';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { worstMistakes } from '../../src/evaluate/mistakes.js';
import { paperConvention } from '../../src/evaluate/paper.js';
import { releasedEvaluation } from '../../src/evaluate/released.js';
import { scoresOf } from '../../src/evaluate/scores.js';
import { meanStd, summarizeSeeds } from '../../src/evaluate/seeds.js';
import { row } from './helpers.js';

const rows = [
  row({ video: 'a', subject: 's1', label: 'live', score: 0.9, extra: { phone: 'x' } }),
  row({ video: 'b', subject: 's2', label: 'live', score: 0.3, extra: { phone: 'y' } }),
  row({ video: 'c', subject: 's1', label: 'spoof', attackType: 'print', score: 0.4, extra: { phone: 'x' } }),
  row({ video: 'd', subject: 's2', label: 'spoof', attackType: 'replay', score: 0.8, frame: 0, extra: { phone: 'y' } }),
  row({ video: 'd', subject: 's2', label: 'spoof', attackType: 'replay', score: 0.7, frame: 1, extra: { phone: 'y' } }),
];
const scores = scoresOf(rows, 'scores.csv');

describe('paper convention', () => {
  const epoch = (checkpoint: string, values: number[]) => ({
    checkpoint,
    scores: scoresOf(
      values.map((score, i) => ({ ...rows[i]!, score })),
      checkpoint,
    ),
  });

  it('takes the epoch with the smallest smoothed ACER, the earliest among equals', () => {
    const good = [0.9, 0.8, 0.1, 0.2, 0.3];
    const result = paperConvention([
      epoch('epoch-0001', [0.9, 0.1, 0.4, 0.2, 0.8]),
      epoch('epoch-0002', good),
      epoch('epoch-0003', good),
    ]);
    expect(result).toMatchObject({ convention: 'paper', oracle: true, level: 'frame' });
    expect(result.best).toMatchObject({ checkpoint: 'epoch-0002', acer: 0, auc: 1 });
    expect(result.last.checkpoint).toBe('epoch-0003');
    expect(result.epochs.map((e) => e.acer)).toEqual([0.25, 0, 0]);
    expect(result.best.smoothed.acer).toBeCloseTo((1e-7 / 2 + 1e-7 / 3) / 2, 12);
  });

  it('names the checkpoint that cannot be normalised, and wants one', () => {
    expect(() => paperConvention([epoch('epoch-0004', [1, 1, 1, 1, 1])])).toThrow(
      /checkpoint epoch-0004: all scores are equal/,
    );
    expect(() => paperConvention([])).toThrow(/at least one checkpoint/);
  });

  it('normalises in float32', () => {
    const { threshold } = releasedEvaluation({ score: [0.1, 0.7, 0.4], live: [0, 1, 1] });
    const f = Math.fround;
    expect(threshold).toBe(f(f(f(0.4) - f(0.1)) / f(f(0.7) - f(0.1))));
  });
});

describe('breakdown', () => {
  const samples = samplesAt(scores, 'video', 'classifier');

  it('sets each attack type against all live samples', () => {
    expect(breakdown(samples, 'attack_type', 0.5)).toEqual([
      { group: 'print', n: { live: 2, attack: 1 }, far: 0, frr: 0.5, hter: 0.25, auc: 0.5 },
      { group: 'replay', n: { live: 2, attack: 1 }, far: 1, frr: 0.5, hter: 0.75, auc: 0.5 },
    ]);
  });

  it('groups by subject and by any further column', () => {
    expect(breakdown(samples, 'subject', 0.5).map(({ group, hter }) => [group, hter])).toEqual([
      ['s1', 0],
      ['s2', 1],
    ]);
    expect(breakdown(samples, 'phone', 0.5).map(({ group }) => group)).toEqual(['x', 'y']);
    expect(breakdownColumns(samples)).toEqual(['attack_type', 'subject', 'phone']);
    expect(() => breakdown(samples, 'weather', 0.5)).toThrow(/no column "weather"/);
  });

  it('leaves rates open where a group lacks a class', () => {
    const live = samplesAt(
      scoresOf([...rows, row({ video: 'e', subject: 's3', label: 'live', score: 1 })], 'x'),
      'video',
      'classifier',
    );
    expect(breakdown(live, 'subject', 0.5)[2]).toEqual({
      group: 's3',
      n: { live: 1, attack: 0 },
      far: null,
      frr: 0,
      hter: null,
      auc: null,
    });
  });
});

describe('worst mistakes', () => {
  it('are the wrong side of the threshold, worst first, one frame a video', () => {
    const { falseAccepts, falseRejects } = worstMistakes(scores, 0.35, 5);
    expect(falseAccepts.map(({ path, score }) => [path, score])).toEqual([
      ['d/0.png', 0.8],
      ['c/0.png', 0.4],
    ]);
    expect(falseRejects.map(({ video }) => video)).toEqual(['b']);
    expect(worstMistakes(scores, 0.35, 1).falseAccepts).toHaveLength(1);
  });
});

describe('seeds', () => {
  it('give mean and sample standard deviation, and none for one run', () => {
    expect(meanStd([2, 4, 6])).toEqual({ mean: 4, std: 2, n: 3 });
    expect(meanStd([5])).toEqual({ mean: 5, std: null, n: 1 });
  });

  it('leave out a threshold that one run has not', () => {
    const withSource = evaluateScores(scores, scores, { resamples: 10 }).video;
    const without = evaluateScores(scores, { why: 'none' }, { resamples: 10 }).video;
    expect(summarizeSeeds([withSource, withSource]).thresholds['source-dev-eer']?.hter.std).toBe(0);
    const summary = summarizeSeeds([withSource, without]);
    expect(summary.thresholds['source-dev-eer']).toBeNull();
    expect(summary.thresholds.fixed?.hter).toEqual(
      meanStd([withSource, without].map((r) => (r.thresholds.fixed as { hter: number }).hter)),
    );
    expect(summary.auc.n).toBe(2);
  });
});
