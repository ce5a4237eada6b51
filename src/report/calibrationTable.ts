/** What `ldc calibrate` prints: the rates at the threshold that it chose, on these people and on others, and how sure they are. */
import type { CalibratedLevel, CalibratedRate, Estimate } from '../evaluate/calibrate.js';
import type { Level } from '../evaluate/levels.js';
import { levelName } from './evalTable.js';
import { MISSING, percent, scoreText, type Table } from './table.js';

/** One level: each rate a row. */
export function calibrationTable(result: CalibratedLevel, level: Level, synthetic: boolean): Table {
  const { threshold, n, auc, eer, by, units, rates, needed, apcer_by_type: types, resamples } = result;
  const row = (title: string, rate: CalibratedRate, wanted: number | null) => [
    title,
    ...estimateCells(rate),
    ...(rate.held_out === null ? [MISSING, MISSING] : estimateCells(rate.held_out)),
    wanted === null ? MISSING : String(wanted),
  ];
  return {
    title:
      `${synthetic ? 'SYNTHETIC – ' : ''}${levelName(level)} level: live from ${scoreText(threshold)} on; ` +
      `${n.live} live, ${n.attack} attack, AUC ${percent(auc)} %, EER* ${percent(eer)} %`,
    columns: [
      { title: 'rate', align: 'left' },
      ...['here*', '95 % interval', 'others', '95 % interval', `${by}s for ± 1 point`].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows: [
      row('BPCER', rates.bpcer, needed.bpcer),
      row('APCER, pooled', rates.apcer, needed.apcer),
      row('HTER', rates.hter, null),
    ],
    notes: [
      `APCER here* by attack type: ${Object.entries(types)
        .map(([name, rate]) => `${name} ${percent(rate)}`)
        .join(', ')}.`,
      `Intervals by ${by}, ${resamples} resamples; ${units.live} ${by}s have live recordings, ${units.attack} attacks.`,
    ],
  };
}

/** What the words of the tables mean, once below them. */
export const CALIBRATION_LEGEND: readonly string[] = [
  '* chosen with the labels of these very recordings. Others: each one judged at the threshold of the others, which is what new people can expect.',
];

function estimateCells({ value, interval95: [low, high] }: Estimate): string[] {
  return [percent(value), `[${percent(low)}, ${percent(high)}]`];
}
