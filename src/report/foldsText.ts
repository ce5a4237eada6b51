/** What `ldc eval` prints of a protocol with folds: a row a fold, then mean ± standard deviation at each level. */
import type { FoldsEvaluation } from '../evaluate/folds.js';
import { isKnown } from '../evaluate/results.js';
import { SYNTHETIC_NOTE, seedTable, targetLine, withMissing } from './evalTable.js';
import { MISSING, percent, type Table, toText, wrapped } from './table.js';

/** The whole answer for a terminal `width` characters wide. */
export function foldsText(result: FoldsEvaluation, width = 80): string {
  const { protocol, synthetic, folds, levels } = result;
  const mark = (table: Table) => (synthetic ? { ...table, title: `SYNTHETIC – ${table.title}` } : table);
  const tables = [
    foldTable(result),
    seedTable(levels.video, 'video', 'folds'),
    seedTable(levels.frame, 'frame', 'folds'),
  ].map((table) => withMissing(table, folds));
  return [
    `${protocol} · ${folds.length} folds · convention ${folds[0]!.convention}${synthetic ? ' · SYNTHETIC' : ''}`,
    ...folds.flatMap(({ targets }) => targets.map((target) => wrapped(targetLine(target), width))),
    '',
    ...(synthetic ? [SYNTHETIC_NOTE, ''] : []),
    ...tables.map((table) => toText(mark(table), width)),
  ].join('\n');
}

function foldTable({ folds }: FoldsEvaluation): Table {
  const right = (title: string) => ({ title, align: 'right' as const });
  return {
    title: 'Video level, threshold source-dev-eer from the development videos of each fold',
    columns: [
      { title: 'fold', align: 'left' },
      { title: 'checkpoint', align: 'left' },
      ...['HTER', 'APCER max', 'BPCER', 'ACER', 'AUC'].map(right),
    ],
    rows: folds.map(({ protocol, checkpoint, levels: { video } }) => {
      const threshold = video.thresholds['source-dev-eer'];
      const rates = isKnown(threshold)
        ? [threshold.hter, threshold.apcer_max, threshold.bpcer, threshold.acer].map(percent)
        : Array<string>(4).fill(MISSING);
      return [protocol ?? MISSING, checkpoint ?? MISSING, ...rates, percent(video.auc)];
    }),
    notes: [],
  };
}
