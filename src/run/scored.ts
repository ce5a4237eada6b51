/** A run or a score file, as something to compare: its scores on the target and on the sources' development split. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { type Evaluation, type SourceDevelopment, targetCounts } from '../evaluate/evaluation.js';
import type { Level, ScoreMode } from '../evaluate/levels.js';
import { readScores } from '../evaluate/scoreFile.js';
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

/** The targets of a bare score file, which names neither data set nor subset. */
export function unnamedTargets(scores: Scores): Evaluation['targets'] {
  return targetCounts(scores).map((counts) => ({ ...counts, name: null, subset: null }));
}

/**
 * The scores behind `eval.json` where `path` is a folder, else those of a score file.
 * @throws UserError when the folder is no run, or the run is not evaluated yet
 */
export async function openScored(path: string): Promise<Scored> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`${path} does not exist`, 'name a run folder or a score file');
  if (!found.isDirectory()) {
    const target = await readScores(path);
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
