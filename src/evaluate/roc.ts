/** The ROC of a set of scores as exact counts, and what is read from it: AUC, EER, BPCER at a given APCER. O(n log n) by sorting. */
import { UserError } from '../base/errors.js';

/** What a ROC is made from, `n` samples: `live[i]` is 1 for bona fide and 0 for an attack; a higher score means more live. */
export interface LabelledScores {
  readonly score: ArrayLike<number>;
  readonly live: ArrayLike<number>;
}

/**
 * Vertices in falling order of threshold: +infinity (nothing is accepted), then each distinct score. A sample is accepted when
 * its score is at least the threshold. Counts, not rates: exact for any number of samples.
 */
export interface Roc {
  readonly thresholds: Float64Array;
  readonly acceptedAttacks: Uint32Array;
  readonly acceptedLive: Uint32Array;
  readonly attacks: number;
  readonly live: number;
}

/** @throws UserError when there are no samples, one class only, or a score that is not finite */
export function rocOf(samples: LabelledScores): Roc {
  const { live, attacks } = sortedByClass(samples);
  const capacity = live.length + attacks.length + 1;
  const thresholds = new Float64Array(capacity);
  const acceptedAttacks = new Uint32Array(capacity);
  const acceptedLive = new Uint32Array(capacity);
  thresholds[0] = Number.POSITIVE_INFINITY;
  let vertex = 0;
  let nextLive = live.length - 1;
  let nextAttack = attacks.length - 1;
  while (nextLive >= 0 || nextAttack >= 0) {
    const threshold = Math.max(live[nextLive] ?? -Infinity, attacks[nextAttack] ?? -Infinity);
    while (nextLive >= 0 && live[nextLive]! >= threshold) nextLive--;
    while (nextAttack >= 0 && attacks[nextAttack]! >= threshold) nextAttack--;
    vertex++;
    thresholds[vertex] = threshold;
    acceptedLive[vertex] = live.length - 1 - nextLive;
    acceptedAttacks[vertex] = attacks.length - 1 - nextAttack;
  }
  return {
    thresholds: thresholds.slice(0, vertex + 1),
    acceptedAttacks: acceptedAttacks.slice(0, vertex + 1),
    acceptedLive: acceptedLive.slice(0, vertex + 1),
    attacks: attacks.length,
    live: live.length,
  };
}

/** The scores of either class in rising order. Throws as `rocOf` does. */
function sortedByClass(samples: LabelledScores): { live: Float64Array; attacks: Float64Array } {
  const count = samples.score.length;
  let liveCount = 0;
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(samples.score[i]))
      throw new UserError(`score ${i + 1} of ${count} is ${samples.score[i]}, not finite`);
    if (samples.live[i] === 1) liveCount++;
  }
  if (liveCount === 0 || liveCount === count) {
    const counts = `there are ${liveCount} live and ${count - liveCount} attack samples`;
    throw new UserError(`error rates need both classes, ${counts}`);
  }
  const live = new Float64Array(liveCount);
  const attacks = new Float64Array(count - liveCount);
  let l = 0;
  let a = 0;
  for (let i = 0; i < count; i++) {
    if (samples.live[i] === 1) live[l++] = samples.score[i]!;
    else attacks[a++] = samples.score[i]!;
  }
  return { live: live.sort(), attacks: attacks.sort() };
}

/** FAR (FPR, pooled APCER) at a vertex: the share of attacks that is accepted. */
export function farAt(roc: Roc, vertex: number): number {
  return roc.acceptedAttacks[vertex]! / roc.attacks;
}

/** FRR (FNR, BPCER) at a vertex: the share of live that is rejected. */
export function frrAt(roc: Roc, vertex: number): number {
  return (roc.live - roc.acceptedLive[vertex]!) / roc.live;
}

/** The probability that a live score exceeds an attack score, ties counting one half (Mann and Whitney 1947). */
export function auc(roc: Roc): number {
  // Twice the area under the counts is a whole number: no rounding below 2^53, that is 9e15 pairs.
  let twiceArea = 0;
  for (let v = 1; v < roc.thresholds.length; v++) {
    const width = roc.acceptedAttacks[v]! - roc.acceptedAttacks[v - 1]!;
    twiceArea += width * (roc.acceptedLive[v]! + roc.acceptedLive[v - 1]!);
  }
  return twiceArea / 2 / (roc.attacks * roc.live);
}

/** The rate at which FAR = FRR, on the line from the last vertex with FAR < FRR to the first with FAR >= FRR. */
export function equalErrorRate(roc: Roc): number {
  let v = 0;
  while (farAt(roc, v) < frrAt(roc, v)) v++;
  const before = frrAt(roc, v - 1) - farAt(roc, v - 1);
  const after = farAt(roc, v) - frrAt(roc, v);
  const share = before / (before + after);
  return farAt(roc, v - 1) + share * (farAt(roc, v) - farAt(roc, v - 1));
}

/** BPCER@APCER: the smallest share of live that must be rejected for at most `limit` of the pooled attacks to pass; no interpolation. */
export function bpcerAtApcer(roc: Roc, limit: number): number {
  return frrAt(roc, lastVertexWithin(roc, limit));
}

/** TPR@FPR: the largest share of live that is accepted where at most `limit` of the pooled attacks is; no interpolation. */
export function tprAtFpr(roc: Roc, limit: number): number {
  return roc.acceptedLive[lastVertexWithin(roc, limit)]! / roc.live;
}

/** The vertex that accepts the most live where at most `limit` of the pooled attacks pass. */
export function lastVertexWithin(roc: Roc, limit: number): number {
  let v = 0;
  while (v + 1 < roc.thresholds.length && farAt(roc, v + 1) <= limit) v++;
  return v;
}
