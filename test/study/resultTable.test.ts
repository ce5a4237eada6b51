/** The table and the report of a study, from results worked by hand. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toLatex, toMarkdown } from '../../src/report/table.js';
import { readResults } from '../../src/study/results.js';
import { resultTable } from '../../src/study/resultTable.js';
import { writeStudyReport } from '../../src/study/studyReport.js';
import { evaluation, writeResults, writeStudy } from './helpers.js';

const yaml = `
title: A & B
protocols: [OCI-to-M, OMI-to-C]
seeds: [0, 1]
variants: {a: {}, b: {model: {conv: {kind: vanilla}}}}
report: {thresholds: [source-dev-eer]}
`;

async function tableOf(of: Parameters<typeof writeResults>[2], text = yaml) {
  const { file, folder } = await writeStudy(text);
  const study = await writeResults(file, folder, of);
  return { study, folder, table: resultTable(study, await readResults(study, folder)) };
}

/** Variant a: HTER 10 and 20 % on M, 30 % on C; b: 20 % everywhere; AUC = 1 − HTER. */
function worked(run: Parameters<Parameters<typeof writeResults>[2]>[0], synthetic = false) {
  const onM = run.protocol.name === 'O&C&I-to-M';
  const hter = run.variant === 'b' ? 0.2 : onM ? 0.1 + 0.1 * run.seed : 0.3;
  return evaluation(run, hter, 1 - hter, synthetic);
}

describe('the table of a study', () => {
  it('gives mean ± sample deviation over seeds, the mean over protocols, and the best in bold', async () => {
    const { table } = await tableOf(worked);
    const [a, b] = table.rows;
    expect(table.columns.map(({ title }) => title)).toEqual([
      ...['method', 'convention', 'O&C&I-to-M HTER', 'O&C&I-to-M AUC'],
      ...['O&M&I-to-C HTER', 'O&M&I-to-C AUC', 'mean HTER', 'mean AUC'],
    ]);
    // 10 and 20: mean 15, deviation √50; the mean over protocols is 20 and 25 for the two seeds.
    expect(a!.slice(2)).toEqual([
      { text: '15.00 ± 7.07', best: true },
      { text: '85.00 ± 7.07', best: true },
      ...['30.00 ± 0.00', '70.00 ± 0.00', '22.50 ± 3.54', '77.50 ± 3.54'],
    ]);
    expect(b!.slice(2)).toEqual([
      ...['20.00 ± 0.00', '80.00 ± 0.00'],
      ...['20.00 ± 0.00', '80.00 ± 0.00', '20.00 ± 0.00', '80.00 ± 0.00'].map((text) => ({ text, best: true })),
    ]);
    expect(a!.slice(0, 2)).toEqual(['a', 'source-dev-eer, video, last epoch']);
  });

  it('sets published rows beside it, each with its convention and the figures of its source', async () => {
    const { table } = await tableOf(worked);
    const ssdg = table.rows.find(([method]) => String(method).startsWith('SSDG-R'))!;
    expect(ssdg).toEqual([
      ...['SSDG-R (CVPR20)', 'published, target EER*, video, 2 frames, best epoch on target* (test-domain validation)'],
      ...['7.38', '97.17', '10.44', '95.94', '8.91', '96.56'],
    ]);
    expect(table.rows).toHaveLength(2 + 20);
    expect(table.notes!.join('\n')).toMatch(/github\.com\/koushiksrivats\/FLIP.*WFAS .* ACER 7\.509 on the test part/);
  });

  it('sets the rows with a threshold from development data beside those from the target, also of few sources and masks', async () => {
    const text = yaml.replace('[OCI-to-M, OMI-to-C]', '[IM-to-C, OCIM-to-D]');
    const release = text.replace('seeds:', 'settings: {data: {development: release}}\nseeds:');
    const { table } = await tableOf(worked, release);
    expect(table.rows[0]!.slice(0, 2)).toEqual(['a', 'source-dev-eer (release), video, last epoch']);
    expect(table.rows.slice(2)).toHaveLength(6);
    const rows = table.rows.filter(([method]) => String(method).startsWith('SSDG-R'));
    expect(rows).toEqual([
      [
        ...['SSDG-R (re-run of DBMNet)', 'published, target EER* (idealized)'],
        ...['18.67', '86.67', '5.88', '98.54', '12.28', '92.61'],
      ],
      [
        ...[
          'SSDG-R (re-run of DBMNet)',
          'published, source-dev-eer (release), 2 frames (more realistic), best check on source dev (training-domain validation)',
        ],
        ...['18.89', '91.35', '6.77', '98.42', '12.83', '94.88'],
      ],
    ]);
  });

  it('has no published rows for other protocols, nor when the study wants none', async () => {
    const other = await tableOf(worked, yaml.replace('[OCI-to-M, OMI-to-C]', '[CI-to-M, "O:print&C&I-to-M"]'));
    expect(other.table.rows).toHaveLength(2);
    const none = await tableOf(worked, yaml.replace('thresholds:', 'published: false, thresholds:'));
    expect(none.table.rows).toHaveLength(2);
  });

  it('shows each of several targets and their mean, and whom few-shot results were trained on', async () => {
    const text = yaml.replace('[OCI-to-M, OMI-to-C]', '["A+M:1-to-M&C"]').replace('[0, 1]', '[0]');
    const { table } = await tableOf((run) => {
      const of = (hter: number) => evaluation(run, hter, 1 - hter).levels;
      const fewShot = { domain: 'M', subjects: ['07'], videos: { live: 2, attack: 6 }, images: 16 };
      const each = [
        { domain: 'M', levels: of(0.1) },
        { domain: 'C', levels: of(0.3) },
      ];
      return { ...evaluation(run, 0.9, 0.1), each, few_shot: fewShot };
    }, text);
    expect(table.columns.map(({ title }) => title).slice(2)).toEqual([
      ...['A+M:1-to-M HTER', 'A+M:1-to-M AUC', 'A+M:1-to-C HTER', 'A+M:1-to-C AUC', 'mean HTER', 'mean AUC'],
    ]);
    expect(table.rows[0]!.slice(2).map((cell) => (typeof cell === 'string' ? cell : cell.text))).toEqual([
      ...['10.00', '90.00', '30.00', '70.00', '20.00', '80.00'],
    ]);
    expect(table.notes!.join()).toContain(
      'A+M:1-to-M&C, seed 0, is few-shot: 1 of the people of M were trained on and are not tested on (07; 2 live and 6 attack',
    );
  });

  it('says how many runs a figure stands on, and leaves out means that lack one', async () => {
    const { table } = await tableOf((run) => (run.variant === 'b' && run.seed === 1 ? undefined : worked(run)));
    const [, b] = table.rows;
    expect(b![2]).toBe('20.00 (1 of 2)');
    expect(table.rows[0]![2]).toBe('15.00 ± 7.07');
    const nothing = await tableOf((run) =>
      run.variant === 'b' && run.protocol.name.endsWith('C') ? undefined : worked(run),
    );
    expect(nothing.table.rows[1]!.slice(4)).toEqual(['–', '–', '–', '–']);
    expect(table.notes!.join('\n')).toContain('2 of 8 runs are missing: O&C&I-to-M--b-seed1, O&M&I-to-C--b-seed1.');
  });

  it('says SYNTHETIC in the title, in every row of its own and below', async () => {
    const { table } = await tableOf((run) => worked(run, true));
    expect(table.title).toBe('SYNTHETIC – A & B');
    for (const row of table.rows.slice(0, 2)) expect(row[1]).toMatch(/^SYNTHETIC, /);
    for (const row of table.rows.slice(2)) expect(row[1]).toMatch(/^published, REAL data, /);
    expect(table.notes![0]).toMatch(/^SYNTHETIC data/);
  });

  it('is LaTeX with booktabs, and Markdown', async () => {
    const { table } = await tableOf(worked);
    const latex = toLatex(table);
    for (const part of ['\\toprule', '\\bottomrule', 'O\\&C\\&I-to-M HTER', '\\textbf{15.00 $\\pm$ 7.07}'])
      expect(latex).toContain(part);
    expect(toMarkdown(table)).toContain('**15.00 ± 7.07**');
  });
});

describe('the report of a study', () => {
  it('is written as md, csv, tex, runs.csv and one HTML page', async () => {
    const { study, folder } = await tableOf((run) => worked(run, true));
    const { document, text } = await writeStudyReport(study, folder, 100);
    expect(text).toContain('SYNTHETIC – A & B');
    expect(document).toMatchObject({ study: 'grid', synthetic: true, runs: { done: 8, missing: 0 } });
    expect(Object.keys(document.files)).toEqual(['md', 'csv', 'tex', 'html', 'runs.csv']);
    const read = (ending: string) => readFile(join(folder, 'study-grid', `report.${ending}`), 'utf8');
    const runs = (await read('runs.csv')).trim().split('\n');
    expect(runs).toHaveLength(1 + 8);
    expect(runs[1]).toContain('O&C&I-to-M,a,0,epoch-0500,true,video,source-dev-eer,false,0.1,');
    const html = await read('html');
    expect(html).toContain('<title>SYNTHETIC – A &amp; B</title>');
    expect(html.match(/<svg /g)).toHaveLength(2 * 2);
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)[^\s"]*\.js/);
  });

  it('is refused while no run is done', async () => {
    const { study, folder } = await tableOf(() => undefined);
    await expect(writeStudyReport(study, folder, 80)).rejects.toThrow(/no run of the study grid is done/);
  });
});
