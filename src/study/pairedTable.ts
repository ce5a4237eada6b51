/** Paired tests of a study: each of its runs against each result of others on the same samples. */
import { messageOf, UserError } from '../base/errors.js';
import { compareScores, type Difference } from '../evaluate/compare.js';
import { pText } from '../report/compareTable.js';
import { percent, type Table } from '../report/table.js';
import { scoresOfRun } from '../run/evaluation/scored.js';
import type { StudyResults } from './results.js';
import type { Study } from './studyFile.js';

/** Null where the study has no results of others. */
export async function pairedTable(study: Study, results: StudyResults): Promise<Table | null> {
  const { level } = study.report;
  const rows: string[][] = [];
  const unpaired = new Set<string>();
  for (const external of results.external) {
    for (const result of results.done.filter(({ run }) => run.protocol.name === external.protocol.name)) {
      const { variant, seed } = result.run;
      const names = [
        `${variant}, seed ${seed}`,
        external.seed > 0 ? `${external.title} ${external.seed + 1}` : external.title,
      ];
      try {
        const own = await scoresOfRun(result.run.folder, result.evaluation);
        const { hter, auc } = compareScores(own, external, level, { mode: result.run.config.eval.score });
        rows.push([external.protocol.name, ...names, hter.threshold, ...cells(hter), ...cells(auc)]);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        unpaired.add(`${external.protocol.name}, ${names.join(' and ')}: ${messageOf(error)}.`);
      }
    }
  }
  if (results.external.length === 0) return null;
  return {
    title: `${results.synthetic ? 'SYNTHETIC – ' : ''}Paired with results of others, ${level} level`,
    columns: [
      ...['protocol', 'A', 'B', 'threshold'].map((title) => ({ title, align: 'left' as const })),
      ...['HTER A − B', '95 % interval', 'p', 'AUC A − B', '95 % interval', 'p'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows,
    notes: [
      'In percentage points; paired bootstrap by subject where subjects are known, p two-sided, of each pair by itself.',
      ...unpaired,
    ],
  };
}

function cells({ difference, interval95: [low, high], p }: Difference): string[] {
  return [percent(difference), `[${percent(low)}, ${percent(high)}]`, pText(p)];
}
