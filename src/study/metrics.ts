/** The figures a study's table can show of one evaluation, and which way each is better. */
import type { Level } from '../evaluate/levels.js';
import { type Evaluation, isKnown } from '../evaluate/results.js';
import type { ThresholdName } from '../evaluate/thresholds.js';

export const metricNames = ['hter', 'auc', 'acer', 'apcer', 'bpcer', 'far', 'frr', 'eer'] as const;
export type MetricName = (typeof metricNames)[number];

/** How tables head a column. APCER and ACER are those of the worst attack type. */
export const metricTitles: Record<MetricName, string> = {
  hter: 'HTER',
  auc: 'AUC',
  acer: 'ACER',
  apcer: 'APCER',
  bpcer: 'BPCER',
  far: 'FAR',
  frr: 'FRR',
  eer: 'EER*',
};

/** Of the AUC alone; all others are error rates. */
export function higherIsBetter(metric: MetricName): boolean {
  return metric === 'auc';
}

/**
 * A fraction; null where the threshold cannot be had. AUC and EER know no threshold.
 * @param target the place of one of several targets; otherwise all are one pool
 */
export function metricOf(
  { levels, each }: Pick<Evaluation, 'levels' | 'each'>,
  level: Level,
  threshold: ThresholdName,
  metric: MetricName,
  target?: number,
): number | null {
  const result = (target === undefined ? levels : each?.[target]?.levels)?.[level];
  if (result === undefined) return null;
  if (metric === 'auc' || metric === 'eer') return result[metric];
  const rates = result.thresholds[threshold];
  if (!isKnown(rates)) return null;
  return metric === 'apcer' ? rates.apcer_max : rates[metric];
}
