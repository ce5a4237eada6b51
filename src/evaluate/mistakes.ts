/** The errors worth looking at: attacks with the highest scores and live with the lowest, one frame a video. */
import { type ScoreMode, samplesAt } from './levels.js';
import { rowOf, type ScoreRow, type Scores } from './scores.js';

export interface Mistake extends ScoreRow {
  /** By the score mode that was asked for. */
  score: number;
}

export interface WorstMistakes {
  falseAccepts: Mistake[];
  falseRejects: Mistake[];
}

/** At most `count` of either kind at frame level, the worst first; only samples on the wrong side of `threshold`. */
export function worstMistakes(
  scores: Scores,
  threshold: number,
  count: number,
  mode: ScoreMode = 'classifier',
): WorstMistakes {
  const samples = samplesAt(scores, 'frame', mode);
  const worstAttack = new Map<number, number>();
  const worstLive = new Map<number, number>();
  for (const [row, score] of samples.score.entries()) {
    const isLive = samples.live[row] === 1;
    if (score >= threshold === isLive) continue;
    const worst = isLive ? worstLive : worstAttack;
    const video = samples.videos.codes[row]!;
    const other = worst.get(video);
    if (other === undefined || (isLive ? score < samples.score[other]! : score > samples.score[other]!))
      worst.set(video, row);
  }
  const top = (rows: Iterable<number>, order: 1 | -1): Mistake[] =>
    [...rows]
      .sort((a, b) => order * (samples.score[a]! - samples.score[b]!) || a - b)
      .slice(0, count)
      .map((row) => ({ ...rowOf(scores, row), score: samples.score[row]! }));
  return { falseAccepts: top(worstAttack.values(), -1), falseRejects: top(worstLive.values(), 1) };
}
