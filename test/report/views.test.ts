import { describe, expect, it } from 'vitest';
import { compareScores } from '../../src/evaluate/compare.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { paperConvention } from '../../src/evaluate/paper.js';
import { summarizePaper } from '../../src/evaluate/seeds.js';
import { breakdownsOf, breakdownTables } from '../../src/report/breakdownTable.js';
import { compareTable } from '../../src/report/compareTable.js';
import { paperSeedTable } from '../../src/report/evalTable.js';
import { corruptionTable, overlapTable } from '../../src/report/robustnessTable.js';
import { sampleInput } from './sample.js';

const input = sampleInput();
const target = input.target!;
const source = { why: 'none' };

describe('views of results', () => {
  it('compares a run with itself: no difference, p = 1, DeLong at video level alone', () => {
    const compared = compareScores({ target, source }, { target, source }, 'video', { resamples: 50 });
    const table = compareTable(compared, ['a', 'b'], true);
    expect(table.title).toMatch(/^SYNTHETIC – Video/);
    expect(table.rows.map((row) => row[3])).toEqual(['0.00', '0.00']);
    expect(table.rows[0]!.slice(5)).toEqual(['1.0000', '1.0000']);
    const frames = compareScores({ target, source }, { target, source }, 'frame', { resamples: 50 });
    expect(compareTable(frames, ['a', 'b'], false).rows[0]!.at(-1)).toBe('–');
  });

  it('breaks errors down at the source threshold, else at 0.5, the worst of many groups first', () => {
    const samples = samplesAt(target, 'video', 'classifier');
    const breakdowns = breakdownsOf(samples, input.evaluation!.levels.video);
    expect(Object.keys(breakdowns.columns)).toEqual(['attack_type', 'subject', 'phone']);
    expect(breakdowns.threshold.name).toBe('source-dev-eer');
    const [types, subjects] = breakdownTables(breakdowns);
    expect(types!.rows).toHaveLength(3);
    expect(subjects!.rows).toHaveLength(10);
    expect(subjects!.notes![0]).toContain('10 of 30 groups');
    const live = breakdowns.columns.attack_type!.map(({ n }) => n.live);
    expect(new Set(live)).toEqual(new Set([30]));
    expect(() => breakdownsOf(samples, input.evaluation!.levels.video, ['nope'])).toThrow(/no column "nope"/);
  });

  it('gives the paper convention over seeds as mean ± deviation, marked oracle', () => {
    const paper = paperConvention([{ checkpoint: 'epoch-0001', scores: target }]);
    const table = paperSeedTable(summarizePaper([paper, paper]));
    expect(table.title).toContain('all oracle*');
    expect(table.rows[0]![0]).toBe(`${(paper.best.smoothed.acer * 100).toFixed(2)} ± 0.00`);
  });

  it('lists corruptions by degree and overlaps by kind', () => {
    const point = { severity: 1, setting: 'quality 80', auc: 0.9, far: 0.1, frr: 0.2, hter: 0.15 };
    const sweep = corruptionTable({
      checkpoint: 'epoch-0001',
      engine: 'native',
      level: 'video',
      threshold: { name: 'source-dev-eer', value: 0.4 },
      curves: { jpeg: [point] },
      synthetic: true,
    });
    expect(sweep.rows).toEqual([['jpeg 1', 'quality 80', '90.00', '15.00', '10.00', '20.00']]);
    expect(sweep.title).toContain('SYNTHETIC');
    const overlap = { live: { images: 3, counted: 0, iou: null, pointing: null } };
    expect(overlapTable({ checkpoint: 'epoch-0001', overlap, synthetic: false }).rows).toEqual([
      ['live', '3', '0', '–', '–'],
    ]);
  });
});
