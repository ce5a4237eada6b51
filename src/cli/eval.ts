/** `ldc eval` */
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { foldsOf, parseProtocol } from '../config/protocol.js';
import { type CorruptionKind, corruptionKinds } from '../data/corrupt.js';
import { type FoldsEvaluation, summarizeFolds } from '../evaluate/folds.js';
import { paperConvention } from '../evaluate/paper.js';
import type { Evaluation } from '../evaluate/results.js';
import { readScores } from '../evaluate/scoreFile.js';
import { evalText, withMissing } from '../report/evalTable.js';
import { foldsText } from '../report/foldsText.js';
import { overlapTable } from '../report/robustnessTable.js';
import { toText } from '../report/table.js';
import { NativeEngine } from '../run/engines.js';
import { runCorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import type { ModelEvaluation } from '../run/evaluation/evaluateModel.js';
import { evaluateRun, withoutFailures } from '../run/evaluation/evaluateRun.js';
import { evaluateBare, NO_SOURCE } from '../run/evaluation/scored.js';
import { dataFacts, deviceOf, openExperiment } from '../run/experiment.js';
import { targetOverlap } from '../run/maps/targetMaps.js';
import { newestRun, openRun } from '../run/runFolder.js';
import { writeResultEvents } from '../run/training/eventLog.js';
import {
  type EvalModelFlags,
  engineOf,
  evaluationOfModel,
  leftOutOf,
  refuseUnused,
  saveScores,
  withEvalModelOptions,
} from './evalModels.js';
import {
  breakdownPart,
  compareTwo,
  corruptionPart,
  type Evaluated,
  type Part,
  printNotes,
  printSeeds,
} from './evalViews.js';
import { dataOfRun, overridesOf, withDeviceOptions, withOutOption, withRunDataOption } from './experimentOptions.js';
import { exclusive, flagOf } from './modelOptions.js';
import { printResult, progressFor, terminalWidth, withCommonOptions } from './output.js';
import { withScoreFileOptions } from './scoreFileOptions.js';

interface EvalFlags extends EvalModelFlags {
  run?: string[];
  scores?: string[];
  sourceScores?: string;
  liveLabel?: string;
  higher?: 'live' | 'attack';
  compare?: string[];
  by?: string[];
  maps?: boolean;
  checkpoint: string;
  convention: 'honest' | 'paper';
}

export function evalCommand(): Command {
  const command = new Command('eval')
    .description(
      'HTER, AUC and the rest of a run, a model or weights on the unseen target, or of a score file; with nothing named, the newest run',
    )
    .option('--run <dir...>', 'run to evaluate; several: mean and deviation over seeds')
    .option(
      '--protocol <expression>',
      'the newest run of this protocol; oulu/3, siwm: each of their folds; where to evaluate --model and --weights',
    )
    .option('--scores <file...>', 'compute everything from score files alone')
    .option('--source-scores <file>', 'with one of --scores: development scores of the sources');
  withScoreFileOptions(command)
    .option('--compare <path...>', 'two runs, score files or ONNX models: paired bootstrap and DeLong')
    .option('--by <columns>', 'errors by attack_type, pai, subject, session, …; or all', byColumns)
    .option('--corrupt <kinds>', `also corrupt the target: ${corruptionKinds.join(',')}; or all`, kindsOf)
    .option('--maps', 'also compare the attention maps with Grad-CAM on the target')
    .option('--allow-missing', 'go on without images that cannot be read, and count them in every result')
    .option('--checkpoint <which>', 'last, best (on source development data) or an epoch', 'last')
    .addOption(
      new Option('--convention <name>', 'paper: thresholds and epoch from the target, marked oracle')
        .choices(['honest', 'paper'])
        .default('honest'),
    )
    .addOption(
      new Option('--level <name>', 'level of --checkpoint best, --by, --corrupt (video), paper (frame)').choices([
        'frame',
        'video',
      ]),
    );
  withCommonOptions(withDeviceOptions(withOutOption(withRunDataOption(withEvalModelOptions(command)))));
  command.addHelpText('after', "\nExample:\n  ldc eval --protocol 'O&C&I-to-M' --checkpoint best");
  return command.action(async (flags: EvalFlags) => {
    exclusive(flags, ['run', 'protocol', 'scores']);
    exclusive(flags, ['run', 'scores', 'compare']);
    refuseUnused(flags);
    refuseForFiles(flags);
    if (flags.compare !== undefined) return compareTwo(flags.compare, flags);
    const ofModel = await evaluationOfModel(flags);
    if (ofModel !== undefined) {
      printEvaluated({ evaluation: ofModel.evaluation, more: partsOf(ofModel, flags) }, flags);
      if (flags.save !== undefined) await saveScores(ofModel, flags.save);
      return;
    }
    const folds = foldsOf(flags.protocol ?? '');
    if (folds) {
      const result = await ofFolds(flags, folds);
      printResult(flags, result, () => foldsText(result, terminalWidth()));
      return;
    }
    const results = flags.scores === undefined ? await ofRuns(flags) : await ofScores(flags);
    if (results.length > 1) return printSeeds(results, flags);
    printEvaluated(results[0]!, flags);
  });
}

/** One result and what was asked for beyond it. */
function printEvaluated({ evaluation, more }: Pick<Evaluated, 'evaluation' | 'more'>, flags: EvalFlags): void {
  const document = { ...evaluation, ...Object.fromEntries(more.map(({ key, value }) => [key, value])) };
  printNotes(evaluation.notes, flags);
  const width = terminalWidth();
  printResult(flags, document, () =>
    [
      evalText(evaluation, width),
      ...more.flatMap(({ tables }) => tables.map((table) => toText(withMissing(table, [evaluation]), width))),
    ].join('\n'),
  );
}

/** What was asked for beyond the evaluation of a model. */
function partsOf({ evaluation, target, mode, level, corruptions }: ModelEvaluation, { by }: EvalFlags): Part[] {
  return [
    ...(by === undefined ? [] : [breakdownPart(target, evaluation, level, mode, by)]),
    ...(corruptions === undefined ? [] : [corruptionPart(corruptions)]),
  ];
}

/** The newest run of each fold. */
async function ofFolds(flags: EvalFlags, folds: readonly string[]): Promise<FoldsEvaluation> {
  refuseForSeveral(flags, ['by', 'corrupt', 'maps', 'sourceScores']);
  const evaluations: Evaluation[] = [];
  for (const fold of folds) {
    const path = await newestRun(flags.out, parseProtocol(fold));
    evaluations.push((await ofRun(path, flags)).evaluation);
  }
  return summarizeFolds(flags.protocol!.toLowerCase(), evaluations);
}

/** Runs one after the other; what only makes sense for one is refused for several. */
async function ofRuns(flags: EvalFlags): Promise<Evaluated[]> {
  const protocol = flags.protocol === undefined ? undefined : parseProtocol(flags.protocol);
  if (flags.sourceScores !== undefined) throw new UserError('--source-scores goes with --scores', 'a run has its own');
  const paths = flags.run ?? [await newestRun(flags.out, protocol)];
  if (paths.length > 1) refuseForSeveral(flags, ['by', 'corrupt', 'maps']);
  const results: Evaluated[] = [];
  for (const path of paths) results.push(await ofRun(path, flags));
  return results;
}

async function ofRun(path: string, flags: EvalFlags): Promise<Evaluated> {
  const run = await openRun(path, overridesOf(flags));
  const { config, folder, facts, notice } = run;
  const experiment = await openExperiment(run.protocol, config, dataOfRun(folder, facts, flags.data));
  const progress = progressFor(flags);
  const sameData = JSON.stringify(facts.data) === JSON.stringify(dataFacts(experiment));
  if (!sameData)
    progress.note(
      `the data in ${experiment.dataFolder} are not those the run was made from (hashes in run.json differ)`,
    );
  if (notice) progress.note(notice);
  const reuse = sameData && notice === undefined;
  const device = deviceOf(config);
  const level = flags.level ?? config.eval.level;
  const mode = config.eval.score;
  const result = await evaluateRun(experiment, device, folder, {
    checkpoint: flags.checkpoint,
    convention: flags.convention,
    level,
    paperLevel: flags.level,
    mode,
    reuse,
    progress,
    leftOut: leftOutOf(flags, progress),
    engine: engineOf(flags, config),
  });
  const { evaluation, target, checkpoint } = result;
  await writeResultEvents(folder, evaluation);
  const scored = withoutFailures(experiment, target);
  const more = flags.by === undefined ? [] : [breakdownPart(target, evaluation, level, mode, flags.by)];
  if (flags.corrupt !== undefined) {
    const options = { kinds: flags.corrupt, level, mode, reuse, progress };
    const engine = engineOf(flags, config) ?? new NativeEngine(config, device);
    more.push(corruptionPart(await runCorruptionSweep(scored, engine, folder, result, options)));
  }
  if (flags.maps) {
    const overlap = await targetOverlap(scored, device, folder, facts, checkpoint, progress);
    more.push({ key: 'map_overlap', value: overlap, tables: [overlapTable(overlap)] });
  }
  return { name: path, evaluation, more };
}

async function ofScores(flags: EvalFlags): Promise<Evaluated[]> {
  const paths = flags.scores!;
  if (paths.length > 1) refuseForSeveral(flags, ['by', 'sourceScores']);
  const source = flags.sourceScores === undefined ? NO_SOURCE : await readScores(flags.sourceScores, flags);
  const results: Evaluated[] = [];
  for (const path of paths) {
    const scores = await readScores(path, flags);
    const evaluation: Evaluation = { ...evaluateBare(scores, source), convention: flags.convention };
    if (flags.convention === 'paper') evaluation.paper = paperConvention([{ checkpoint: path, scores }], flags.level);
    const level = flags.level ?? 'video';
    const more = flags.by === undefined ? [] : [breakdownPart(scores, evaluation, level, 'classifier', flags.by)];
    results.push({ name: path, evaluation, more });
  }
  return results;
}

/** Scores that are there already are taken as they are: no network computes. */
function refuseForFiles(flags: EvalFlags): void {
  const files = (['scores', 'compare'] as const).find((name) => flags[name] !== undefined);
  if (files === undefined) {
    const ofFile = (['liveLabel', 'higher'] as const).find((name) => flags[name] !== undefined);
    if (ofFile !== undefined)
      throw new UserError(`${flagOf(ofFile)} needs --scores or --compare: it is about score files`);
    return;
  }
  if (flags.engine === 'onnx') throw new UserError(`--engine onnx and --${files} exclude each other`);
  for (const name of ['method', 'device', 'precision', 'threads', 'set', 'allowMissing'])
    exclusive(flags, [files, name]);
  if (files === 'compare') {
    refuseForSeveral(flags, ['by', 'corrupt', 'maps', 'sourceScores']);
    if (flags.convention === 'paper' || flags.checkpoint !== 'last') {
      throw new UserError('--convention and --checkpoint do not go with --compare: runs are compared as evaluated');
    }
  } else if (flags.corrupt !== undefined || flags.maps) {
    throw new UserError('--corrupt and --maps need the network of a run, a score file has none', 'name it: --run DIR');
  } else if (flags.checkpoint !== 'last') {
    throw new UserError('--checkpoint needs a run: a score file is of one checkpoint', 'name the run: --run DIR');
  }
}

function refuseForSeveral(flags: EvalFlags, names: readonly (keyof EvalFlags)[]): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  throw new UserError(`${flagOf(given)} is about one result, and several are named`, 'name one');
}

/** A list with commas; `all` is left to whoever knows what there is. */
function byColumns(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function kindsOf(text: string): CorruptionKind[] {
  if (text === 'all') return [...corruptionKinds];
  return byColumns(text).map((name) => {
    const kind = corruptionKinds.find((known) => known === name);
    if (kind === undefined) {
      throw new UserError(
        `--corrupt does not know ${JSON.stringify(name)}`,
        `there are ${corruptionKinds.join(', ')}, and all`,
      );
    }
    return kind;
  });
}
