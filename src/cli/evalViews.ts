/** Views of `ldc eval` beyond one result: two models compared, several seeds, errors by group. */
import { UserError } from '../base/errors.js';
import { breakdownColumns } from '../evaluate/breakdown.js';
import { type Comparison, compareScores } from '../evaluate/compare.js';
import { type Level, type ScoreMode, samplesAt } from '../evaluate/levels.js';
import type { Evaluation } from '../evaluate/results.js';
import type { ScoreFileOptions } from '../evaluate/scoreFile.js';
import type { Scores } from '../evaluate/scores.js';
import { summarizePaper, summarizeSeeds } from '../evaluate/seeds.js';
import { breakdownsOf, breakdownTables } from '../report/breakdownTable.js';
import { compareTable } from '../report/compareTable.js';
import { paperSeedTable, SYNTHETIC_NOTE, seedTable, targetLine, withMissing } from '../report/evalTable.js';
import { corruptionTable } from '../report/robustnessTable.js';
import { type Table, toText, wrapped } from '../report/table.js';
import type { CorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import { openScored, type Scored, scoreModel } from '../run/evaluation/scored.js';
import { type DeviceOptions, defaultData, overridesOf } from './experimentOptions.js';
import { type CommonOptions, printResult, progressFor, terminalWidth } from './output.js';

/** What is printed and written below a result: one key of the JSON document, and its tables. */
export interface Part {
  key: string;
  value: unknown;
  tables: Table[];
}

export interface Evaluated {
  /** The run or score file. */
  name: string;
  evaluation: Evaluation;
  more: Part[];
}

/** `--by`: the errors of each group of the columns; `all` stands for those that vary. */
export function breakdownPart(
  scores: Scores,
  evaluation: Evaluation,
  level: Level,
  mode: ScoreMode,
  columns: readonly string[],
): Part {
  const samples = samplesAt(scores, level, mode);
  const wanted = columns.flatMap((column) => (column === 'all' ? breakdownColumns(samples) : [column]));
  const breakdowns = breakdownsOf(samples, evaluation.levels[level], wanted);
  const synthetic = evaluation.synthetic ? 'SYNTHETIC – ' : '';
  const tables = breakdownTables(breakdowns).map((table) => ({
    ...table,
    title: `${synthetic}${table.title}, ${level} level`,
  }));
  return { key: 'breakdown', value: { level, ...breakdowns }, tables };
}

/** `--corrupt`: error rates at each degree. */
export function corruptionPart(sweep: CorruptionSweep): Part {
  return { key: 'corruptions', value: sweep, tables: [corruptionTable(sweep)] };
}

/** Says on stderr what a reader of the result must know; the document has it too. */
export function printNotes(notes: readonly string[] = [], options: CommonOptions): void {
  const progress = progressFor(options);
  for (const note of notes) progress.note(note);
}

/** `--compare A B`: prints differences at both levels, or at the one asked for. */
export async function compareTwo(
  paths: readonly string[],
  options: CommonOptions & ScoreFileOptions & DeviceOptions & { level?: Level; protocol?: string; data?: string },
): Promise<void> {
  const { level } = options;
  const [pathA, pathB] = paths;
  if (pathA === undefined || pathB === undefined || paths.length > 2) {
    throw new UserError(`--compare takes two runs, score files or models, not ${paths.length}`);
  }
  const [a, b] = await openBoth([pathA, pathB], options);
  if (a.mode !== b.mode) {
    throw new UserError(`${pathA} is scored by ${a.mode} and ${pathB} by ${b.mode}`, 'eval.score must agree');
  }
  const levels: Level[] = level === undefined ? ['video', 'frame'] : [level];
  const comparisons = levels.map((each): Comparison => compareScores(a, b, each, { mode: a.mode }));
  const synthetic = a.synthetic === true || b.synthetic === true;
  // Both hold the same samples; a score file does not know of which set and subset, a run does.
  const { targets } = a.targets.every(({ subset }) => subset !== null) ? a : b;
  const notes = [a, b].flatMap(({ target }) => target.notes ?? []);
  printNotes(notes, options);
  const document = {
    a: pathA,
    b: pathB,
    synthetic: a.synthetic ?? b.synthetic,
    targets,
    ...(notes.length > 0 && { notes }),
    levels: Object.fromEntries(comparisons.map((comparison) => [comparison.level, comparison])),
  };
  const width = terminalWidth();
  printResult(options, document, () =>
    [
      ...targets.map((target) => wrapped(targetLine(target), width)),
      '',
      ...(synthetic ? [SYNTHETIC_NOTE, ''] : []),
      ...comparisons.map((comparison) => toText(compareTable(comparison, [pathA, pathB], synthetic), width)),
    ].join('\n'),
  );
}

/** Models are scored, under the protocol that is asked for, else that of the run beside them; the rest is there. */
async function openBoth(
  [pathA, pathB]: readonly [string, string],
  options: Parameters<typeof compareTwo>[1],
): Promise<[Scored, Scored]> {
  const isModel = (path: string) => path.toLowerCase().endsWith('.onnx');
  if (options.protocol !== undefined && !isModel(pathA) && !isModel(pathB)) {
    throw new UserError('--protocol and --compare exclude each other, unless a model is compared');
  }
  const open = (path: string) => (isModel(path) ? undefined : openScored(path, options, overridesOf(options)));
  const [a, b] = [await open(pathA), await open(pathB)];
  const run = a?.run ?? b?.run;
  const protocol = options.protocol ?? run?.protocol;
  const data = options.data ?? run?.data ?? defaultData;
  const place = { protocol, data, config: run?.config, progress: progressFor(options) };
  return [a ?? (await scoreModel(pathA, place)), b ?? (await scoreModel(pathB, place))];
}

/** Several runs: mean and standard deviation. @throws UserError when they are not about the same protocol and target */
export function printSeeds(results: readonly Evaluated[], options: CommonOptions): void {
  const [first, ...others] = results as [Evaluated, ...Evaluated[]];
  const about = ({ evaluation }: Evaluated) => JSON.stringify([evaluation.protocol, evaluation.targets]);
  const other = others.find((result) => about(result) !== about(first));
  if (other !== undefined) {
    throw new UserError(
      `${first.name} and ${other.name} are not about the same protocol and target, so they have no mean`,
      'name runs that differ in the seed alone',
    );
  }
  const evaluations = results.map(({ evaluation }) => evaluation);
  const seeds = {
    video: summarizeSeeds(evaluations.map(({ levels }) => levels.video)),
    frame: summarizeSeeds(evaluations.map(({ levels }) => levels.frame)),
  };
  const papers = evaluations.flatMap(({ paper }) => paper ?? []);
  const paper = papers.length === evaluations.length ? summarizePaper(papers) : null;
  const { protocol, convention, synthetic, targets } = first.evaluation;
  const runs = results.map(({ name, evaluation }) => ({ name, ...evaluation }));
  printNotes([...new Set(evaluations.flatMap(({ notes = [] }) => notes))], options);
  const tables = [seedTable(seeds.video, 'video'), seedTable(seeds.frame, 'frame')];
  if (paper) tables.push(paperSeedTable(paper));
  const counted = tables.map((table) => withMissing(table, evaluations));
  const width = terminalWidth();
  printResult(options, { protocol, convention, synthetic, seeds, ...(paper && { paper }), runs }, () =>
    [
      ...[protocol ?? 'scores of files', ...targets.map(targetLine)].map((line) => wrapped(line, width)),
      '',
      ...(synthetic ? [SYNTHETIC_NOTE, ''] : []),
      ...counted.map((table) => toText(synthetic ? { ...table, title: `SYNTHETIC – ${table.title}` } : table, width)),
      `Of ${results.map(({ name }) => name).join(', ')}.`,
    ].join('\n'),
  );
}
