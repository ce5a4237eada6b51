/** How scores lie along an axis: as they are, or by their log-odds where a network that is sure of itself crowds them at 0 and 1. */
import type { Samples } from '../evaluate/levels.js';

export interface ScoreScale {
  /** Where a score stands on the axis. */
  place(score: number): number;
  /** What to call the axis, behind its quantity. */
  note: string;
  /** Where there are labels; null leaves them to the plot. */
  ticks: readonly { at: number; label: string }[] | null;
  /** Whether the axis reaches from 0 to 1 though no score does. */
  whole: boolean;
}

/** A score nearer to 0 or 1 than this cannot be told from it in a plot of the scores themselves. */
const CROWDED = 0.02;
/** Log-odds beyond this, of scores such as exactly 0 or 1, are drawn there. */
const FARTHEST = 18;
const TICKS: readonly (readonly [score: number, label: string])[] = [
  [1e-7, '1e-7'],
  [1e-5, '1e-5'],
  [1e-3, '0.001'],
  [0.1, '0.1'],
  [0.5, '0.5'],
  [0.9, '0.9'],
  [1 - 1e-3, '0.999'],
  [1 - 1e-5, '1−1e-5'],
  [1 - 1e-7, '1−1e-7'],
];

/** Log-odds where all scores are probabilities and most of them crowd at the ends. */
export function scoreScale({ score }: Pick<Samples, 'score'>): ScoreScale {
  const probabilities = score.every((value) => value >= 0 && value <= 1);
  const crowded = score.reduce((count, value) => count + Number(value < CROWDED || value > 1 - CROWDED), 0);
  if (!probabilities || crowded * 2 <= score.length) {
    return { place: (value) => value, note: '', ticks: null, whole: probabilities };
  }
  return {
    place: logit,
    note: ', log-odds scale',
    ticks: TICKS.map(([value, label]) => ({ at: logit(value), label })),
    whole: false,
  };
}

function logit(share: number): number {
  return Math.max(-FARTHEST, Math.min(FARTHEST, Math.log(share / (1 - share))));
}
