/** A run or a score file, as something to compare: its scores on the target and on the sources' development split. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { type Evaluation, evaluateScores, type SourceDevelopment, targetCounts } from '../evaluate/evaluation.js';
import { failureNote } from '../evaluate/fta.js';
import type { Level, ScoreMode } from '../evaluate/levels.js';
import { noticesOf } from '../evaluate/notices.js';
import { readScores, type ScoreFileOptions } from '../evaluate/scoreFile.js';
import type { Scores } from '../evaluate/scores.js';
import { openRun } from './runFolder.js';

export interface Scored {
  /** The path it was named by. */
  name: string;
  target: Scores;
  source: SourceDevelopment;
  /** Which subset of which data set, and how much of it. */
  targets: Evaluation['targets'];
  level: Level;
  mode: ScoreMode;
  /** Null where nobody says. */
  synthetic: boolean | null;
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
 * @throws UserError when the folder is no run, or the run is not evaluated yet
 */
export async function openScored(path: string, options: ScoreFileOptions = {}): Promise<Scored> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`${path} does not exist`, 'name a run folder or a score file');
  if (!found.isDirectory()) {
    const target = await readScores(path, options);
    const targets = unnamedTargets(target);
    return { name: path, target, source: NO_SOURCE, targets, level: 'video', mode: 'classifier', synthetic: null };
  }
  const { folder, config } = await openRun(path);
  if (!existsSync(folder.evaluation)) {
    throw new UserError(`${path} is not evaluated yet`, `first: ldc eval --run '${path}'`);
  }
  const { checkpoint, engine, synthetic, targets } = JSON.parse(
    await readFile(folder.evaluation, 'utf8'),
  ) as Evaluation;
  const scoresOf = (side: 'target' | 'source-dev') => folder.scores(checkpoint!, side, engine ?? 'native');
  const devFile = scoresOf('source-dev');
  const source = existsSync(devFile) ? await readScores(devFile) : { why: `${devFile} is missing` };
  const { level, score: mode } = config.eval;
  return { name: path, target: await readScores(scoresOf('target')), source, targets, level, mode, synthetic };
}
