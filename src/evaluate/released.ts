/**
 * The evaluation of the released program, which reads the labels of the test set: scores are min-max normalised
 * over that set in float32, the threshold is the Youden point of the same set, and APCER pools all attacks.
 */
import { UserError } from '../base/errors.js';
import { auc, type LabelledScores, type Roc, rocOf } from './roc.js';
import { youdenVertex } from './thresholds.js';

/** What the released program's counts start from, which keeps its quotients finite. */
const SMOOTHING = 1e-7;

export interface ReleasedRates {
  apcer: number;
  bpcer: number;
  acer: number;
}

export interface ReleasedEvaluation extends ReleasedRates {
  /** On the normalised scale; +infinity when rejecting everything is best. */
  threshold: number;
  auc: number;
  /** The same with each count started at 1e-7, as published. */
  smoothed: ReleasedRates;
}

/** @throws UserError for one class only, no samples, a score that is not finite, or scores that are all equal */
export function releasedEvaluation(samples: LabelledScores): ReleasedEvaluation {
  const roc = rocOf({ score: minMaxFloat32(samples.score), live: samples.live });
  const vertex = youdenVertex(roc);
  return {
    threshold: roc.thresholds[vertex]!,
    auc: auc(roc),
    ...ratesAt(roc, vertex, 0),
    smoothed: ratesAt(roc, vertex, SMOOTHING),
  };
}

/** (s − min) / (max − min), each operation rounded to float32. */
function minMaxFloat32(scores: ArrayLike<number>): Float32Array {
  const normalised = Float32Array.from(scores);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const score of normalised) {
    low = Math.min(low, score);
    high = Math.max(high, score);
  }
  const range = Math.fround(high - low);
  if (range === 0) throw new UserError('all scores are equal: they cannot be min-max normalised');
  for (let i = 0; i < normalised.length; i++) normalised[i] = Math.fround(normalised[i]! - low) / range;
  return normalised;
}

function ratesAt(roc: Roc, vertex: number, start: number): ReleasedRates {
  const truePositives = start + roc.acceptedLive[vertex]!;
  const falsePositives = start + roc.acceptedAttacks[vertex]!;
  const trueNegatives = start + (roc.attacks - roc.acceptedAttacks[vertex]!);
  const falseNegatives = start + (roc.live - roc.acceptedLive[vertex]!);
  const apcer = falsePositives / (trueNegatives + falsePositives);
  const bpcer = falseNegatives / (falseNegatives + truePositives);
  return { apcer, bpcer, acer: (apcer + bpcer) / 2 };
}
