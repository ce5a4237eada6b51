/**
 * `--convention paper`: the released program's way to a number. Every checkpoint is judged on the target with a threshold from the target, and the
 * reader takes the best epoch. All of it is oracle; it is here for comparison with tables made this way.
 */
import { UserError } from '../base/errors.js';
import { type Level, type ScoreMode, samplesAt } from './levels.js';
import { type ReleasedEvaluation, releasedEvaluation } from './released.js';
import type { Scores } from './scores.js';

export interface PaperEpoch extends Omit<ReleasedEvaluation, 'threshold'> {
  checkpoint: string;
  /** On the min-max normalised scale; null stands for +infinity (everything is rejected). */
  threshold: number | null;
}

export interface PaperResult {
  convention: 'paper';
  oracle: true;
  level: Level;
  epochs: PaperEpoch[];
  /** The smallest smoothed ACER on the target, then the largest AUC, then the earliest. */
  best: PaperEpoch;
  last: PaperEpoch;
}

/**
 * @param checkpoints in the order of training, each with its scores on the target
 * @param level the released program has one score an image: frame
 * @throws UserError for no checkpoints, or as `releasedEvaluation`, naming the checkpoint
 */
export function paperConvention(
  checkpoints: readonly { checkpoint: string; scores: Scores }[],
  level: Level = 'frame',
  mode: ScoreMode = 'classifier',
): PaperResult {
  const epochs = checkpoints.map(({ checkpoint, scores }) => evaluateEpoch(checkpoint, scores, level, mode));
  const [first] = epochs;
  if (!first) throw new UserError('the paper convention needs at least one checkpoint, and there is none');
  const best = epochs.reduce((leader, epoch) => (isBetter(epoch, leader) ? epoch : leader), first);
  return { convention: 'paper', oracle: true, level, epochs, best, last: epochs.at(-1)! };
}

function evaluateEpoch(checkpoint: string, scores: Scores, level: Level, mode: ScoreMode): PaperEpoch {
  try {
    const result = releasedEvaluation(samplesAt(scores, level, mode));
    return { checkpoint, ...result, threshold: Number.isFinite(result.threshold) ? result.threshold : null };
  } catch (error) {
    throw error instanceof UserError ? new UserError(`checkpoint ${checkpoint}: ${error.message}`, error.hint) : error;
  }
}

function isBetter(a: PaperEpoch, b: PaperEpoch): boolean {
  if (a.smoothed.acer !== b.smoothed.acer) return a.smoothed.acer < b.smoothed.acer;
  return a.auc > b.auc;
}
