import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { probit } from '../../src/evaluate/normal.js';
import { rocOf } from '../../src/evaluate/roc.js';
import { histogram, lossPoints, ratesByThreshold, rocPoints } from '../../src/report/plotData.js';
import { scoreScale } from '../../src/report/scoreScale.js';
import { sampleInput } from './sample.js';

function area(points: { far: number; tpr: number }[]): number {
  return points.slice(1).reduce((sum, p, i) => sum + (p.far - points[i]!.far) * ((p.tpr + points[i]!.tpr) / 2), 0);
}

const plain = { place: (score: number) => score, note: '', ticks: null, whole: true };

describe('plot data', () => {
  it('thins a long ROC to what can be seen, ends included', () => {
    const random = new Philox(1, purposes.synth);
    const live = Array.from({ length: 50_000 }, (_, i) => i % 2);
    const points = rocPoints(rocOf({ score: live.map((label) => random.normal() + label), live }));
    expect(points.length).toBeLessThan(1000);
    expect(points[0]).toEqual({ far: 0, frr: 1, tpr: 0 });
    expect(points.at(-1)).toEqual({ far: 1, frr: 0, tpr: 1 });
    expect(Math.abs(area(points) - 0.7602)).toBeLessThan(0.01);
  });

  it('keeps the corners of a short ROC and drops what lies on a line', () => {
    const roc = rocOf({ score: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], live: [1, 1, 0, 0, 1, 0] });
    expect(rocPoints(roc).map(({ far, frr }) => [far, frr])).toEqual([
      [0, 1],
      [0, 1 / 3],
      [2 / 3, 1 / 3],
      [2 / 3, 0],
      [1, 0],
    ]);
  });

  it('counts each sample once in its histogram, live first', () => {
    const samples = samplesAt(sampleInput().target!, 'video', 'classifier');
    const bars = histogram(samples, scoreScale(samples));
    expect([bars[0]!.from, bars.at(-1)!.to]).toEqual([0, 1]);
    expect(bars[0]!.kind).toBe('live');
    const total = (kind: string) => bars.filter((bar) => bar.kind === kind).reduce((sum, { share }) => sum + share, 0);
    for (const kind of new Set(bars.map((bar) => bar.kind))) expect(total(kind)).toBeCloseTo(1, 12);
    expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(120);
  });

  it('averages long trainings and leaves out terms that were not logged', () => {
    const rows = Array.from({ length: 1000 }, (_, step) => ({ epoch: 1 + Math.floor(step / 100), step, loss: step }));
    const points = lossPoints(rows);
    expect(new Set(points.map(({ term }) => term))).toEqual(new Set(['loss']));
    expect(points.length).toBeLessThanOrEqual(240);
    expect(points[0]!.value).toBe(2);
    expect(points.at(-1)!.epoch).toBeCloseTo(10, 1);
  });

  it('falls and rises with the threshold as error rates must', () => {
    const points = ratesByThreshold(rocOf({ score: [0.9, 0.1, 0.5], live: [1, 0, 0] }), 'target', plain);
    expect(points.filter(({ series }) => series === 'FAR target').map(({ value }) => value)).toEqual([0, 0.5, 1]);
    expect(points.filter(({ series }) => series === 'FRR target').map(({ value }) => value)).toEqual([0, 0, 0]);
  });

  it('takes log-odds where probabilities crowd at 0 and 1, and scores of another kind as they are', () => {
    const sure = scoreScale({ score: Float64Array.of(0, 1e-9, 1e-4, 0.5, 1 - 1e-4, 1) });
    expect(sure.place(0.5)).toBe(0);
    expect(sure.place(1e-4)).toBeCloseTo(-Math.log(9999), 9);
    expect([sure.place(0), sure.place(1)]).toEqual([-18, 18]);
    expect(sure.note).toContain('log-odds');
    for (const { at, label } of sure.ticks!) expect(Number.isFinite(at), label).toBe(true);
    expect(scoreScale({ score: Float64Array.of(0.01, 0.3, 0.6) }).place(0.01)).toBe(0.01);
    const others = scoreScale({ score: Float64Array.of(-30, 0, 40, 1) });
    expect([others.place(-30), others.whole]).toEqual([-30, false]);
  });

  it('draws thresholds that lie beyond all scores, and scores that are all equal', () => {
    const samples = samplesAt(sampleInput().target!, 'video', 'classifier');
    const scale = { ...plain, whole: false };
    expect(histogram(samples, scale, [-2, 3]).at(-1)!.to).toBeCloseTo(3, 12);
    const equal = { ...samples, score: samples.score.map(() => 0.4) };
    const bars = histogram(equal, scale, [0.4]);
    expect(bars.filter(({ count }) => count > 0).map(({ from }) => from)).toEqual(Array(4).fill(0.4));
  });

  it('has the normal deviates of published tables', () => {
    // scipy.stats.norm.ppf
    for (const [share, z] of [
      [0.5, 0],
      [0.975, 1.959963984540054],
      [0.001, -3.090232306167813],
      [0.9, 1.2815515655446004],
    ]) {
      expect(probit(share!)).toBeCloseTo(z!, 10);
    }
  });
});
