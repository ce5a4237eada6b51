/**
 * Bootstrap intervals that respect dependence: whole subjects (else videos) are drawn with replacement, all their samples at once, because
 * frames and videos of one person are not independent. Weights on sorted scores make a resample O(n) without sorting again.
 */
import { Philox, purposes } from '../engine/random.js';
import { type Groups, pairGroups, type Samples } from './levels.js';
import type { LabelledScores } from './roc.js';

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
  const live = sortedClass(samples, units, 1);
  const attacks = sortedClass(samples, units, 0);
  // For each live sample the number of attacks below it, and of those not above it: half of what lies between are ties.
  const below = Uint32Array.from(live.score, (score) => lowerBound(attacks.score, score));
  const notAbove = Uint32Array.from(live.score, (score) => upperBound(attacks.score, score));
  const weightUpTo = new Float64Array(attacks.unit.length + 1);
  return (weights) => {
    for (let k = 0; k < attacks.unit.length; k++) weightUpTo[k + 1] = weightUpTo[k]! + weights[attacks.unit[k]!]!;
    let twiceConcordant = 0;
    let liveWeight = 0;
    for (let k = 0; k < live.unit.length; k++) {
      const weight = weights[live.unit[k]!]!;
      liveWeight += weight;
      twiceConcordant += weight * (weightUpTo[below[k]!]! + weightUpTo[notAbove[k]!]!);
    }
    return twiceConcordant / (2 * liveWeight * weightUpTo[attacks.unit.length]!);
  };
}

/** HTER of the weighted samples at a fixed threshold: O(units) a call. */
export function hterStatistic(samples: LabelledScores, units: Groups, threshold: number): Statistic {
  const [live, rejected, attacks, accepted] = Array.from({ length: 4 }, () => new Float64Array(units.count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < units.codes.length; i++) {
    const unit = units.codes[i]!;
    const accepts = samples.score[i]! >= threshold;
    if (samples.live[i] === 1) {
      live[unit]!++;
      if (!accepts) rejected[unit]!++;
    } else {
      attacks[unit]!++;
      if (accepts) accepted[unit]!++;
    }
  }
  return (weights) =>
    (dot(accepted, weights) / dot(attacks, weights) + dot(rejected, weights) / dot(live, weights)) / 2;
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

/** The scores of one class in rising order, and the unit of each. */
function sortedClass(samples: LabelledScores, units: Groups, label: 0 | 1): { score: Float64Array; unit: Int32Array } {
  const members = Uint32Array.from(units.codes.keys()).filter((i) => samples.live[i] === label);
  // The built-in sort of numbers is many times faster than one with a comparison function, so each sample looks up its place.
  const score = Float64Array.from(members, (i) => samples.score[i]!).sort();
  const taken = new Uint32Array(score.length);
  const unit = new Int32Array(score.length);
  for (const i of members) {
    const place = lowerBound(score, samples.score[i]!);
    unit[place + taken[place]!++] = units.codes[i]!;
  }
  return { score, unit };
}

/** How many values of a rising array are below `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  return countWhere(sorted, (other) => other < value);
}

/** How many values of a rising array are not above `value`. */
export function upperBound(sorted: Float64Array, value: number): number {
  return countWhere(sorted, (other) => other <= value);
}

/** How many leading values of `sorted` pass a test that no value passes after the first that does not. */
function countWhere(sorted: Float64Array, passes: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(sorted[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
