/**
 * The test of DeLong, DeLong and Clarke-Pearson (Biometrics 1988) for two AUCs on the same samples. It takes samples as independent, which the
 * frames of a video are not; use it at video level.
 */
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

/** P(|Z| >= |z|) for a standard normal Z, relative error below 1e-12. */
export function twoSidedNormalTail(z: number): number {
  const x = Math.abs(z);
  return x < 2.5 ? 1 - centralProbability(x) : tailFraction(x);
}

/** P(|Z| <= x) by the series of Abramowitz and Stegun 26.2.11, whose terms are all positive. */
function centralProbability(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 2 * sum * density(x);
}

/** P(|Z| >= x) by the continued fraction of Abramowitz and Stegun 26.2.14, from the inside out. */
function tailFraction(x: number): number {
  let fraction = x;
  for (let k = 200; k >= 1; k--) fraction = x + k / fraction;
  return (2 * density(x)) / fraction;
}

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample variance, over n − 1. */
function variance(values: Float64Array): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}
