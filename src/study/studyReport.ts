/** `ldc study report`: the study's table as Markdown, CSV and LaTeX, every run as CSV, and one HTML page. */
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import type { Evaluation } from '../evaluate/results.js';
import { factTable, plotSection, renderPage, type Section } from '../report/page.js';
import { type Cell, percent, type Table, toCsv, toHtml, toLatex, toMarkdown, toText } from '../report/table.js';
import { studyFolder } from './expand.js';
import { metricTitles } from './metrics.js';
import { pairedTable } from './pairedTable.js';
import { readResults, type StudyResults } from './results.js';
import { conventionTitle, resultTable, runsTable } from './resultTable.js';
import type { Study } from './studyFile.js';
import { studyPlots } from './studyPlot.js';

/** Longer tables of runs are folded on the page. */
const MOST_OPEN_ROWS = 12;

export interface StudyReport {
  text: string;
  document: {
    study: string;
    synthetic: boolean;
    runs: { done: number; missing: number };
    files: Record<string, string>;
    results: { protocol: string; variant: string; seed: number; evaluation: Evaluation }[];
    external: { protocol: string; name: string; seed: number; evaluation: Evaluation }[];
  };
}

/** @throws UserError when no run is done yet */
export async function writeStudyReport(study: Study, out: string, width: number): Promise<StudyReport> {
  const folder = studyFolder(study, out);
  const results = await readResults(study, out);
  if (results.done.length + results.external.length === 0) {
    throw new UserError(`no run of the study ${study.name} is done in ${out}`, `first: ldc study run ${study.file}`);
  }
  const table = resultTable(study, results);
  const paired = await pairedTable(study, results);
  const below = paired === null ? [] : [paired];
  const contents: Record<string, string> = {
    md: [table, ...below].map(toMarkdown).join('\n'),
    csv: toCsv(table),
    tex: toLatex(lettered(table)),
    html: await page(study, results, paired),
    'runs.csv': toCsv(runsTable(study, results, (value) => (value === null ? '' : String(value)))),
    ...(paired !== null && { 'paired.csv': toCsv(paired) }),
  };
  const files: Record<string, string> = {};
  for (const [ending, content] of Object.entries(contents)) {
    files[ending] = folder.report(ending);
    await writeFileWhole(folder.report(ending), content);
  }
  return {
    text: `${[...studyTables(study, results), ...below]
      .map((piece) => toText(piece, width))
      .join('\n')}\n${Object.values(files).join('\n')}`,
    document: {
      study: study.name,
      synthetic: results.synthetic,
      runs: { done: results.done.length, missing: results.missing.length },
      files,
      results: results.done.map(({ run: { protocol, variant, seed }, evaluation }) => {
        return { protocol: protocol.name, variant, seed, evaluation };
      }),
      external: results.external.map(({ protocol, title, seed, evaluation }) => {
        return { protocol: protocol.name, name: title, seed, evaluation };
      }),
    },
  };
}

/**
 * The table in pieces for terminals and pages, which are narrow: one a metric, its conventions as letters. What is said below all of them stands
 * below the last.
 */
export function studyTables(study: Study, results: StudyResults): Table[] {
  const { metrics, thresholds } = study.report;
  const { title, notes } = resultTable(study, results);
  return metrics.map((metric, i) => {
    // AUC and EER are the same at every threshold.
    const shown = metric === 'auc' || metric === 'eer' ? thresholds.slice(0, 1) : thresholds;
    const table = resultTable({ ...study, report: { ...study.report, metrics: [metric], thresholds: shown } }, results);
    return lettered({
      ...table,
      title: `${title}: ${metricTitles[metric]}`,
      notes: i === metrics.length - 1 ? notes : [],
    });
  });
}

/** The conventions as letters that are explained below. */
function lettered(table: Table): Table {
  const k = table.columns.findIndex(({ title }) => title === conventionTitle);
  const textOf = (cell: Cell) => (typeof cell === 'string' ? cell : cell.text);
  const conventions = [...new Set(table.rows.map((row) => textOf(row[k]!)))];
  const letter = (text: string) => String.fromCharCode(97 + conventions.indexOf(text));
  return {
    ...table,
    columns: table.columns.map((column, i) => (i === k ? { ...column, title: '' } : column)),
    rows: table.rows.map((row) => row.map((cell, i) => (i === k ? letter(textOf(cell)) : cell))),
    notes: [...conventions.map((text) => `${letter(text)}: ${text}.`), ...(table.notes ?? [])],
  };
}

async function page(study: Study, results: StudyResults, paired: Table | null): Promise<string> {
  const facts = studyFacts(study, results);
  const sections: (Section | null)[] = [
    { id: 'result', title: 'Result', body: studyTables(study, results).map(toHtml).join('\n') },
    await plotSection('runs', 'Runs and means', studyPlots(study, results), 'small'),
    paired && { id: 'paired', title: 'Paired tests', body: folded(paired) },
    { id: 'every-run', title: 'Every run', body: folded(runsTable(study, results, percent)) },
    { id: 'facts', title: 'Facts', body: factTable('How this study was made', facts) },
  ];
  const { done, missing } = results;
  return renderPage({
    title: study.title,
    synthetic: results.synthetic,
    lines: [`Study ${study.name}: ${done.length} of ${done.length + missing.length} runs`],
    sections: sections.filter((section) => section !== null),
    generated: `version ${versionsOf(results).join(', ') || 'unknown'}`,
  });
}

/** A long table behind a line that opens it. */
function folded(table: Table): string {
  const open = table.rows.length > MOST_OPEN_ROWS ? '' : ' open';
  return `<details${open}><summary>${table.rows.length} rows</summary>\n${toHtml(table)}\n</details>`;
}

function studyFacts(study: Study, results: StudyResults): { name: string; value: string }[] {
  const facts = results.done.flatMap((result) => result.facts ?? []);
  const data = new Map(
    facts.flatMap((each) =>
      Object.entries(each.data).map(([letter, { name, hash }]) => [
        `${letter} ${hash}`,
        { name: `data ${letter}`, value: `${name}, sha256 ${hash}` },
      ]),
    ),
  );
  const hours = facts.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;
  return [
    { name: 'made by', value: `ldc study run ${study.file}` },
    { name: 'version', value: versionsOf(results).join(', ') || 'unknown' },
    { name: 'device', value: distinct(facts.map(({ device }) => device)).join('; ') || 'unknown' },
    { name: 'seeds', value: study.seeds.join(', ') },
    { name: 'hours of all runs', value: hours.toFixed(2) },
    ...new Map(results.external.map((each) => [each.facts.name, each.facts])).values(),
    ...[...data.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  ];
}

function versionsOf({ done }: StudyResults): string[] {
  return distinct(done.flatMap(({ facts }) => facts?.version ?? []));
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
