/** Where the errors are: a table for each column that scores can be grouped by. */
import { type BreakdownRow, breakdown, breakdownColumns } from '../evaluate/breakdown.js';
import type { Samples } from '../evaluate/levels.js';
import { isKnown, type LevelResult } from '../evaluate/results.js';
import type { ThresholdName } from '../evaluate/thresholds.js';
import { percent, type Table } from './table.js';

/** More groups than this (subjects, say) are not listed: only those with the largest error are. */
const MOST_GROUPS = 10;

/** The groups of each column with their errors at one threshold, as `--json` has them. */
export interface Breakdowns {
  threshold: { name: ThresholdName; value: number };
  columns: Record<string, BreakdownRow[]>;
}

/**
 * At the source development threshold where there is one, else at 0.5.
 * @param columns those that vary, unless told
 * @throws UserError for a column that the scores lack
 */
export function breakdownsOf(
  samples: Samples,
  result: LevelResult,
  columns: readonly string[] = breakdownColumns(samples),
): Breakdowns {
  const source = result.thresholds['source-dev-eer'];
  const threshold =
    isKnown(source) && source.value !== null
      ? { name: 'source-dev-eer' as const, value: source.value }
      : { name: 'fixed' as const, value: result.thresholds.fixed.value! };
  return {
    threshold,
    columns: Object.fromEntries(columns.map((column) => [column, breakdown(samples, column, threshold.value)])),
  };
}

/** A table a column; of many groups the worst alone. */
export function breakdownTables({ threshold, columns }: Breakdowns): Table[] {
  return Object.entries(columns).map(([column, rows]) => {
    const name = column.replaceAll('_', ' ');
    const many = rows.length > MOST_GROUPS;
    const shown = many ? rows.toSorted((a, b) => errorOf(b) - errorOf(a)).slice(0, MOST_GROUPS) : rows;
    return {
      title: `By ${name}, at ${threshold.name}`,
      columns: [
        { title: name, align: 'left' },
        ...['live', 'attacks', 'FAR', 'FRR', 'HTER', 'AUC'].map((title) => ({ title, align: 'right' as const })),
      ],
      rows: shown.map((row) => [
        row.group || 'unknown',
        String(row.n.live),
        String(row.n.attack),
        ...[row.far, row.frr, row.hter, row.auc].map(percent),
      ]),
      notes: many ? [`The ${MOST_GROUPS} of ${rows.length} groups with the largest error.`] : [],
    };
  });
}

function errorOf({ hter, far, frr }: BreakdownRow): number {
  return hter ?? far ?? frr ?? 0;
}
