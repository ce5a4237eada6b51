/** A run, a score file or a model, as something to compare: its scores on the target and on the sources' development split. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../base/errors.js';
import type { Config } from '../../config/schema.js';
import {
  evaluateScores,
  type SourceDevelopment,
  type SourceThreshold,
  targetCounts,
} from '../../evaluate/evaluation.js';
import { failureNote } from '../../evaluate/fta.js';
import type { Level, ScoreMode } from '../../evaluate/levels.js';
import { noticesOf } from '../../evaluate/notices.js';
import type { Evaluation } from '../../evaluate/results.js';
import { readScores, type ScoreFileOptions } from '../../evaluate/scoreFile.js';
import type { Scores } from '../../evaluate/scores.js';
import { loadConfig } from '../configuration.js';
import { openOnnx } from '../models/foreignModel.js';
import type { Progress } from '../progress.js';
import { openRun, ownData, type RunFolder } from '../runFolder.js';
import { evaluateExported, evaluateForeign } from './evaluateModel.js';

export interface Scored {
  /** The path it was named by. */
  name: string;
  target: Scores;
  source: SourceThreshold;
  /** Which subset of which data set, and how much of it. */
  targets: Evaluation['targets'];
  level: Level;
  mode: ScoreMode;
  /** Null where nobody says. */
  synthetic: boolean | null;
  /** Of a run: where and on whom a model beside it has to be evaluated. */
  run?: { protocol: string; config: Config; data: string | undefined };
}

/** Why a bare score file has no source development threshold. */
export const NO_SOURCE: SourceDevelopment = { why: 'a score file says nothing of the source domains' };

const TURN = '--higher attack reads them the other way round';

/** The targets of a bare score file, which names neither data set nor subset. */
export function unnamedTargets(scores: Scores): Evaluation['targets'] {
  return targetCounts(scores).map((counts) => ({ ...counts, name: null, subset: null }));
}

/**
 * Everything that follows from scores alone, whoever made them.
 * @param source development scores of the sources, read in the same way
 */
export function evaluateBare(scores: Scores, source: SourceDevelopment = NO_SOURCE): Evaluation {
  const levels = evaluateScores(scores, source);
  const ofSource = 'why' in source ? [] : [...(source.notes ?? []), ...failureNote(source)];
  const notes = [...(scores.notes ?? []), ...ofSource, ...noticesOf(scores, levels, TURN)];
  return {
    ...{ protocol: null, checkpoint: null, engine: null, convention: 'honest', synthetic: null },
    targets: unnamedTargets(scores),
    levels,
    ...(notes.length > 0 && { notes: [...new Set(notes)] }),
  };
}

/**
 * The scores behind `eval.json` where `path` is a folder, else those of a score file.
 * @param overrides of the run's configuration, `key=value`
 * @throws UserError when the folder is no run, or the run is not evaluated yet
 */
export async function openScored(
  path: string,
  options: ScoreFileOptions = {},
  overrides: readonly string[] = [],
): Promise<Scored> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new UserError(`${path} does not exist`, 'name a run folder, a score file or an ONNX model');
  if (!found.isDirectory()) {
    const target = await readScores(path, options);
    const targets = unnamedTargets(target);
    return { name: path, target, source: NO_SOURCE, targets, level: 'video', mode: 'classifier', synthetic: null };
  }
  const { folder, facts, config, protocol } = await openRun(path, overrides);
  if (!existsSync(folder.evaluation)) {
    throw new UserError(`${path} is not evaluated yet`, `first: ldc eval --run '${path}'`);
  }
  const evaluation = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  const { synthetic, targets } = evaluation;
  const { level, score: mode } = config.eval;
  const scores = await scoresOfRun(folder, evaluation);
  const run = { protocol: protocol.name, config, data: ownData(folder, facts) };
  return { name: path, ...scores, targets, level, mode, synthetic, run };
}

/** The score files behind an evaluation of a run. @throws UserError when those of the target are gone */
export async function scoresOfRun(
  folder: RunFolder,
  { checkpoint, engine }: Evaluation,
): Promise<{ target: Scores; source: SourceDevelopment }> {
  const scoresOf = (side: 'target' | 'source-dev') => folder.scores(checkpoint!, side, engine ?? 'native');
  const devFile = scoresOf('source-dev');
  const source = existsSync(devFile) ? await readScores(devFile) : { why: `${devFile} is missing` };
  return { target: await readScores(scoresOf('target')), source };
}

export interface ModelPlace {
  /** That of a model which says none itself. */
  protocol: string | undefined;
  /** Folder of crop sets. */
  data: string;
  /** Divides the sources of a model that ldc did not train; the default unless given. */
  config?: Config | undefined;
  progress: Progress;
}

/** The scores of an ONNX model, its card inside or beside it, on the target of a protocol. @throws UserError as `openOnnx` and `evaluateForeign` do */
export async function scoreModel(path: string, { protocol, data, config, progress }: ModelPlace): Promise<Scored> {
  const model = await openOnnx(path, {});
  try {
    const { evaluation, target, source } = await (model.foreign === undefined
      ? evaluateExported(model, protocol, data, { progress })
      : evaluateForeign(model, protocol, data, config ?? (await loadConfig(undefined)), { progress }));
    const { targets, synthetic } = evaluation;
    return { name: path, target, source, targets, level: 'video', mode: 'classifier', synthetic };
  } finally {
    await model.release();
  }
}
