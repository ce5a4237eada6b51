/** Figures that smell: what is most likely wrong with scores that give them. Nothing is changed for it. */
import { failureNote } from './fta.js';
import { isKnown, type LevelResults } from './results.js';
import type { Scores } from './scores.js';

/** Below it a model knows the classes and the scores say the opposite; one that knows nothing is near one half. */
const INVERTED_AUC = 0.2;

/**
 * One sentence for each thing that smells.
 * @param turn what turns inverted scores round, where the user can do that
 */
export function noticesOf(scores: Scores, levels: LevelResults, turn = ''): string[] {
  const { frame, video } = levels;
  const { origin } = scores;
  const notices: string[] = failureNote(scores);
  const auc = Math.min(frame.auc, video.auc);
  if (auc < INVERTED_AUC) {
    const what = `the scores of ${origin} look inverted: AUC ${(100 * auc).toFixed(2)} %, and a higher score has to mean live`;
    notices.push(turn === '' ? what : `${what}; ${turn}`);
  }
  const [low, high] = rangeOf(scores.score);
  const { fixed } = frame.thresholds;
  if (low >= 0 && high > 50 && high <= 100) {
    notices.push(`the scores of ${origin} go from ${low} to ${high} and look like percent; \`fixed\` is 0.5`);
  } else if (isKnown(fixed) && fixed.far === fixed.frr + 1) {
    notices.push(`all scores of ${origin} are at least 0.5: \`fixed\` accepts everything; logits, perhaps`);
  } else if (isKnown(fixed) && fixed.frr === fixed.far + 1) {
    notices.push(`all scores of ${origin} are below 0.5: \`fixed\` rejects everything; logits, perhaps`);
  }
  const people = scores.subject.names.filter((name) => name !== '');
  if (people.length === 1 && scores.subject.names.length === 1) {
    notices.push(
      `all samples of ${origin} are of one subject, ${people[0]}: figures and intervals say nothing of other people`,
    );
  }
  return notices;
}

function rangeOf(values: Float64Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
