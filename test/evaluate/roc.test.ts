import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorRatesAt, padErrorRatesAt } from '../../src/evaluate/metrics.js';
import { auc, bpcerAtApcer, equalErrorRate, farAt, frrAt, type Roc, rocOf } from '../../src/evaluate/roc.js';
import { eerVertex, youdenVertex } from '../../src/evaluate/thresholds.js';
import { labelledScores } from './helpers.js';

const hterAt = (roc: Roc, vertex: number) => (farAt(roc, vertex) + frrAt(roc, vertex)) / 2;

describe('ROC', () => {
  it('has the error rates of its thresholds at its vertices', () => {
    fc.assert(
      fc.property(labelledScores, (samples) => {
        const roc = rocOf(samples);
        for (const [vertex, threshold] of roc.thresholds.entries()) {
          const rates = errorRatesAt(samples, threshold);
          expect(farAt(roc, vertex)).toBe(rates.far);
          expect(frrAt(roc, vertex)).toBe(rates.frr);
          expect(hterAt(roc, vertex)).toBe(rates.hter);
        }
        expect([...roc.thresholds.slice(1)]).toEqual([...new Set(samples.score)].sort((a, b) => b - a));
      }),
    );
  });

  it('has the AUC of counted pairs', () => {
    fc.assert(
      fc.property(labelledScores, (samples) => {
        let sum = 0;
        let pairs = 0;
        samples.score.forEach((a, i) => {
          samples.score.forEach((b, j) => {
            if (samples.live[i] !== 1 || samples.live[j] !== 0) return;
            pairs++;
            sum += a > b ? 1 : a === b ? 0.5 : 0;
          });
        });
        expect(auc(rocOf(samples))).toBeCloseTo(sum / pairs, 14);
      }),
    );
  });

  it('turns over with the scores: AUC to its complement, and error rates are shares', () => {
    fc.assert(
      fc.property(labelledScores, ({ score, live }) => {
        const roc = rocOf({ score, live });
        const turned = rocOf({ score: score.map((s) => -s), live });
        expect(auc(roc) + auc(turned)).toBeCloseTo(1, 14);
        const eer = equalErrorRate(roc);
        expect(eer).toBeGreaterThanOrEqual(0);
        expect(eer).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('orders the oracles: the Youden point errs no more than any other vertex, and no attack share is exceeded', () => {
    fc.assert(
      fc.property(labelledScores, fc.constantFrom(0, 0.01, 0.05, 0.1, 0.5), (samples, limit) => {
        const roc = rocOf(samples);
        const youden = hterAt(roc, youdenVertex(roc));
        const all = [...roc.thresholds.keys()];
        expect(youden).toBeLessThanOrEqual(Math.min(...all.map((v) => hterAt(roc, v))) + 1e-15);
        const gap = (v: number) => Math.abs(farAt(roc, v) - frrAt(roc, v));
        expect(gap(eerVertex(roc))).toBe(Math.min(...all.map(gap)));
        const allowed = all.filter((v) => farAt(roc, v) <= limit).map((v) => frrAt(roc, v));
        expect(bpcerAtApcer(roc, limit)).toBe(Math.min(...allowed));
      }),
    );
  });

  it('interpolates the EER between vertices', () => {
    // Vertices (FAR, FRR): (0,1) (0,2/3) (1/2,2/3) (1/2,1/3) …: FAR − FRR changes sign on the last step, at FRR = FAR = 1/2.
    const roc = rocOf({ score: [0.9, 0.8, 0.7, 0.6, 0.5], live: [1, 0, 1, 1, 0] });
    expect(equalErrorRate(roc)).toBeCloseTo(0.5, 15);
    expect(eerVertex(roc)).toBe(2);
  });

  it.each([
    ['no samples', [], []],
    ['live alone', [0.1, 0.2], [1, 1]],
    ['attacks alone', [0.1, 0.2], [0, 0]],
  ])('refuses %s', (_, score, live) => {
    expect(() => rocOf({ score, live })).toThrow(/need both classes/);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses a score of %s', (bad) => {
    expect(() => rocOf({ score: [0.1, bad], live: [1, 0] })).toThrow(/score 2 of 2 is/);
  });
});

describe('APCER by species', () => {
  it('reports the worst species', () => {
    const samples = {
      score: [0.9, 0.4, 0.8, 0.1, 0.2, 0.3, 0.9],
      live: [1, 1, 0, 0, 0, 0, 0],
      attackType: { codes: Int32Array.of(0, 0, 1, 1, 2, 2, 2), names: ['live', 'replay', 'print', 'mask'] },
    };
    const rates = padErrorRatesAt(samples, 0.5);
    expect(rates.apcer).toEqual({ print: 1 / 3, replay: 1 / 2 });
    expect(Object.keys(rates.apcer)).toEqual(['print', 'replay']);
    expect(rates).toMatchObject({ far: 2 / 5, frr: 1 / 2, bpcer: 1 / 2, apcer_max: 1 / 2, acer: 1 / 2, hter: 0.45 });
  });
});
