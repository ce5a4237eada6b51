import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { rocOf } from '../../src/evaluate/roc.js';
import { histogram, lossPoints, ratesByThreshold, rocPoints } from '../../src/report/plotData.js';
import { probit } from '../../src/report/probit.js';
import { sampleInput } from './sample.js';

function area(points: { far: number; tpr: number }[]): number {
  return points.slice(1).reduce((sum, p, i) => sum + (p.far - points[i]!.far) * ((p.tpr + points[i]!.tpr) / 2), 0);
}

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
    const bars = histogram(samplesAt(sampleInput().target!, 'video', 'classifier'));
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
    const points = ratesByThreshold(rocOf({ score: [0.9, 0.1, 0.5], live: [1, 0, 0] }), 'target');
    expect(points.filter(({ series }) => series === 'FAR target').map(({ value }) => value)).toEqual([0, 0.5, 1]);
    expect(points.filter(({ series }) => series === 'FRR target').map(({ value }) => value)).toEqual([0, 0, 0]);
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
