/** The threshold for one's own camera: chosen on labelled scores, with its error rates, also on people it was not chosen on, and how sure they are. */
import { UserError } from '../base/errors.js';
import {
  affordableResamples,
  DEFAULT_RESAMPLES,
  errorRateStatistics,
  percentileInterval95,
  resample,
  type Units,
  unitsOf,
} from './bootstrap.js';
import { evaluateScores } from './evaluation.js';
import { type Level, type Samples, samplesAt } from './levels.js';
import { errorRatesAt, padErrorRatesAt } from './metrics.js';
import { noticesOf } from './notices.js';
import { frrAt, type LabelledScores, lastVertexWithin, type Roc, rocOf } from './roc.js';
import type { Scores } from './scores.js';
import { eerVertex } from './thresholds.js';

/** What a threshold is chosen for: a bound on the live rejected or on the pooled attacks accepted, the other rate being as low as it can be, or equal rates. */
export type Criterion = { rate: 'bpcer' | 'apcer'; limit: number } | { rate: 'eer' };

/** A rate as a fraction with its 95 % interval. */
export interface Estimate {
  value: number;
  interval95: [number, number];
}

export interface CalibratedRate extends Estimate {
  /** Each unit judged at the threshold of the others; null where the others lack a class. */
  held_out: Estimate | null;
}

export interface CalibratedLevel {
  /** Live from this score on. */
  threshold: number;
  n: { live: number; attack: number };
  auc: number;
  eer: number;
  /** What is drawn for intervals and held out, and how many have live recordings and attacks. */
  by: 'subject' | 'video';
  units: { live: number; attack: number };
  rates: Record<'bpcer' | 'apcer' | 'hter', CalibratedRate>;
  apcer_by_type: Record<string, number>;
  /** Units that an interval of ± 1 point would need. */
  needed: { bpcer: number; apcer: number };
  resamples: number;
}

export interface Calibration {
  at: string;
  levels: Record<Level, CalibratedLevel>;
  notes: readonly string[];
}

/** Half the width of an interval that is called tight: one percentage point. */
const TIGHT = 0.01;
/** Above this an equal error rate is hardly of use. */
const USEFUL_EER = 0.1;
/** Parts in which units are held out, where there are so many. */
const MOST_PARTS = 20;

/** @param text `bpcer=0.02`, `apcer=0.05` or `eer` @throws UserError for anything else */
export function criterionOf(text: string): Criterion {
  if (text === 'eer') return { rate: 'eer' };
  const [, rate, number] = /^(bpcer|apcer)=(\d*\.?\d+(?:e-?\d+)?)$/i.exec(text) ?? [];
  const limit = Number(number);
  if (rate !== undefined && limit < 1) return { rate: rate.toLowerCase() as 'bpcer' | 'apcer', limit };
  throw new UserError(
    `${JSON.stringify(text)} is no criterion for a threshold`,
    'say bpcer=0.02 (live rejected), apcer=0.05 (attacks accepted), as fractions below 1, or eer',
  );
}

/** As a user writes it. */
export function criterionText(criterion: Criterion): string {
  return criterion.rate === 'eer' ? 'eer' : `${criterion.rate}=${criterion.limit}`;
}

/** @throws UserError for scores of one class, and where no score is a threshold */
export function calibrate(scores: Scores, criterion: Criterion, seed = 0): Calibration {
  const results = evaluateScores(scores, { why: 'own recordings are no source' }, { seed });
  const level = (name: Level): CalibratedLevel => {
    const { auc, eer, n } = results[name];
    return { n, auc, eer, ...calibrateSamples(samplesAt(scores, name, 'classifier'), criterion, scores.origin, seed) };
  };
  const levels = { video: level('video'), frame: level('frame') };
  const notes = [...(scores.notes ?? []), ...noticesOf(scores, results), ...fewNote(criterion, levels.video)];
  return { at: criterionText(criterion), levels, notes };
}

function calibrateSamples(
  samples: Samples,
  criterion: Criterion,
  origin: string,
  seed: number,
): Omit<CalibratedLevel, 'n' | 'auc' | 'eer'> {
  const threshold = thresholdFor(samples, criterion);
  if (!Number.isFinite(threshold)) {
    throw new UserError(
      `no threshold gives ${criterionText(criterion)} on ${origin}: the highest scores are those of attacks`,
      'allow more, or look at the scores: ldc predict prints them',
    );
  }
  const units = unitsOf(samples);
  const resamples = affordableResamples(DEFAULT_RESAMPLES, samples.score.length, units.count);
  const here = estimates(samples.live, acceptedAt(samples.score, threshold), units, { resamples, seed });
  const others = heldOut(samples, units, criterion);
  const there = others && estimates(samples.live, others, units, { resamples, seed });
  const rate = (name: 'far' | 'frr' | 'hter') => ({ ...here[name], held_out: there?.[name] ?? null });
  const rates = { bpcer: rate('frr'), apcer: rate('far'), hter: rate('hter') };
  const count = { live: unitsWith(1, samples, units), attack: unitsWith(0, samples, units) };
  return {
    threshold,
    by: units.by,
    units: count,
    rates,
    apcer_by_type: padErrorRatesAt(samples, threshold).apcer,
    needed: { bpcer: unitsNeeded(rates.bpcer, count.live), apcer: unitsNeeded(rates.apcer, count.attack) },
    resamples,
  };
}

function thresholdFor(samples: LabelledScores, criterion: Criterion): number {
  const roc = rocOf(samples);
  return roc.thresholds[vertexFor(roc, criterion)]!;
}

/** The vertex of the ROC, thresholds falling: the strictest that rejects few enough, the most lenient that lets few enough pass. */
function vertexFor(roc: Roc, criterion: Criterion): number {
  if (criterion.rate === 'eer') return eerVertex(roc);
  if (criterion.rate === 'apcer') return lastVertexWithin(roc, criterion.limit);
  let v = 0;
  while (frrAt(roc, v) > criterion.limit) v++;
  return v;
}

function acceptedAt(score: Float64Array, threshold: number): Uint8Array {
  return Uint8Array.from(score, (value) => Number(value >= threshold));
}

/** What is decided on each sample at the threshold of the other units; null where those lack a class. */
function heldOut(samples: Samples, { codes, count }: Units, criterion: Criterion): Uint8Array | null {
  const parts = Math.min(count, MOST_PARTS);
  const accepted = new Uint8Array(codes.length);
  for (let part = 0; part < parts; part++) {
    const others = [...codes.keys()].filter((i) => codes[i]! % parts !== part);
    const live = others.map((i) => samples.live[i]!);
    if (!live.includes(1) || !live.includes(0)) return null;
    const threshold = thresholdFor({ score: others.map((i) => samples.score[i]!), live }, criterion);
    for (let i = 0; i < codes.length; i++) {
      if (codes[i]! % parts === part) accepted[i] = Number(samples.score[i]! >= threshold);
    }
  }
  return accepted;
}

function estimates(
  live: Uint8Array,
  accepted: Uint8Array,
  units: Units,
  { resamples, seed }: { resamples: number; seed: number },
): Record<'far' | 'frr' | 'hter', Estimate> {
  const { far, frr, hter } = errorRateStatistics(live, accepted, units);
  const [fars, frrs, hters] = resample(units, [far, frr, hter], resamples, seed);
  const values = errorRatesAt({ score: accepted, live }, 1);
  const estimate = (value: number, drawn: Float64Array) => ({ value, interval95: percentileInterval95(drawn) });
  return { far: estimate(values.far, fars!), frr: estimate(values.frr, frrs!), hter: estimate(values.hter, hters!) };
}

function unitsWith(label: 0 | 1, { live }: Samples, { codes }: Units): number {
  return new Set(codes.filter((_, i) => live[i] === label)).size;
}

/** An interval narrows with the root of the number of units. Without a single error it says nothing, and the rule of three does. */
function unitsNeeded({ interval95, held_out }: CalibratedRate, count: number): number {
  const [low, high] = held_out?.interval95 ?? interval95;
  const half = (high - low) / 2;
  return half === 0 ? unitsBelow(TIGHT) : Math.ceil(count * (half / TIGHT) ** 2);
}

/** Units without an error that show, with 95 % confidence, a rate of at most `rate` (the rule of three: about 3 / rate). */
function unitsBelow(rate: number): number {
  return Math.ceil(Math.log(0.05) / Math.log(1 - rate));
}

/** Says that the units are too few to show the rate that was asked for, were it kept without an error. */
function fewNote(criterion: Criterion, { by, units }: CalibratedLevel): string[] {
  const { rate } = criterion;
  const limit = rate === 'eer' ? USEFUL_EER : Math.max(criterion.limit, TIGHT);
  const count = rate === 'bpcer' ? units.live : rate === 'apcer' ? units.attack : Math.min(units.live, units.attack);
  const wanted = unitsBelow(limit);
  if (count >= wanted) return [];
  const what = rate === 'eer' ? 'a threshold' : criterionText(criterion);
  const which = { bpcer: ' with live recordings', apcer: ' with attacks', eer: '' }[rate];
  const percent = (value: number) => `${Number((100 * value).toFixed(1))} %`;
  return [
    `${count} ${by}s${which} are too few for ${what}: without a single error the true rate could still be ${percent(1 - 0.05 ** (1 / count))} ` +
      `(95 % confidence); showing ${percent(limit)} takes ${wanted} ${by}s`,
  ];
}
