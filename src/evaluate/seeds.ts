/** Several runs that differ in the seed alone: mean and standard deviation of their figures. */
import type { PaperResult } from './paper.js';
import { isKnown, type LevelResult, type MeanStd, rateNames, type SeedSummary } from './results.js';
import { type ThresholdName, thresholdNames } from './thresholds.js';

/** @param values one or more */
export function meanStd(values: readonly number[]): MeanStd {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: n > 1 ? Math.sqrt(squares / (n - 1)) : null, n };
}

/** @param runs the same level of one or more runs */
export function summarizeSeeds(runs: readonly LevelResult[]): SeedSummary {
  return {
    auc: meanStd(runs.map((run) => run.auc)),
    eer: meanStd(runs.map((run) => run.eer)),
    thresholds: Object.fromEntries(
      thresholdNames.map((name) => [name, summarizeThreshold(runs, name)]),
    ) as SeedSummary['thresholds'],
  };
}

/** The released program's figures over seeds, all oracle: each run at its best epoch on the target. */
export interface PaperSummary {
  acer: MeanStd;
  auc: MeanStd;
}

/** @param runs one or more */
export function summarizePaper(runs: readonly PaperResult[]): PaperSummary {
  return {
    acer: meanStd(runs.map(({ best }) => best.smoothed.acer)),
    auc: meanStd(runs.map(({ best }) => best.auc)),
  };
}

function summarizeThreshold(
  runs: readonly LevelResult[],
  name: ThresholdName,
): SeedSummary['thresholds'][ThresholdName] {
  const known = runs.map((run) => run.thresholds[name]).filter(isKnown);
  if (known.length < runs.length) return null;
  return Object.fromEntries(
    rateNames.map((rate) => [rate, meanStd(known.map((threshold) => threshold[rate]))]),
  ) as Record<(typeof rateNames)[number], MeanStd>;
}
