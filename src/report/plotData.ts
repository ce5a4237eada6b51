/** The numbers behind the report's plots: long series thinned to what a plot can show, without moving what is read from it. */
import type { Samples } from '../evaluate/levels.js';
import { isKnown, type LevelResult } from '../evaluate/results.js';
import { farAt, frrAt, type Roc } from '../evaluate/roc.js';
import { type ThresholdName, thresholdNames } from '../evaluate/thresholds.js';
import type { ScoreScale } from './scoreScale.js';

/** A step of training as metrics.jsonl has it. */
export interface MetricsRow {
  epoch: number;
  step: number;
  [term: string]: number;
}

/** What of a line of metrics.jsonl is no term of the loss. */
const noTerms = new Set(['epoch', 'step', 'learning_rate', 'images_per_s']);

const MOST_VERTICES = 600;
const MOST_STEPS = 240;
const BINS = 40;

export interface RocPoint {
  far: number;
  frr: number;
  tpr: number;
}

/** Vertices of the ROC, at most some 600: steps too small to see are left out, the corners of the others stay. */
export function rocPoints(roc: Roc): RocPoint[] {
  const last = roc.thresholds.length - 1;
  const corners = [...roc.thresholds.keys()].filter((v) => v === 0 || v === last || isCorner(roc, v));
  const smallest = corners.length <= MOST_VERTICES ? 0 : 2 / MOST_VERTICES;
  const points: RocPoint[] = [];
  for (const v of corners) {
    const [far, frr] = [farAt(roc, v), frrAt(roc, v)];
    const previous = points.at(-1);
    if (previous && v !== last && far - previous.far + previous.frr - frr < smallest) continue;
    points.push({ far, frr, tpr: 1 - frr });
  }
  return points;
}

/** Whether the curve turns at a vertex; a vertex on a straight line adds nothing to the plot. */
function isCorner(roc: Roc, v: number): boolean {
  const step = (from: number, to: number): [number, number] => [
    roc.acceptedAttacks[to]! - roc.acceptedAttacks[from]!,
    roc.acceptedLive[to]! - roc.acceptedLive[from]!,
  ];
  const [dx0, dy0] = step(v - 1, v);
  const [dx1, dy1] = step(v, v + 1);
  return dx0 * dy1 !== dx1 * dy0;
}

/** Where the named thresholds lie on the ROC. */
export function operatingPoints(result: LevelResult): (RocPoint & { name: ThresholdName })[] {
  return thresholdNames.flatMap((name) => {
    const threshold = result.thresholds[name];
    return isKnown(threshold) ? [{ name, far: threshold.far, frr: threshold.frr, tpr: 1 - threshold.frr }] : [];
  });
}

export interface HistogramBar {
  kind: string;
  /** On the scale of the plot. */
  from: number;
  to: number;
  /** Of the samples of this kind. */
  share: number;
  count: number;
}

/**
 * Share of live, and of each attack type, per interval of the scale. Live comes first, the types in order of name.
 * @param also places on the scale that the intervals have to reach, of thresholds
 */
export function histogram(samples: Samples, scale: ScoreScale, also: readonly number[] = []): HistogramBar[] {
  const places = samples.score.map(scale.place);
  const { from, width } = rangeOf(places, scale.whole ? [0, 1, ...also] : also);
  const kinds = new Map<string, Uint32Array>();
  for (const [i, place] of places.entries()) {
    const kind = samples.live[i] === 1 ? 'live' : samples.attackType.names[samples.attackType.codes[i]!]!;
    const counts = kinds.get(kind) ?? new Uint32Array(BINS);
    kinds.set(kind, counts);
    counts[Math.min(BINS - 1, Math.floor((place - from) / width))]!++;
  }
  const order = [...kinds.keys()].sort((a, b) => Number(b === 'live') - Number(a === 'live') || (a < b ? -1 : 1));
  return order.flatMap((kind) => {
    const counts = kinds.get(kind)!;
    const total = counts.reduce((sum, count) => sum + count, 0);
    return Array.from(counts, (count, bin) => ({
      kind,
      from: from + bin * width,
      to: from + (bin + 1) * width,
      share: count / total,
      count,
    }));
  });
}

/** What the places and the others span, in bins; a bin of 1 where all are equal. */
function rangeOf(places: Float64Array, others: readonly number[]): { from: number; width: number } {
  let [low, high] = [Math.min(...others), Math.max(...others)];
  for (const place of places) {
    low = Math.min(low, place);
    high = Math.max(high, place);
  }
  return { from: low, width: high > low ? (high - low) / BINS : 1 };
}

export interface LossPoint {
  /** As metrics.jsonl calls it. */
  term: string;
  /** In epochs, a step in the middle of an epoch lying between two whole numbers. */
  epoch: number;
  value: number;
}

/** Each loss term over training; long runs as means of up to 240 stretches of equal length. */
export function lossPoints(rows: readonly MetricsRow[]): LossPoint[] {
  const stretch = Math.max(1, Math.ceil(rows.length / MOST_STEPS));
  const perEpoch = Math.max(1, rows.length / new Set(rows.map(({ epoch }) => epoch)).size);
  const terms = Object.keys(rows[0] ?? {}).filter((name) => !noTerms.has(name));
  return terms.flatMap((term) => {
    if (!rows.some((row) => Number.isFinite(row[term]))) return [];
    return Array.from({ length: Math.ceil(rows.length / stretch) }, (_, k) => {
      const part = rows.slice(k * stretch, (k + 1) * stretch);
      const value = part.reduce((sum, row) => sum + row[term]!, 0) / part.length;
      return { term, epoch: (k * stretch + part.length / 2) / perEpoch, value };
    });
  });
}

export interface TransferPoint {
  /** `FAR` or `FRR` and the name of the set. */
  series: string;
  threshold: number;
  value: number;
}

/** FAR and FRR of one set as functions of the threshold, placed on the scale: all of FAR, then all of FRR, thresholds falling. */
export function ratesByThreshold(roc: Roc, set: string, { place }: ScoreScale): TransferPoint[] {
  const last = roc.thresholds.length - 1;
  const step = Math.max(1, Math.floor(last / MOST_VERTICES));
  const vertices = [...roc.thresholds.keys()].filter((v) => v > 0 && (v % step === 0 || v === last));
  const curve = (name: string, rate: (roc: Roc, v: number) => number) =>
    vertices.map((v) => ({ series: `${name} ${set}`, threshold: place(roc.thresholds[v]!), value: rate(roc, v) }));
  return [...curve('FAR', farAt), ...curve('FRR', frrAt)];
}
