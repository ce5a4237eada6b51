/**
 * Bootstrap intervals that respect dependence: whole subjects (else videos) are drawn with replacement, all their samples at once, because
 * frames and videos of one person are not independent. Weights on sorted scores make a resample O(n) without sorting again.
 */
import { Philox, purposes } from '../engine/random.js';
import { type Groups, pairGroups, type Samples } from './levels.js';
import type { LabelledScores } from './roc.js';
import { risingOrder } from './sorting.js';

export const DEFAULT_RESAMPLES = 2000;

/** Steps of work that one set of resamples may cost, a second or two; only sets beyond some 10 000 videos or 100 000 frames meet it. */
const WORK_LIMIT = 2e8;
/** Drawing a unit costs about as much as visiting this many samples. */
const DRAW_COST = 10;
/** Below this the 2.5 % points would rest on a handful of values. */
const FEWEST_RESAMPLES = 200;

/** What is drawn: every sample belongs to one unit. */
export interface Units extends Groups {
  readonly by: 'subject' | 'video';
}

/** Subjects where each sample has one and there are two or more, else videos; both within their domain. */
export function unitsOf(samples: Samples): Units {
  const unknown = samples.subject.names.indexOf('');
  if (unknown < 0 || !samples.subject.codes.includes(unknown)) {
    const subjects = pairGroups(samples.domain, samples.subject);
    if (subjects.count > 1) return { ...subjects, by: 'subject' };
  }
  return { ...samples.videos, by: 'video' };
}

/** The number of resamples that is done when `wanted` are asked for: fewer for very large sets, but not below 200. */
export function affordableResamples(wanted: number, samples: number, units: number): number {
  return Math.min(wanted, Math.max(FEWEST_RESAMPLES, Math.floor(WORK_LIMIT / (samples + DRAW_COST * units))));
}

/** A statistic of a weighted sample; `weights[u]` says how often unit u was drawn. NaN where a class is missing. */
export type Statistic = (weights: Float64Array) => number;

/**
 * The values of each statistic over the resamples: `result[k][r]`, the same draws for all, so that differences are paired. A resample that
 * lacks a class has no error rate and is drawn again.
 */
export function resample(units: Groups, statistics: Statistic[], resamples: number, seed: number): Float64Array[] {
  const random = new Philox(seed, purposes.bootstrap);
  const weights = new Float64Array(units.count);
  const results = statistics.map(() => new Float64Array(resamples));
  for (let r = 0; r < resamples; ) {
    weights.fill(0);
    for (let draw = 0; draw < units.count; draw++) weights[random.int(units.count)]!++;
    const values = statistics.map((statistic) => statistic(weights));
    if (values.some(Number.isNaN)) continue;
    for (const [k, value] of values.entries()) results[k]![r] = value;
    r++;
  }
  return results;
}

/** AUC of the weighted samples; ties count one half. Sorts once, then O(n) a call. */
export function aucStatistic(samples: LabelledScores, units: Groups): Statistic {
  const { live, attacks, below, notAbove } = rankedByClass(samples, units);
  const weightUpTo = new Float64Array(attacks.length + 1);
  return (weights) => {
    for (let k = 0; k < attacks.length; k++) weightUpTo[k + 1] = weightUpTo[k]! + weights[attacks[k]!]!;
    let twiceConcordant = 0;
    let liveWeight = 0;
    for (let k = 0; k < live.length; k++) {
      const weight = weights[live[k]!]!;
      liveWeight += weight;
      twiceConcordant += weight * (weightUpTo[below[k]!]! + weightUpTo[notAbove[k]!]!);
    }
    return twiceConcordant / (2 * liveWeight * weightUpTo[attacks.length]!);
  };
}

interface Ranked {
  /** The units of either class's samples, in rising order of score. */
  live: Int32Array;
  attacks: Int32Array;
  /** For each live sample the number of attacks below it, and of those not above it: half of what lies between are ties. */
  below: Uint32Array;
  notAbove: Uint32Array;
}

function rankedByClass({ score, live }: LabelledScores, units: Groups): Ranked {
  const order = risingOrder(score);
  let liveCount = 0;
  for (let i = 0; i < order.length; i++) liveCount += live[i]!;
  const ranked: Ranked = {
    live: new Int32Array(liveCount),
    attacks: new Int32Array(order.length - liveCount),
    below: new Uint32Array(liveCount),
    notAbove: new Uint32Array(liveCount),
  };
  let [lives, attacks] = [0, 0];
  for (let from = 0; from < order.length; ) {
    // One stretch of equal scores after the other.
    const [firstLive, below] = [lives, attacks];
    const tied = score[order[from]!]!;
    for (; from < order.length && score[order[from]!] === tied; from++) {
      const sample = order[from]!;
      if (live[sample] === 1) ranked.live[lives++] = units.codes[sample]!;
      else ranked.attacks[attacks++] = units.codes[sample]!;
    }
    ranked.below.fill(below, firstLive, lives);
    ranked.notAbove.fill(attacks, firstLive, lives);
  }
  return ranked;
}

/** HTER of the weighted samples at a fixed threshold: O(units) a call. */
export function hterStatistic(samples: LabelledScores, units: Groups, threshold: number): Statistic {
  const accepted = Uint8Array.from({ length: units.codes.length }, (_, i) => Number(samples.score[i]! >= threshold));
  return errorRateStatistics(samples.live, accepted, units).hter;
}

/** FAR, FRR and HTER of the weighted samples by what was decided on each, `accepted[i]` being 1 or 0: O(units) a call. */
export function errorRateStatistics(
  live: ArrayLike<number>,
  accepted: ArrayLike<number>,
  units: Groups,
): Record<'far' | 'frr' | 'hter', Statistic> {
  const count = () => new Float64Array(units.count);
  const [lives, rejected, attacks, passed] = [count(), count(), count(), count()];
  for (let i = 0; i < units.codes.length; i++) {
    const unit = units.codes[i]!;
    if (live[i] === 1) {
      lives[unit]!++;
      if (accepted[i] !== 1) rejected[unit]!++;
    } else {
      attacks[unit]!++;
      if (accepted[i] === 1) passed[unit]!++;
    }
  }
  const far = (weights: Float64Array) => dot(passed, weights) / dot(attacks, weights);
  const frr = (weights: Float64Array) => dot(rejected, weights) / dot(lives, weights);
  return { far, frr, hter: (weights) => (far(weights) + frr(weights)) / 2 };
}

/** The central 95 % of the values (percentile method). */
export function percentileInterval95(values: Float64Array): [number, number] {
  const sorted = values.slice().sort();
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
