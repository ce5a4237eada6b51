/** Two models on the same samples: differences of AUC and HTER with paired intervals, and DeLong's test. */
import { UserError } from '../base/errors.js';
import {
  affordableResamples,
  aucStatistic,
  DEFAULT_RESAMPLES,
  hterStatistic,
  percentileInterval95,
  resample,
  unitsOf,
} from './bootstrap.js';
import { type DelongResult, delong } from './delong.js';
import { type EvaluationOptions, type SourceThreshold, sourceThreshold } from './evaluation.js';
import { type Level, type Samples, samplesAt } from './levels.js';
import { errorRatesAt } from './metrics.js';
import { auc, rocOf } from './roc.js';
import type { Scores } from './scores.js';
import { FIXED_THRESHOLD } from './thresholds.js';

/** One metric of both models; `difference` is a − b, `p` two-sided from the paired bootstrap. */
export interface Difference {
  a: number;
  b: number;
  difference: number;
  interval95: [number, number];
  p: number;
}

export interface Comparison {
  level: Level;
  n: { live: number; attack: number };
  auc: Difference;
  /** Each model at its own source development threshold where both have one, else both at 0.5. */
  hter: Difference & { threshold: 'source-dev-eer' | 'fixed' };
  delong: DelongResult;
  by: 'subject' | 'video';
  resamples: number;
}

/** A model's scores on the target, and its own on the source development split. */
export interface Compared {
  target: Scores;
  source: SourceThreshold;
}

/**
 * Compares two models sample by sample: a sample is its (domain, video) at video level, and its (domain, path) at frame level.
 * @throws UserError when the two files do not hold the same samples with the same labels
 */
export function compareScores(a: Compared, b: Compared, level: Level, options: EvaluationOptions = {}): Comparison {
  const mode = options.mode ?? 'classifier';
  const samplesA = samplesAt(a.target, level, mode);
  const samplesB = inOrderOf(samplesA, a.target, samplesAt(b.target, level, mode), b.target, level);
  const thresholdA = sourceThreshold(a.source, level, mode).value;
  const thresholdB = sourceThreshold(b.source, level, mode).value;
  const honest = thresholdA !== null && thresholdB !== null;
  const [cutA, cutB] = honest ? [thresholdA, thresholdB] : [FIXED_THRESHOLD, FIXED_THRESHOLD];

  const units = unitsOf(samplesA);
  const resamples = affordableResamples(options.resamples ?? DEFAULT_RESAMPLES, 2 * samplesA.score.length, units.count);
  const rocA = rocOf(samplesA);
  const statistics = [
    aucStatistic(samplesA, units),
    aucStatistic(samplesB, units),
    hterStatistic(samplesA, units, cutA),
    hterStatistic(samplesB, units, cutB),
  ];
  const [aucA, aucB, hterA, hterB] = resample(units, statistics, resamples, options.seed ?? 0);
  return {
    level,
    n: { live: rocA.live, attack: rocA.attacks },
    auc: difference(auc(rocA), auc(rocOf(samplesB)), aucA!, aucB!),
    hter: {
      threshold: honest ? 'source-dev-eer' : 'fixed',
      ...difference(errorRatesAt(samplesA, cutA).hter, errorRatesAt(samplesB, cutB).hter, hterA!, hterB!),
    },
    delong: delong(samplesA.score, samplesB.score, samplesA.live),
    by: units.by,
    resamples,
  };
}

function difference(a: number, b: number, resampledA: Float64Array, resampledB: Float64Array): Difference {
  const differences = resampledA.map((value, r) => value - resampledB[r]!);
  return { a, b, difference: a - b, interval95: percentileInterval95(differences), p: signP(differences) };
}

/** Twice the share of resamples on the rarer side of 0; the sample itself counts as one, so that p is never 0. */
function signP(differences: Float64Array): number {
  const notAbove = differences.reduce((count, d) => count + (d <= 0 ? 1 : 0), 1);
  const notBelow = differences.reduce((count, d) => count + (d >= 0 ? 1 : 0), 1);
  return Math.min(1, (2 * Math.min(notAbove, notBelow)) / (differences.length + 1));
}

/** The scores of `b` and their labels in the order of the samples of `a`. */
function inOrderOf(
  a: Samples,
  fromA: Scores,
  b: Samples,
  fromB: Scores,
  level: Level,
): Pick<Samples, 'score' | 'live'> {
  const places = placesByKey(b, fromB, level);
  const keysA = placesByKey(a, fromA, level);
  const missing =
    [...keysA.keys()].find((key) => !places.has(key)) ?? [...places.keys()].find((key) => !keysA.has(key));
  if (missing !== undefined) {
    const where = keysA.has(missing) ? [fromA.origin, fromB.origin] : [fromB.origin, fromA.origin];
    throw new UserError(
      `${level} ${missing} is in ${where[0]} but not in ${where[1]}`,
      'compare scores of the same test set',
    );
  }
  const order = Int32Array.from(keysA.keys(), (key) => places.get(key)!);
  const live = Uint8Array.from(order, (i) => b.live[i]!);
  const other = live.findIndex((label, i) => label !== a.live[i]);
  if (other >= 0) {
    throw new UserError(
      `${level} ${[...keysA.keys()][other]} is live in one of ${fromA.origin}, ${fromB.origin} and an attack in the other`,
    );
  }
  return { score: Float64Array.from(order, (i) => b.score[i]!), live };
}

function placesByKey(samples: Samples, scores: Scores, level: Level): Map<string, number> {
  const places = new Map<string, number>();
  for (const [sample, row] of samples.rows.entries()) {
    const domain = scores.domain.names[scores.domain.codes[row]!]!;
    const name = level === 'video' ? scores.video.names[scores.video.codes[row]!]! : scores.path.at(row);
    const key = JSON.stringify([domain, name]);
    if (places.has(key)) throw new UserError(`${level} ${key} appears twice in ${scores.origin}`);
    places.set(key, sample);
  }
  return places;
}
