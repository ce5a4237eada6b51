/** What `ldc eval --compare` prints: two models on the same samples, differences with their intervals and tests. */
import type { Comparison, Difference } from '../evaluate/compare.js';
import { levelName } from './evalTable.js';
import { MISSING, percent, type Table } from './table.js';

/** Differences in percentage points; `names` are those of the models A and B. */
export function compareTable(comparison: Comparison, names: readonly [string, string], synthetic: boolean): Table {
  const { level, n, auc, hter, delong, by, resamples } = comparison;
  const row = (metric: string, { a, b, difference, interval95, p }: Difference, delongP: string) => [
    metric,
    ...[a, b, difference].map(percent),
    `[${percent(interval95[0])}, ${percent(interval95[1])}]`,
    pText(p),
    delongP,
  ];
  // DeLong's test takes samples as independent, which the frames of a video are not.
  const ofVideos = level === 'video';
  return {
    title: `${synthetic ? 'SYNTHETIC – ' : ''}${levelName(level)} level: ${n.live} live, ${n.attack} attack`,
    columns: [
      { title: 'metric', align: 'left' },
      ...['A', 'B', 'A − B', '95 % interval', 'p', 'p DeLong'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: [row('AUC', auc, ofVideos ? pText(delong.p) : MISSING), row(`HTER at ${hter.threshold}`, hter, MISSING)],
    notes: [
      `A ${names[0]}; B ${names[1]}.`,
      `In percent. Paired bootstrap by ${by}, ${resamples} resamples; p two-sided${ofVideos ? '; DeLong for the AUC' : ''}.`,
    ],
  };
}

/** A p value with four decimals. */
export function pText(p: number | null): string {
  if (p === null) return MISSING;
  return p < 0.0001 ? '<0.0001' : p.toFixed(4);
}
