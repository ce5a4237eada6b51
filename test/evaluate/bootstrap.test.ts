import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import {
  affordableResamples,
  aucStatistic,
  hterStatistic,
  percentileInterval95,
  resample,
  unitsOf,
} from '../../src/evaluate/bootstrap.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { errorRatesAt } from '../../src/evaluate/metrics.js';
import { auc, rocOf } from '../../src/evaluate/roc.js';
import { scoresOf } from '../../src/evaluate/scores.js';
import { labelledScores, row } from './helpers.js';

describe('bootstrap', () => {
  it('weighs a sample as if it were there that many times', () => {
    const drawn = fc.array(fc.nat(3), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(labelledScores, drawn, (samples, weights) => {
        const units = { codes: Int32Array.from(samples.score, (_, i) => i % 7), count: 7 };
        const copies = samples.score.flatMap((_, i) => Array<number>(weights[i % 7]!).fill(i));
        const expanded = { score: copies.map((i) => samples.score[i]!), live: copies.map((i) => samples.live[i]!) };
        const got = aucStatistic(samples, units)(Float64Array.from(weights));
        const hter = hterStatistic(samples, units, 0.5)(Float64Array.from(weights));
        if (expanded.live.includes(1) && expanded.live.includes(0)) {
          expect(got).toBeCloseTo(auc(rocOf(expanded)), 12);
          expect(hter).toBeCloseTo(errorRatesAt(expanded, 0.5).hter, 12);
        } else {
          expect(got).toBeNaN();
          expect(hter).toBeNaN();
        }
      }),
    );
  });

  it('draws subjects where all are known and there are two, else videos', () => {
    const rows = (subjects: string[]) =>
      scoresOf(
        subjects.map((subject, i) => row({ subject, video: `v${i}`, label: i % 2 ? 'live' : 'spoof', score: i })),
        'x',
      );
    expect(unitsOf(samplesAt(rows(['a', 'a', 'b', 'b']), 'frame', 'classifier'))).toMatchObject({
      by: 'subject',
      count: 2,
    });
    expect(unitsOf(samplesAt(rows(['a', 'a', 'b', '']), 'frame', 'classifier'))).toMatchObject({
      by: 'video',
      count: 4,
    });
    expect(unitsOf(samplesAt(rows(['a', 'a', 'a', 'a']), 'frame', 'classifier'))).toMatchObject({
      by: 'video',
      count: 4,
    });
  });

  it('repeats itself for one seed and not for another', () => {
    const units = { codes: Int32Array.from({ length: 40 }, (_, i) => i), count: 40 };
    const samples = {
      score: Float64Array.from({ length: 40 }, (_, i) => (i * 37) % 40),
      live: units.codes.map((i) => i % 2),
    };
    const run = (seed: number) => resample(units, [aucStatistic(samples, units)], 50, seed)[0];
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('covers the true AUC of independent samples about 95 % of the time', () => {
    // Live N(1, 1), attack N(0, 1): AUC = Φ(1/√2) = 0.7602499…
    const truth = 0.760249938906523;
    let covered = 0;
    const trials = 200;
    for (let trial = 0; trial < trials; trial++) {
      const random = new Philox(7, purposes.synth, trial);
      const live = Uint8Array.from({ length: 120 }, (_, i) => i % 2);
      const score = Float64Array.from(live, (label) => random.normal() + label);
      const units = { codes: Int32Array.from(live.keys()), count: live.length };
      const [low, high] = percentileInterval95(resample(units, [aucStatistic({ score, live }, units)], 300, trial)[0]!);
      if (low <= truth && truth <= high) covered++;
    }
    // Four standard deviations of a binomial share around 0.94 (the percentile method is slightly narrow here).
    expect(covered / trials).toBeGreaterThan(0.94 - 0.067);
    expect(covered / trials).toBeLessThan(0.995);
  });

  it('does fewer resamples for very large sets, and never fewer than 200', () => {
    expect(affordableResamples(2000, 5000, 1000)).toBe(2000);
    expect(affordableResamples(2000, 500_000, 100)).toBeLessThan(2000);
    expect(affordableResamples(2000, 1e9, 1e8)).toBe(200);
    expect(affordableResamples(50, 1e9, 1e8)).toBe(50);
  });
});
