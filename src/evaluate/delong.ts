/**
 * The test of DeLong, DeLong and Clarke-Pearson (Biometrics 1988) for two AUCs on the same samples. It takes samples as independent, which the
 * frames of a video are not; use it at video level.
 */
import { twoSidedNormalTail } from './normal.js';
import { lowerBound, upperBound } from './sorting.js';

export interface DelongResult {
  difference: number;
  standardError: number;
  /** Null where the standard error is 0: there is nothing to divide by. */
  z: number | null;
  /** Two-sided; 1 when the difference and its standard error are both 0. */
  p: number | null;
}

/**
 * @param a, b scores of two models on the same samples, in the same order
 * @param live 1 bona fide, 0 attack; both classes need two samples or more, else the variance is NaN
 */
export function delong(a: ArrayLike<number>, b: ArrayLike<number>, live: ArrayLike<number>): DelongResult {
  const first = placements(a, live);
  const second = placements(b, live);
  const ofLive = first.live.map((value, i) => value - second.live[i]!);
  const ofAttacks = first.attacks.map((value, i) => value - second.attacks[i]!);
  const difference = mean(ofLive);
  const standardError = Math.sqrt(variance(ofLive) / ofLive.length + variance(ofAttacks) / ofAttacks.length);
  if (!(standardError > 0)) return { difference, standardError, z: null, p: difference === 0 ? 1 : null };
  const z = difference / standardError;
  return { difference, standardError, z, p: twoSidedNormalTail(z) };
}

/** For each live sample the share of attacks below it, for each attack the share of live above it; ties count one half. */
function placements(scores: ArrayLike<number>, live: ArrayLike<number>): { live: Float64Array; attacks: Float64Array } {
  const all = Array.from({ length: scores.length }, (_, i) => i);
  const ofLive = Float64Array.from(
    all.filter((i) => live[i] === 1),
    (i) => scores[i]!,
  );
  const ofAttacks = Float64Array.from(
    all.filter((i) => live[i] !== 1),
    (i) => scores[i]!,
  );
  const sortedLive = ofLive.slice().sort();
  const sortedAttacks = ofAttacks.slice().sort();
  const shareBelow = (sorted: Float64Array) => (score: number) =>
    (lowerBound(sorted, score) + upperBound(sorted, score)) / 2 / sorted.length;
  const belowLive = shareBelow(sortedLive);
  return { live: ofLive.map(shareBelow(sortedAttacks)), attacks: ofAttacks.map((score) => 1 - belowLive(score)) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample variance, over n − 1. */
function variance(values: Float64Array): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}
