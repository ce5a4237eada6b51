/** What eval.json holds: every figure of a level, by threshold, and what they were computed from. */
import type { Level } from './levels.js';
import type { PadErrorRates } from './metrics.js';
import type { PaperResult } from './paper.js';
import type { ThresholdName } from './thresholds.js';

/** The attack shares of BPCER@APCER and of TPR@FPR, as keys of the result. */
export const apcerLimits = ['0.01', '0.05', '0.1'] as const;
export const fprLimits = ['0.001', ...apcerLimits] as const;

/** A threshold with the error rates at it. `value` is null, and `why` says so, where the best threshold is +infinity. */
export interface KnownThreshold extends PadErrorRates {
  value: number | null;
  why?: string;
  /** Chosen with the labels it is judged on. */
  oracle: boolean;
  /** Of the model's own threshold: where it comes from. */
  from?: string;
}

/** A threshold that cannot be had. */
export interface MissingThreshold {
  value: null;
  why: string;
}

export type ThresholdResult = KnownThreshold | MissingThreshold;

export interface Interval95 {
  auc: [number, number];
  /** At the source development threshold; null without one. */
  hter: [number, number] | null;
  by: 'subject' | 'video';
  resamples: number;
}

/** All figures of one level; rates are fractions. */
export interface LevelResult {
  n: { live: number; attack: number };
  auc: number;
  eer: number;
  /** `card`: the threshold that the model itself carries, where it is none of the others. */
  thresholds: Record<ThresholdName, ThresholdResult> & { card?: KnownThreshold };
  bpcer_at_apcer: Record<(typeof apcerLimits)[number], number>;
  /** Live accepted where at most that share of the pooled attacks is: 1 − BPCER@APCER, as papers call it. */
  tpr_at_fpr: Record<(typeof fprLimits)[number], number>;
  interval95: Interval95;
  /** Where samples have no score; all other figures are without them. */
  fta?: FailuresToAcquire;
}

export type LevelResults = Record<Level, LevelResult>;

/** Rates with the failures, by threshold: FAR = FPR (1 − FtA) and FRR = FtA + FNR (1 − FtA); HTER is their mean. */
export interface FailuresToAcquire {
  n: { live: number; attack: number };
  /** Of all samples, live and attacks together. */
  rate: number;
  thresholds: Partial<Record<ThresholdName | 'card', { far: number; frr: number; hter: number }>>;
}

/** `std` is the sample standard deviation (n − 1); null for a single run. */
export interface MeanStd {
  mean: number;
  std: number | null;
  n: number;
}

export const rateNames = ['far', 'frr', 'hter', 'apcer_max', 'acer'] as const;

export interface SeedSummary {
  auc: MeanStd;
  eer: MeanStd;
  /** Null where one of the runs has not that threshold. */
  thresholds: Record<ThresholdName, Record<(typeof rateNames)[number], MeanStd> | null>;
}

/** Counts of one target domain, from the scores alone. */
export interface TargetCounts {
  domain: string;
  videos: { live: number; attack: number };
  frames: number;
}

/** One target domain of a result; name and subset as its crop set gives them, where there is one. */
export interface Target extends TargetCounts {
  name: string | null;
  subset: string | null;
}

/** The document eval.json. What a bare score file does not tell is null. */
export interface Evaluation {
  protocol: string | null;
  /** Which method trained it, and which variant of it; left out where nobody says. */
  method?: string;
  variant?: string | null;
  /** With `data.development: release`: thresholds and checkpoints are chosen on the parts of the published honest rows. */
  development?: 'release';
  /** Of a few-shot protocol: who of a target was trained on, and is not in the result. */
  few_shot?: {
    domain: string;
    subjects: readonly string[];
    videos: { live: number; attack: number };
    images: number;
  };
  checkpoint: string | null;
  engine: string | null;
  /** A model that ldc did not train, with its card's name. */
  model?: string;
  convention: 'honest' | 'paper';
  synthetic: boolean | null;
  targets: Target[];
  /** Over all targets in one pool. */
  levels: LevelResults;
  /** Of several targets: each by itself, in the order of `targets`, and the mean over them. */
  each?: { domain: string; levels: LevelResults }[];
  mean?: Record<Level, SeedSummary>;
  /** With the convention `paper`: the released program's figures, all oracle. */
  paper?: PaperResult;
  /** How scores were read, and figures that smell. */
  notes?: readonly string[];
}

/** A threshold that error rates were computed at. */
export function isKnown(threshold: ThresholdResult): threshold is KnownThreshold {
  return 'hter' in threshold;
}
