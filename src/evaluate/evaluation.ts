/** From scores to the `levels` of eval.json: every metric of docs/evaluation.md at frame and video level. */
import { messageOf, UserError } from '../base/errors.js';
import {
  affordableResamples,
  aucStatistic,
  DEFAULT_RESAMPLES,
  hterStatistic,
  percentileInterval95,
  resample,
  unitsOf,
} from './bootstrap.js';
import { failuresToAcquire } from './fta.js';
import { type Level, type Samples, type ScoreMode, samplesAt } from './levels.js';
import { padErrorRatesAt } from './metrics.js';
import {
  apcerLimits,
  fprLimits,
  type Interval95,
  type KnownThreshold,
  type LevelResult,
  type LevelResults,
  type MissingThreshold,
  type TargetCounts,
} from './results.js';
import { auc, bpcerAtApcer, equalErrorRate, type Roc, rocOf, tprAtFpr } from './roc.js';
import type { Scores } from './scores.js';
import { eerVertex, FIXED_THRESHOLD, oracleThresholds, type ThresholdName, youdenVertex } from './thresholds.js';

/** What is known of the source domains' held-out development split: its scores, or why there are none. */
export type SourceDevelopment = Scores | { why: string };

/** What the threshold from the sources is taken from: their scores, or the values that were chosen by them earlier. */
export type SourceThreshold = SourceDevelopment | { thresholds: Record<Level, number> };

/** The threshold that a model carries, and whether it was chosen with the labels it is judged on. */
export interface OwnThreshold {
  thresholds: Record<Level, number>;
  from: string;
  oracle: boolean;
}

export interface EvaluationOptions {
  mode?: ScoreMode;
  /** Of the score mode `classifier`. */
  own?: OwnThreshold | undefined;
  /** Bootstrap resamples, 2000 unless told; fewer are done for sets beyond some 10 000 videos or 100 000 frames. */
  resamples?: number;
  seed?: number;
}

/**
 * Evaluates `target` at both levels, pooled over its domains. The default threshold comes from `source` at the same level.
 * @throws UserError when the target has one class only, or its scores contradict themselves
 */
export function evaluateScores(target: Scores, source: SourceThreshold, options: EvaluationOptions = {}): LevelResults {
  return {
    video: evaluateLevel('video', target, source, options),
    frame: evaluateLevel('frame', target, source, options),
  };
}

/** Videos and frames of each domain, in the order of first appearance. */
export function targetCounts(target: Scores): TargetCounts[] {
  const videos = samplesAt(target, 'video', 'classifier');
  const counts = target.domain.names.map((domain) => ({ domain, videos: { live: 0, attack: 0 }, frames: 0 }));
  for (const code of target.domain.codes) counts[code]!.frames++;
  for (const [video, code] of videos.domain.codes.entries()) {
    counts[code]!.videos[videos.live[video] === 1 ? 'live' : 'attack']++;
  }
  return counts;
}

/** The ROC of scores at a level, for plots. */
export function rocAt(scores: Scores, level: Level, mode: ScoreMode = 'classifier'): Roc {
  return rocFrom(samplesAt(scores, level, mode), scores.origin);
}

/** The EER threshold of development scores, or why there is none. */
export function sourceThreshold(
  source: SourceThreshold,
  level: Level,
  mode: ScoreMode,
): { value: number } | MissingThreshold {
  if ('why' in source) return { value: null, why: source.why };
  if ('thresholds' in source) return { value: source.thresholds[level] };
  try {
    const roc = rocAt(source, level, mode);
    const value = roc.thresholds[eerVertex(roc)]!;
    if (Number.isFinite(value)) return { value };
    return { value: null, why: 'all source development scores are equal' };
  } catch (error) {
    // A development split without attacks (or without live) is no reason to refuse the evaluation of the target.
    if (error instanceof UserError) return { value: null, why: `source development split: ${messageOf(error)}` };
    throw error;
  }
}

/** One level of `evaluateScores`. Throws as it does. */
export function evaluateLevel(
  level: Level,
  target: Scores,
  source: SourceThreshold,
  options: EvaluationOptions = {},
): LevelResult {
  const mode = options.mode ?? 'classifier';
  const own = mode === 'classifier' ? options.own : undefined;
  const samples = samplesAt(target, level, mode);
  const roc = rocFrom(samples, target.origin);
  const fromSource = sourceThreshold(source, level, mode);
  const at = (name: ThresholdName, value: number) => thresholdResult(samples, value, oracleThresholds.has(name));
  const result: LevelResult = {
    n: { live: roc.live, attack: roc.attacks },
    auc: auc(roc),
    eer: equalErrorRate(roc),
    thresholds: {
      'source-dev-eer': fromSource.value === null ? fromSource : at('source-dev-eer', fromSource.value),
      fixed: at('fixed', FIXED_THRESHOLD),
      'target-eer': at('target-eer', roc.thresholds[eerVertex(roc)]!),
      'target-youden': at('target-youden', roc.thresholds[youdenVertex(roc)]!),
      ...(own !== undefined && {
        card: { ...thresholdResult(samples, own.thresholds[level], own.oracle), from: own.from },
      }),
    },
    bpcer_at_apcer: Object.fromEntries(
      apcerLimits.map((limit) => [limit, bpcerAtApcer(roc, Number(limit))]),
    ) as LevelResult['bpcer_at_apcer'],
    tpr_at_fpr: Object.fromEntries(
      fprLimits.map((limit) => [limit, tprAtFpr(roc, Number(limit))]),
    ) as LevelResult['tpr_at_fpr'],
    interval95: interval95(samples, fromSource.value, options),
  };
  const fta = failuresToAcquire(level, target, result);
  return fta === undefined ? result : { ...result, fta };
}

function rocFrom(samples: Samples, origin: string): Roc {
  try {
    return rocOf(samples);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message}, ${origin}`, error.hint) : error;
  }
}

function thresholdResult(samples: Samples, threshold: number, oracle: boolean): KnownThreshold {
  const rates = padErrorRatesAt(samples, threshold);
  if (Number.isFinite(threshold)) return { value: threshold, ...rates, oracle };
  return { value: null, why: 'the threshold is +infinity: rejecting everything errs least', ...rates, oracle };
}

function interval95(samples: Samples, threshold: number | null, options: EvaluationOptions): Interval95 {
  const units = unitsOf(samples);
  const resamples = affordableResamples(options.resamples ?? DEFAULT_RESAMPLES, samples.score.length, units.count);
  const statistics = [aucStatistic(samples, units)];
  if (threshold !== null) statistics.push(hterStatistic(samples, units, threshold));
  const [aucs, hters] = resample(units, statistics, resamples, options.seed ?? 0);
  return {
    auc: percentileInterval95(aucs!),
    hter: hters ? percentileInterval95(hters) : null,
    by: units.by,
    resamples,
  };
}
