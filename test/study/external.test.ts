/** Results of others in a study: what a file may name, and that tables, plots and paired tests have them as the same code evaluates them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareScores } from '../../src/evaluate/compare.js';
import { isKnown } from '../../src/evaluate/results.js';
import { readScores, writeScores } from '../../src/evaluate/scoreFile.js';
import { type Scores, scoresOf } from '../../src/evaluate/scores.js';
import { percent } from '../../src/report/table.js';
import { evaluateBare } from '../../src/run/evaluation/scored.js';
import { expand, studyFolder } from '../../src/study/expand.js';
import { externalModelTasks } from '../../src/study/external.js';
import { pairedTable } from '../../src/study/pairedTable.js';
import { readResults } from '../../src/study/results.js';
import { resultTable } from '../../src/study/resultTable.js';
import { readStudy } from '../../src/study/studyFile.js';
import { studyPlots } from '../../src/study/studyPlot.js';
import { writeStudyReport } from '../../src/study/studyReport.js';
import { row } from '../evaluate/helpers.js';
import { evaluation, writeResults, writeStudy } from './helpers.js';

/** 20 people with a live video and an attack each, of one frame; `shift` moves what a model says of some of them. */
const scoresBy = (shift: number, people = 20): Scores =>
  scoresOf(
    Array.from({ length: people }, (_, k) =>
      (['live', 'spoof'] as const).map((label) => {
        const score = (label === 'live' ? 0.6 : 0.4) + 0.3 * Math.sin(7 * k + shift + (label === 'live' ? 1 : 2));
        return row({ score, label, subject: `p${k}`, video: `${k} ${label}` });
      }),
    ).flat(),
    'drawn',
  );

const head =
  'protocols: [OCI-to-M, OMI-to-C]\nseeds: [0, 1]\nvariants: {a: {}}\nreport: {thresholds: [source-dev-eer, fixed], published: false}\n';
const external = `external:
  SSDG-R:
    O&C&I-to-M: [theirs/m.csv, theirs/dev.csv]
    OMI-to-C: theirs/c.csv
  twice:
    OCI-to-M: [[theirs/m.csv, theirs/dev.csv], [theirs/c.csv, theirs/dev.csv]]
`;

async function studyWith(text: string) {
  const { file, folder } = await writeStudy(head + text);
  for (const [name, shift] of Object.entries({ m: 1, c: 2, dev: 3 })) {
    await writeScores(join(folder, `theirs/${name}.csv`), scoresBy(shift));
  }
  const study = await writeResults(file, folder, (run) => evaluation(run, 0.3, 0.7));
  return { study, folder };
}

describe('score files of others', () => {
  it('stand in the table of each convention with the figures that the same code gives, marked as external', async () => {
    const { study, folder } = await studyWith(external);
    const results = await readResults(study, folder);
    const { rows, notes } = resultTable(study, results);
    expect(rows.map(([name, convention]) => [name, convention])).toEqual([
      ['a', 'source-dev-eer, video, last epoch'],
      ['SSDG-R (external)', 'external, source-dev-eer, video'],
      ['twice (external)', 'external, source-dev-eer, video'],
      ['a', 'fixed, video, last epoch'],
      ['SSDG-R (external)', 'external, fixed, video'],
      ['twice (external)', 'external, fixed, video'],
    ]);
    const [m, c, dev] = await Promise.all(
      ['m', 'c', 'dev'].map((name) => readScores(join(folder, `theirs/${name}.csv`))),
    );
    const [onM, onC] = [evaluateBare(m!, dev!).levels.video, evaluateBare(c!).levels.video];
    const hter = onM.thresholds['source-dev-eer'];
    const text = (cell: (typeof rows)[number][number]) => (typeof cell === 'string' ? cell : cell.text);
    expect(rows[1]!.slice(2).map(text)).toEqual([
      ...[isKnown(hter) ? percent(hter.hter) : '', percent(onM.auc)],
      // Without development scores there is no such threshold, and no mean.
      ...['–', percent(onC.auc)],
      ...['–', percent((onM.auc + onC.auc) / 2)],
    ]);
    // Two files are two seeds; of the other protocol it has none.
    expect(text(rows[2]![2]!)).toMatch(/^\d+\.\d\d ± \d+\.\d\d$/);
    expect(rows[2]!.slice(4, 6)).toEqual(['–', '–']);
    expect(notes!.join('\n')).toMatch(/External: scores or models of others/);
    expect(notes!.join('\n')).toMatch(
      /Not of the same targets as the runs: O&C&I-to-M, SSDG-R \(external\): 20 live and 20 attack/,
    );
    const plot = studyPlots(study, results)[0]!.spec as { data: { values: { variant: string }[] } };
    expect(plot.data.values.map(({ variant }) => variant)).toEqual([
      'a',
      'a',
      'SSDG-R (external)',
      'twice (external)',
      'twice (external)',
    ]);
  });

  it('are paired with each run of their protocol on the same samples, and where they have others, it is said', async () => {
    const { study, folder } = await studyWith(external.replace('twice', 'other'));
    const [first] = expand(study, folder);
    const own = { target: scoresBy(5), source: scoresBy(6) };
    await writeScores(first!.folder.scores('epoch-0500', 'target', 'native'), own.target);
    await writeScores(first!.folder.scores('epoch-0500', 'source-dev', 'native'), own.source);
    await writeScores(join(folder, 'theirs/c.csv'), scoresBy(2, 19));
    const table = (await pairedTable(study, await readResults(study, folder)))!;
    const theirs = { target: scoresBy(1), source: scoresBy(3) };
    const { hter, auc } = compareScores(own, theirs, 'video');
    expect(table.rows[0]!.slice(0, 5)).toEqual([
      'O&C&I-to-M',
      'a, seed 0',
      'SSDG-R (external)',
      'source-dev-eer',
      percent(hter.difference),
    ]);
    expect(table.rows[0]![7]).toBe(percent(auc.difference));
    const notes = table.notes!.join('\n');
    expect(notes).toMatch(/a, seed 1 and SSDG-R \(external\): cannot read/);
    expect(notes).toMatch(
      /a, seed 0 and other \(external\) 2: video .* is in drawn but not in|a, seed 0 and other \(external\) 2: video .* but not in/,
    );

    const { document } = await writeStudyReport(study, folder, 100);
    const page = await readFile(document.files.html!, 'utf8');
    expect(page).toMatch(/external other, O&amp;C&amp;I-to-M, 1<.*external other, O&amp;C&amp;I-to-M, 2</s);
    for (const what of ['SSDG-R (external)', 'Paired with results of others', 'external SSDG-R, O&amp;C&amp;I-to-M']) {
      expect(page).toContain(what);
    }
    expect(await readFile(document.files['paired.csv']!, 'utf8')).toContain('"a, seed 0",SSDG-R (external)');
    expect(document.external.map(({ name }) => name)).toContain('SSDG-R (external)');
  });

  it.each([
    [
      'no protocol of the study',
      'external: {x: {MI-to-C: a.csv}}',
      /external\.x has scores of I&M-to-C|external\.x has scores of M&I-to-C, which is no protocol of the study, in .* line 5/,
    ],
    ['a model and scores', 'external: {x: {model: m.onnx, OCI-to-M: a.csv}}', /external\.x has a model and OCI-to-M/],
    ['a card without a model', 'external: {x: {card: m.yaml}}', /external\.x has a card and no model/],
    ['nothing', 'external: {x: {}}', /external\.x names nothing/],
    ['a number', 'external: {x: {OCI-to-M: 3}}', /external\.x\.OCI-to-M: must be a score file, a pair of score files/],
    ['three files', 'external: {x: {OCI-to-M: [a, b, c]}}', /must be a score file, a pair of score files/],
    ['a side', 'external: {x: {higher: up, OCI-to-M: a}}', /external\.x\.higher: must be live or attack/],
  ])('%s is refused', async (_, text, message) => {
    const { file } = await writeStudy(head + text);
    await expect(readStudy(file)).rejects.toThrow(message);
  });

  it('what smells in them is said below the table', async () => {
    const { study, folder } = await studyWith(
      'external: {lines: {OCI-to-M: lines.txt, live_label: 0, higher: attack}}',
    );
    await writeFile(join(folder, 'lines.txt'), '0.9 0\n0.8 0\n0.2 1\n0.1 1\n');
    const { notes } = resultTable(study, await readResults(study, folder));
    expect(notes!.join('\n')).toMatch(
      /lines \(external\): a higher score means attack in .*lines\.txt: a score s is read as 1 - s\./,
    );
    expect(notes!.join('\n')).toMatch(/lines \(external\): the scores of .* look inverted: AUC 0\.00 %/);
  });

  it('a file that is not there is named', async () => {
    const { study, folder } = await studyWith('external: {x: {OCI-to-M: theirs/none.csv}}');
    await expect(readResults(study, folder)).rejects.toThrow(/theirs\/none\.csv/);
  });
});

describe('a model of others', () => {
  it('is one task a protocol, another one when model or card change; its row comes from what the task leaves', async () => {
    const { study, folder } = await studyWith('external: {mine: {model: mine.onnx}}');
    const of = () => externalModelTasks(study, studyFolder(study, folder));
    await expect(of()).rejects.toThrow(/mine\.onnx, which external\.mine of the study names, is not there/);
    await writeFile(join(folder, 'mine.onnx'), 'graph');
    const [before] = await of();
    await writeFile(join(folder, 'mine.card.yaml'), 'card');
    const tasks = await of();
    expect(tasks).toHaveLength(2);
    expect(tasks[0]!.id).toMatch(/^O&C&I-to-M--external-mine-[0-9a-f]{8}$/);
    expect(tasks[0]!.id).not.toBe(before!.id);

    const missing = resultTable(study, await readResults(study, folder));
    expect(missing.notes!.join('\n')).toMatch(
      /External models that are still to be evaluated: O&C&I-to-M--external-mine/,
    );
    const done = { ...evaluateBare(scoresBy(1), scoresBy(3)), engine: 'onnx' };
    const result = studyFolder(study, folder).result(tasks[0]!.id);
    await mkdir(dirname(result), { recursive: true });
    await writeFile(result, JSON.stringify(done));
    await writeScores(join(tasks[0]!.scores, 'target.csv'), scoresBy(1));
    const { rows } = resultTable(study, await readResults(study, folder));
    expect(rows[1]![0]).toBe('mine (external)');
    // Of two rows with a figure of M the better one is bold.
    expect(rows[1]![3]).toEqual({ text: percent(done.levels.video.auc), best: true });
  });
});
