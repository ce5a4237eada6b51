import { describe, expect, it } from 'vitest';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { paperConvention } from '../../src/evaluate/paper.js';
import { summarizeSeeds } from '../../src/evaluate/seeds.js';
import { evalTables, evalText, levelTable, seedTable } from '../../src/report/evalTable.js';
import { sampleInput } from './sample.js';

const input = sampleInput();
const evaluation = input.evaluation!;

describe('the table of ldc eval', () => {
  it('names every threshold, marks the oracles, and says SYNTHETIC and what was evaluated', () => {
    const text = evalText(evaluation, 80);
    expect(text).toMatch(/^O&C&I-to-M · epoch-0003 · engine native · convention honest · SYNTHETIC/);
    expect(text.replace(/\s+/g, ' ')).toContain('subset all: 30 live and 90 attack videos, 120 frames, 1 a video');
    for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(84);
    expect(text).toContain('SYNTHETIC data');
    expect(text).toContain('SYNTHETIC – Video level: 30 live, 90 attack');
    for (const name of ['source-dev-eer ', 'fixed ', 'target-eer*', 'target-youden*'])
      expect(text).toContain(`\n${name}`);
    expect(text).toContain('* oracle: chosen with the labels of the target');
    expect(text.indexOf('source-dev-eer')).toBeLessThan(text.indexOf('target-eer*'));
  });

  it('does not say SYNTHETIC of real data', () => {
    expect(evalText({ ...evaluation, synthetic: false })).not.toContain('SYNTHETIC');
    expect(evalText({ ...evaluation, synthetic: null })).not.toContain('SYNTHETIC');
  });

  it('prints the figures of the result in percent', () => {
    const { video } = evaluation.levels;
    const source = video.thresholds['source-dev-eer'] as { hter: number; far: number };
    const row = levelTable(video, 'video').rows[0]!;
    expect(row[2]).toBe((source.hter * 100).toFixed(2));
    expect(row[3]).toBe((source.far * 100).toFixed(2));
  });

  it('shows a missing threshold as dashes and says why', () => {
    const levels = evaluateScores(input.target!, { why: 'no development scores' }, { resamples: 10 });
    const table = levelTable(levels.video, 'video');
    expect(table.rows[0]!.slice(0, 4)).toEqual(['source-dev-eer', '–', '–', '–']);
    expect(table.notes).toContain('source-dev-eer: no development scores.');
    expect(new Set(table.rows.map((row) => row.length))).toEqual(new Set([table.columns.length]));
  });

  it('sets the paper convention beside the honest result, with the gap', () => {
    const paper = paperConvention([{ checkpoint: 'epoch-0001', scores: input.target! }]);
    const table = evalTables({ ...evaluation, convention: 'paper', paper }).at(-1)!;
    const honest = evaluation.levels.frame.thresholds['source-dev-eer'] as { hter: number };
    const gap = ((honest.hter - paper.best.smoothed.acer) * 100).toFixed(2);
    expect(table.notes!.join(' ')).toContain(`is ${gap} points above the best epoch`);
    expect(table.title).toContain('all oracle*');
  });

  it('gives several seeds as mean ± standard deviation', () => {
    const { video } = evaluation.levels;
    const table = seedTable(summarizeSeeds([video, video]), 'video');
    expect(table.rows[1]![1]).toMatch(/^\d+\.\d\d ± 0\.00$/);
    expect(table.title).toContain('over 2 seeds');
  });
});
