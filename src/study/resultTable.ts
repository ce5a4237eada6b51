/** The table of a study: variants under each convention against protocols, mean ± deviation, the best in bold, published rows below. */

import type { Protocol } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import type { Evaluation, MeanStd, Target } from '../evaluate/results.js';
import { meanStd } from '../evaluate/seeds.js';
import { oracleThresholds, type ThresholdName } from '../evaluate/thresholds.js';
import { type Cell, type Column, MISSING, percentMeanStd, type Table } from '../report/table.js';
import { configsOf } from './expand.js';
import { higherIsBetter, type MetricName, metricOf, metricTitles } from './metrics.js';
import type { ProtocolColumn } from './protocolColumns.js';
import { publishedFigures, publishedRows, publishedSource } from './published.js';
import type { StudyResult, StudyResults } from './results.js';
import type { Study } from './studyFile.js';

/** How the rows of a block were made: a threshold at the study's level and checkpoint, or the released program's way. */
type Convention = ThresholdName | 'paper';

/** What a study's table says of one variant, one protocol column and one metric. */
interface Figure {
  value: MeanStd | null;
  /** Values there should be: seeds × protocols of the column. */
  of: number;
}

/** The heading of the column that says how a row was made. */
export const conventionTitle = 'convention';
/** The heading of the column that averages over protocols. */
const meanTitle = 'mean';

/** The table of `ldc study report`: a block of variants for each convention, published rows below, what they mean in the notes. */
export function resultTable(study: Study, results: StudyResults): Table {
  const { metrics, published } = study.report;
  const groups =
    study.columns.length > 1 ? [...study.columns.map(({ title }) => title), meanTitle] : [study.columns[0]!.title];
  const columns: Column[] = [
    { title: 'method', align: 'left' },
    { title: conventionTitle, align: 'left' },
    ...groups.flatMap((title) =>
      metrics.map((metric) => ({ title: `${title} ${metricTitles[metric]}`, align: 'right' as const })),
    ),
  ];
  const others = published ? publishedTableRows(study, results.synthetic) : [];
  return {
    title: `${results.synthetic ? 'SYNTHETIC – ' : ''}${study.title}`,
    columns,
    rows: [...conventionsOf(study).flatMap((convention) => block(study, results, convention)), ...others],
    notes: notes(study, results, others.length > 0),
  };
}

/** Every run and threshold a row: for those who want to compute on. `rate` says how a fraction is written; AUC and EER know no threshold. */
export function runsTable(study: Study, results: StudyResults, rate: (value: number | null) => string): Table {
  const metrics: readonly MetricName[] = ['hter', 'far', 'frr', 'apcer', 'acer', 'auc', 'eer'];
  const left = ['protocol', 'variant', 'seed', 'checkpoint', 'synthetic', 'level', 'threshold', 'oracle'];
  const right = metrics.map((metric) => (metric === 'apcer' ? 'apcer_max' : metric));
  return {
    title: 'Runs',
    columns: [
      ...left.map((title) => ({ title, align: 'left' as const })),
      ...right.map((title) => ({ title, align: 'right' as const })),
    ],
    rows: rowsOf(study, results).flatMap(({ name, results }) =>
      results.flatMap(({ protocol, seed, evaluation }) =>
        [undefined, ...(evaluation.each ?? []).keys()].flatMap((target) =>
          study.report.thresholds.map((threshold) => [
            target === undefined ? protocol.name : `${protocol.name}, ${evaluation.each![target]!.domain} alone`,
            ...[name, String(seed), evaluation.checkpoint ?? '', String(evaluation.synthetic ?? '')],
            ...[study.report.level, threshold, String(oracleThresholds.has(threshold))],
            ...metrics.map((metric) => rate(metricOf(evaluation, study.report.level, threshold, metric, target))),
          ]),
        ),
      ),
    ),
  };
}
/** A figure of a result by a convention of its study, of one of several targets where it is named; null where it cannot be had. */
export function figureOf(
  study: Study,
  evaluation: Evaluation,
  convention: Convention,
  metric: MetricName,
  target?: number,
): number | null {
  if (convention !== 'paper') return metricOf(evaluation, study.report.level, convention, metric, target);
  const best = evaluation.paper?.best;
  // The released program pools its targets.
  if (best === undefined || target !== undefined) return null;
  if (metric === 'auc') return best.auc;
  // With attacks pooled the released program's "ACER" is the HTER.
  return metric === 'hter' ? best.smoothed.acer : null;
}

function conventionsOf(study: Study): Convention[] {
  return [...study.report.thresholds, ...(study.evaluate.convention === 'paper' ? ['paper' as const] : [])];
}

function externalText(study: Study, convention: Convention, synthetic: boolean): string {
  const text = `external, ${convention}${oracleThresholds.has(convention as ThresholdName) ? '*' : ''}, ${study.report.level}`;
  return synthetic ? `SYNTHETIC, ${text}` : text;
}

function conventionText(study: Study, convention: Convention, config: Config, synthetic: boolean): string {
  const { level } = study.report;
  const release = config.data.development === 'release' && convention === 'source-dev-eer' ? ' (release)' : '';
  const epoch =
    study.evaluate.checkpoint === 'last' ? 'last epoch' : 'best epoch on source dev (training-domain validation)';
  const text =
    convention === 'paper'
      ? 'paper: Youden*, min-max over the test set, best epoch on target* (test-domain validation)'
      : `${convention}${oracleThresholds.has(convention) ? '*' : ''}${release}, ${level}, ${epoch}`;
  return synthetic ? `SYNTHETIC, ${text}` : text;
}

/** A row of each block: a variant of the study, or a result of others. */
interface TableRow {
  name: string;
  convention(convention: Convention): string;
  results: readonly RowResult[];
  seeds: readonly number[];
}

interface RowResult {
  protocol: Protocol;
  seed: number;
  evaluation: Evaluation;
}

function rowsOf(study: Study, { done, external, externalMissing, synthetic }: StudyResults): TableRow[] {
  const variants = Object.entries(configsOf(study)).map(([name, config]) => ({
    name,
    convention: (convention: Convention) => conventionText(study, convention, config, synthetic),
    results: done
      .filter(({ run }) => run.variant === name)
      .map(({ run: { protocol, seed }, evaluation }) => ({ protocol, seed, evaluation })),
    seeds: study.seeds,
  }));
  const titles = new Set([...external, ...externalMissing].map(({ title }) => title));
  const others = [...titles].map((name) => {
    const results = external.filter(({ title }) => title === name);
    const seeds = [...new Set([0, ...results.map(({ seed }) => seed)])];
    return { name, convention: (convention: Convention) => externalText(study, convention, synthetic), results, seeds };
  });
  return [...variants, ...others];
}

/** All rows under one convention, the best of each column standing out; of others those that have a figure. */
function block(study: Study, results: StudyResults, convention: Convention): Cell[][] {
  const { metrics } = study.report;
  const of: FigureOf = ({ evaluation }, metric, target) => figureOf(study, evaluation, convention, metric, target);
  const rows = rowsOf(study, results).flatMap((row) => {
    const figures = study.columns.flatMap((column) => metrics.map((metric) => columnFigure(row, column, metric, of)));
    if (study.columns.length > 1) figures.push(...metrics.map((metric) => meanFigure(study, row, metric, of)));
    const isEmpty = figures.every(({ value }) => value === null);
    return isEmpty && convention === 'paper' && !(row.name in configsOf(study)) ? [] : [{ row, figures }];
  });
  const best = rows[0]!.figures.map((_, k) => {
    // What stands on fewer runs than the others does not compete.
    const means = rows.flatMap(({ figures }) => (isComplete(figures[k]!) ? [figures[k]!.value!.mean] : []));
    if (means.length < 2) return null;
    return higherIsBetter(metrics[k % metrics.length]!) ? Math.max(...means) : Math.min(...means);
  });
  return rows.map(({ row, figures }) => [
    row.name,
    row.convention(convention),
    ...figures.map((figure, k) => cell(figure, best[k]!)),
  ]);
}

type FigureOf = (result: RowResult, metric: MetricName, target?: number) => number | null;

function columnFigure(row: TableRow, { protocols, target }: ProtocolColumn, metric: MetricName, of: FigureOf): Figure {
  const names = new Set(protocols.map(({ name }) => name));
  const own = row.results.filter(({ protocol }) => names.has(protocol.name));
  const values = own.map((result) => of(result, metric, target));
  const known = values.filter((value) => value !== null);
  return {
    value: known.length > 0 ? meanStd(known) : null,
    of: row.seeds.length * protocols.length,
  };
}

/** Over protocol columns within a seed first, then over seeds; only seeds that have every run. */
function meanFigure(study: Study, row: TableRow, metric: MetricName, of: FigureOf): Figure {
  const means = row.seeds.flatMap((seed) => {
    const ofSeed = { ...row, seeds: [seed], results: row.results.filter((result) => result.seed === seed) };
    const columns = study.columns.map((column) => {
      const figure = columnFigure(ofSeed, column, metric, of);
      return figure.value !== null && figure.value.n === figure.of ? figure.value.mean : null;
    });
    const known = columns.filter((value) => value !== null);
    return known.length === columns.length ? [meanStd(known).mean] : [];
  });
  return { value: means.length > 0 ? meanStd(means) : null, of: row.seeds.length };
}

function cell(figure: Figure, best: number | null): Cell {
  const { value, of } = figure;
  if (value === null) return MISSING;
  if (!isComplete(figure)) return `${percentMeanStd(value)} (${value.n} of ${of})`;
  return value.mean === best ? { text: percentMeanStd(value), best: true } : percentMeanStd(value);
}

function isComplete({ value, of }: Figure): boolean {
  return value?.n === of;
}

function publishedTableRows(study: Study, synthetic: boolean): Cell[][] {
  const { metrics } = study.report;
  return publishedRows.flatMap((row) => {
    const figures = study.columns.map(({ protocols: [first, ...folds], target }) => {
      if (folds.length > 0) return null;
      return publishedFigures(row, target === undefined ? first! : { ...first!, targets: [first!.targets[target]!] });
    });
    if (figures.every((figure) => figure === null)) return [];
    const known = figures.filter((figure) => figure !== null);
    const mean = (metric: 'hter' | 'auc') => meanStd(known.map((figure) => figure[metric])).mean;
    const all = known.length === figures.length ? { hter: mean('hter'), auc: mean('auc') } : null;
    const shown = study.columns.length > 1 ? [...figures, all] : figures;
    return [
      [
        `${row.method} (${row.venue})`,
        `published${synthetic ? ', REAL data' : ''}, ${row.convention}`,
        ...shown.flatMap((figure) =>
          metrics.map((metric) =>
            figure !== null && (metric === 'hter' || metric === 'auc')
              ? percentMeanStd({ mean: figure[metric], std: null })
              : MISSING,
          ),
        ),
      ],
    ];
  });
}

function notes(study: Study, results: StudyResults, published: boolean): string[] {
  const { done, missing, external, externalMissing, synthetic } = results;
  const folds = study.columns.some(({ protocols }) => protocols.length > 1);
  const over = [
    study.seeds.length > 1 ? `seeds ${study.seeds.join(', ')}` : '',
    folds ? 'the protocols of a column' : '',
  ];
  const spread = over.filter(Boolean).join(' and ');
  const oracle = conventionsOf(study).some((name) => name === 'paper' || oracleThresholds.has(name));
  const counts = ({ videos, frames }: Target) =>
    `${videos.live} live and ${videos.attack} attack videos, ${frames} frames`;
  const ofRuns = done.flatMap(({ run, evaluation }) =>
    evaluation.targets.map((target) => ({ protocol: run.protocol.name, target })),
  );
  const targets = new Map(
    ofRuns.map(({ protocol, target }) => {
      const { domain, name, subset } = target;
      return [
        `${protocol} ${domain}`,
        `${protocol}: ${name ?? domain}${subset === null ? '' : ` subset ${subset}`}, ${counts(target)}`,
      ];
    }),
  );
  // Other counts than those of the runs mean another subset.
  const ofOthers = external.flatMap(({ title, protocol, evaluation }) => {
    const own = new Set(ofRuns.filter((each) => each.protocol === protocol.name).map(({ target }) => counts(target)));
    const different = evaluation.targets.filter((target) => own.size > 0 && !own.has(counts(target)));
    return different.map((target) => `${protocol.name}, ${title}: ${counts(target)}`);
  });
  return [
    ...(synthetic ? ['SYNTHETIC data: these figures say nothing about real attacks.'] : []),
    `In percent${spread ? `; mean ± sample standard deviation over ${spread}` : ''}. Bold: the best mean among rows of one convention.`,
    ...(study.report.metrics.some((metric) => metric === 'acer' || metric === 'apcer')
      ? ['APCER is that of the worst attack type; ACER = (APCER + BPCER) / 2.']
      : []),
    ...(oracle || published || study.report.metrics.includes('eer')
      ? ['* oracle: chosen with the labels of the target; not to be had in use.']
      : []),
    ...(published ? [publishedSource] : []),
    ...(published && synthetic
      ? ['Published rows are of real data and cannot be compared with the SYNTHETIC ones.']
      : []),
    ...(targets.size > 0 ? [`Targets: ${[...targets.values()].join('; ')}.`] : []),
    ...(external.length > 0
      ? [
          'External: scores or models of others, evaluated here by the same code; how they were trained and chosen, only their makers know.',
        ]
      : []),
    ...new Set(external.flatMap(({ title, evaluation: { notes = [] } }) => notes.map((note) => `${title}: ${note}.`))),
    ...(ofOthers.length > 0 ? [`Not of the same targets as the runs: ${[...new Set(ofOthers)].join('; ')}.`] : []),
    ...(externalMissing.length > 0
      ? [`External models that are still to be evaluated: ${some(externalMissing.map(({ id }) => id))}.`]
      : []),
    ...new Set(done.flatMap(({ run, evaluation: { few_shot } }) => (few_shot ? [fewShotNote(run, few_shot)] : []))),
    ...(missing.length > 0
      ? [`${missing.length} of ${missing.length + done.length} runs are missing: ${some(missing.map(({ id }) => id))}.`]
      : []),
  ];
}

/** Such results are no cross-domain results: somebody of the target was seen. */
function fewShotNote({ protocol, seed }: StudyResult['run'], fewShot: NonNullable<Evaluation['few_shot']>): string {
  const { domain, subjects, videos, images } = fewShot;
  return (
    `${protocol.name}, seed ${seed}, is few-shot: ${subjects.length} of the people of ${domain} were trained on and are not tested on ` +
    `(${subjects.join(', ')}; ${videos.live} live and ${videos.attack} attack videos, ${images} frames).`
  );
}

function some(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')}, …` : names.join(', ');
}
