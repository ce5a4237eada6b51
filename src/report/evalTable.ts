/** What `ldc eval` prints: for each level every threshold by name, oracles marked, with the counts of the subsets that were used. */
import type { Level } from '../evaluate/levels.js';
import type { PaperResult } from '../evaluate/paper.js';
import type { SeedSummary } from '../evaluate/results.js';
import { type Evaluation, isKnown, type LevelResult, type Target } from '../evaluate/results.js';
import type { PaperSummary } from '../evaluate/seeds.js';
import { oracleThresholds, type ThresholdName, thresholdNames } from '../evaluate/thresholds.js';
import { MISSING, percent, percentMeanStd, printable, scoreText, type Table, toText, wrapped } from './table.js';

export const SYNTHETIC_NOTE = 'SYNTHETIC data: these figures say nothing about real attacks.';
const ORACLE_NOTE = '* oracle: chosen with the labels of the target; not to be had in use.';
/** What the words in the tables of `evalTables` mean: one note under all of them, or under each that stands alone. */
export const EVAL_LEGEND: readonly string[] = [
  'Rates in percent. FAR pools the attacks; FRR is BPCER; APCER max is the worst attack type, the columns after ACER are the APCER of each; ' +
    'ACER = (APCER max + BPCER) / 2.',
  ORACLE_NOTE,
];
const LEVELS: readonly Level[] = ['video', 'frame'];
/** More species than this get no column of their own; the worst one always has. */
const MOST_SPECIES_COLUMNS = 4;

/** The whole answer of `ldc eval` for a terminal `width` characters wide. */
export function evalText(evaluation: Evaluation, width = 80): string {
  const parts = [headline(evaluation), ...evaluation.targets.map(targetLine), ''].map((line) => wrapped(line, width));
  if (evaluation.synthetic) parts.push(SYNTHETIC_NOTE, '');
  parts.push(...evalTables(evaluation).map((table) => toText(table, width)));
  return [...parts, ...EVAL_LEGEND.map((note) => wrapped(note, width)), ''].join('\n');
}

/** The tables of `evalText`, for Markdown, CSV, LaTeX or HTML. They need `EVAL_LEGEND`. */
export function evalTables(evaluation: Evaluation): Table[] {
  const tables = LEVELS.map((level) => levelTable(evaluation.levels[level], level));
  if (evaluation.each && evaluation.mean) tables.push(...LEVELS.map((level) => eachTable(evaluation, level)));
  if (evaluation.paper) tables.push(paperTable(evaluation.paper, evaluation.levels));
  const counted = tables.map((table) => withMissing(table, [evaluation]));
  return evaluation.synthetic ? counted.map((table) => ({ ...table, title: `SYNTHETIC – ${table.title}` })) : counted;
}

/** A table with the number of images that have no score and that its figures are without; one number a result. */
export function withMissing(table: Table, evaluations: readonly Pick<Evaluation, 'levels'>[]): Table {
  const counts = evaluations.map(({ levels: { frame } }) => (frame.fta ? frame.fta.n.live + frame.fta.n.attack : 0));
  if (counts.every((count) => count === 0)) return table;
  const note = `Images without a score, which are in none of these figures: ${counts.join(', ')}.`;
  return { ...table, notes: [...(table.notes ?? []), note] };
}

/** One line a run: protocol, checkpoint, engine, convention, what of it is known. */
export function headline({
  protocol,
  method,
  variant,
  checkpoint,
  engine,
  model,
  convention,
  development,
  few_shot: fewShot,
  synthetic,
}: Evaluation): string {
  const engineAndModel = [engine && `engine ${engine}`, model && `model ${model}`].filter(Boolean).join(', ');
  const trained = [method, variant].filter(Boolean).join(' ') || null;
  const parts = [
    protocol ?? 'scores of a file',
    trained,
    checkpoint,
    engineAndModel,
    `convention ${convention}`,
    development && `development ${development}`,
    fewShot && fewShotText(fewShot),
  ];
  return parts
    .concat(synthetic ? 'SYNTHETIC' : [])
    .filter(Boolean)
    .map((part) => printable(part!))
    .join(' · ');
}

/** Whom of a target a few-shot result was trained on. */
function fewShotText({ domain, subjects, videos, images }: NonNullable<Evaluation['few_shot']>): string {
  const whom = `${subjects.length} ${subjects.length === 1 ? 'person' : 'people'} of ${domain} in training`;
  return `few-shot: ${whom} (${subjects.join(', ')}; ${videos.live} live and ${videos.attack} attack videos, ${images} frames)`;
}

/** Which part of which data set a result is about, and how many frames of a video. */
export function targetLine({ domain, name, subset, videos, frames }: Target): string {
  const who = [domain, name].filter(Boolean).join(' ') || 'unnamed domain';
  const which = subset === null ? '' : `, subset ${subset}`;
  const each = frames / (videos.live + videos.attack);
  const perVideo = Number.isInteger(each) ? `${each} a video` : `${each.toFixed(1)} a video on average`;
  return printable(
    `Target ${who}${which}: ${videos.live} live and ${videos.attack} attack videos, ${frames} frames, ${perVideo}`,
  );
}

/** Each threshold a row; all rates in percent. */
export function levelTable(result: LevelResult, level: Level): Table {
  const species = speciesOf(result);
  const { interval95 } = result;
  const range = ([low, high]: readonly [number, number]) => `[${percent(low)}, ${percent(high)}]`;
  const atLimits = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([limit, value]) => `${Number(limit) * 100} % ${percent(value)}`)
      .join(', ');
  const intervals = [
    `AUC ${range(interval95.auc)}`,
    interval95.hter && `HTER at source-dev-eer ${range(interval95.hter)}`,
  ];
  return {
    title:
      `${levelName(level)} level: ${result.n.live} live, ${result.n.attack} attack; ` +
      `AUC ${percent(result.auc)} %, EER* ${percent(result.eer)} %`,
    columns: [
      { title: 'threshold', align: 'left' },
      ...['value', 'HTER', 'FAR', 'FRR', 'APCER max', 'ACER', ...species].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows: rowNames(result).map((name) => thresholdRow(name, result, species)),
    notes: [
      `95 % intervals by ${interval95.by}, ${interval95.resamples} resamples: ${intervals.filter(Boolean).join(', ')}.`,
      `BPCER at APCER = ${atLimits(result.bpcer_at_apcer)}* (attacks pooled).`,
      // Files of an earlier version do not have it.
      ...(result.tpr_at_fpr ? [`TPR at FPR = ${atLimits(result.tpr_at_fpr)}* (1 − BPCER at APCER).`] : []),
      ...failureNotes(result),
      ...thresholdNotes(result),
    ],
  };
}

/** Several targets: each a row, then the mean over them. */
function eachTable({ each = [], mean }: Pick<Evaluation, 'each' | 'mean'>, level: Level): Table {
  const shown = ['source-dev-eer', 'target-eer'] as const;
  const summary = mean![level];
  const hter = (result: LevelResult, name: ThresholdName) => {
    const threshold = result.thresholds[name];
    return isKnown(threshold) ? percent(threshold.hter) : MISSING;
  };
  const meanHter = (name: ThresholdName) => {
    const values = summary.thresholds[name];
    return values ? percentMeanStd(values.hter) : MISSING;
  };
  return {
    title: `${levelName(level)} level, each target by itself`,
    columns: [
      { title: 'target', align: 'left' },
      ...[...shown.map((name) => `HTER at ${marked(name)}`), 'AUC', 'EER*'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows: [
      ...each.map(({ domain, levels }) => {
        const result = levels[level];
        return [domain, ...shown.map((name) => hter(result, name)), percent(result.auc), percent(result.eer)];
      }),
      ['mean', ...shown.map(meanHter), percentMeanStd(summary.auc), percentMeanStd(summary.eer)],
    ],
    notes: [`Mean ± sample standard deviation over ${each.length} targets; the tables above pool their samples.`],
  };
}

/** The released program's figures and how far the honest ones are from them. */
function paperTable(paper: PaperResult, levels: Evaluation['levels']): Table {
  const row = (what: string, epoch: PaperResult['best']) => [
    what,
    epoch.checkpoint,
    epoch.threshold === null ? '+infinity' : scoreText(epoch.threshold),
    ...[epoch.smoothed.acer, epoch.smoothed.apcer, epoch.smoothed.bpcer, epoch.auc].map(percent),
  ];
  return {
    title: `Convention paper, ${paper.level} level, ${paper.epochs.length} checkpoints on the target: all oracle*`,
    columns: [
      { title: 'epoch', align: 'left' },
      { title: 'checkpoint', align: 'left' },
      ...['threshold', 'ACER*', 'APCER*', 'BPCER*', 'AUC*'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: [row('best on target', paper.best), row('last', paper.last)],
    notes: [
      'Scores min-max normalised over the test set, Youden threshold on the test set, attacks pooled: "ACER" here is an HTER.',
      gapNote(levels[paper.level], paper),
    ],
  };
}

/** Several seeds, or folds of a protocol, at one level: mean ± standard deviation in percent. */
export function seedTable(summary: SeedSummary, level: Level, what: 'seeds' | 'folds' = 'seeds'): Table {
  const rates = ['hter', 'far', 'frr', 'apcer_max', 'acer'] as const;
  return {
    title:
      `${levelName(level)} level over ${summary.auc.n} ${what}: ` +
      `AUC ${percentMeanStd(summary.auc)} %, EER* ${percentMeanStd(summary.eer)} %`,
    columns: [
      { title: 'threshold', align: 'left' },
      ...['HTER', 'FAR', 'FRR', 'APCER max', 'ACER'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: thresholdNames.map((name) => [
      marked(name),
      ...rates.map((rate) => {
        const values = summary.thresholds[name];
        return values ? percentMeanStd(values[rate]) : MISSING;
      }),
    ]),
    notes: ['Mean ± sample standard deviation, in percent.', ORACLE_NOTE],
  };
}

/** The convention of the released program over seeds. */
export function paperSeedTable({ acer, auc }: PaperSummary): Table {
  return {
    title: `Convention paper over ${acer.n} seeds, best epoch on the target: all oracle*`,
    columns: ['ACER*', 'AUC*'].map((title) => ({ title, align: 'right' as const })),
    rows: [[percentMeanStd(acer), percentMeanStd(auc)]],
    notes: ['Mean ± sample standard deviation, in percent; attacks pooled: "ACER" here is an HTER.'],
  };
}

/** The name of a level at the beginning of a title. */
export function levelName(level: Level): string {
  return level === 'video' ? 'Video' : 'Frame';
}

/** The name of a threshold, with the star of an oracle; the model's own is one where it was chosen with these labels. */
function marked(name: ThresholdName | 'card', result?: LevelResult): string {
  const oracle = name === 'card' ? result?.thresholds.card?.oracle : oracleThresholds.has(name);
  return oracle ? `${name}*` : name;
}

/** The thresholds that every result has, and the model's own where it has one beside them. */
function rowNames({ thresholds }: LevelResult): (ThresholdName | 'card')[] {
  return [...thresholdNames, ...(thresholds.card === undefined ? [] : ['card' as const])];
}

function thresholdRow(name: ThresholdName | 'card', result: LevelResult, species: string[]): string[] {
  const threshold = result.thresholds[name]!;
  if (!isKnown(threshold)) return [marked(name), ...Array<string>(6 + species.length).fill(MISSING)];
  const { hter, far, frr, apcer_max, acer, apcer } = threshold;
  return [
    marked(name, result),
    threshold.value === null ? '+inf' : scoreText(threshold.value),
    ...[hter, far, frr, apcer_max, acer].map(percent),
    ...species.map((kind) => percent(apcer[kind])),
  ];
}

function gapNote(honest: LevelResult, paper: PaperResult): string {
  const threshold = honest.thresholds['source-dev-eer'];
  if (!isKnown(threshold)) return 'The gap to the honest result is unknown: there is no source development threshold.';
  const gap = threshold.hter - paper.best.smoothed.acer;
  const side = gap < 0 ? 'below' : 'above';
  return `Gap to the honest result: HTER ${percent(threshold.hter)} at source-dev-eer is ${percent(Math.abs(gap))} points ${side} the best epoch.`;
}

function speciesOf(result: LevelResult): string[] {
  const known = Object.values(result.thresholds).find(isKnown);
  const names = Object.keys(known?.apcer ?? {});
  return names.length <= MOST_SPECIES_COLUMNS ? names : [];
}

/** What the failures to acquire make of the rates above, which are without them. */
function failureNotes(result: LevelResult): string[] {
  const { fta } = result;
  if (fta === undefined) return [];
  const rates = Object.entries(fta.thresholds).map(
    ([name, { far, frr, hter }]) =>
      `${marked(name as ThresholdName | 'card', result)} FAR ${percent(far)}, FRR ${percent(frr)}, HTER ${percent(hter)}`,
  );
  return [
    `Failures to acquire: ${fta.n.live} live and ${fta.n.attack} attack, FtA ${percent(fta.rate)} %, not in the rates above. ` +
      `With them, FAR = FPR (1 − FtA) and FRR = FtA + FNR (1 − FtA): ${rates.join('; ')}.`,
  ];
}

/** Why a threshold cannot be had, and where the model's own comes from. */
function thresholdNotes(result: LevelResult): string[] {
  const { card } = result.thresholds;
  const missing = thresholdNames.flatMap((name) => {
    const threshold = result.thresholds[name];
    return threshold.value === null ? [`${name}: ${threshold.why}.`] : [];
  });
  return card?.from === undefined ? missing : [...missing, `${marked('card', result)}: the model's own, ${card.from}.`];
}
