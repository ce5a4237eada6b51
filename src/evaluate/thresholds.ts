/** Where to cut: the thresholds that are chosen from scores, by name. */
import { farAt, frrAt, type Roc } from './roc.js';

/**
 * The names of evaluation, the default first. `source-dev-eer` and `fixed` are set without the target's labels; the other two
 * read them and are oracles.
 */
export const thresholdNames = ['source-dev-eer', 'fixed', 'target-eer', 'target-youden'] as const;
export type ThresholdName = (typeof thresholdNames)[number];

/** Thresholds that need the labels they are judged on. */
export const oracleThresholds: ReadonlySet<ThresholdName> = new Set(['target-eer', 'target-youden']);

/** The value of the threshold `fixed`. */
export const FIXED_THRESHOLD = 0.5;

/** The vertex with the smallest |FAR − FRR|, the first in falling order of threshold. */
export function eerVertex(roc: Roc): number {
  return bestVertex(roc, (v) => -Math.abs(farAt(roc, v) - frrAt(roc, v)));
}

/** The vertex with the largest TPR − FPR (Youden 1950), that is the smallest HTER, the first in falling order of threshold. */
export function youdenVertex(roc: Roc): number {
  // Summed in the order of the released program, so that rounding breaks ties as it does there.
  return bestVertex(roc, (v) => roc.acceptedLive[v]! / roc.live + (1 - farAt(roc, v)));
}

function bestVertex(roc: Roc, value: (vertex: number) => number): number {
  let best = 0;
  let bestValue = value(0);
  for (let v = 1; v < roc.thresholds.length; v++) {
    const candidate = value(v);
    if (candidate > bestValue) {
      best = v;
      bestValue = candidate;
    }
  }
  return best;
}
