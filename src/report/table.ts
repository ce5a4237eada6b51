/** One table, four ways to print it: Markdown, CSV, LaTeX (booktabs) and plain text for a terminal; also HTML for the report. */
import { stringify } from 'csv-stringify/sync';
import { safeCell } from '../evaluate/csv.js';
import { escapeHtml } from './escape.js';

export interface Column {
  title: string;
  align: 'left' | 'right';
}

/** A cell is text, or text that stands out as the best of its column. */
export type Cell = string | { text: string; best: true };

/** Rows have as many cells as there are columns; notes are printed below. */
export interface Table {
  title: string;
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
  notes?: readonly string[];
}

/** What stands where a figure cannot be had. */
export const MISSING = '–';
/** Columns are not cut below this many characters. */
const SHORTEST = 8;

/** A fraction as a percentage with two decimals, without the sign; a dash for none. */
export function percent(rate: number | null | undefined): string {
  return rate === null || rate === undefined || Number.isNaN(rate) ? MISSING : (rate * 100).toFixed(2);
}

/** Mean and standard deviation of fractions as percentages; the mean alone for one run. */
export function percentMeanStd(value: { mean: number; std: number | null }): string {
  return value.std === null ? percent(value.mean) : `${percent(value.mean)} ± ${percent(value.std)}`;
}

/** A threshold or score with four decimals; two digits where those would be zeros alone. */
export function scoreText(score: number | null | undefined): string {
  if (score === null || score === undefined) return MISSING;
  const text = score.toFixed(4);
  return score !== 0 && Number(text) === 0 ? score.toExponential(1) : text;
}

/** A pipe table with its title in bold above and its notes below; what Markdown would take for markup is escaped. */
export function toMarkdown(table: Table): string {
  const safe = (text: string) => oneLine(text).replace(/[\\|<>*_`[\]]/g, (sign) => `\\${sign}`);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const bold = (cell: Cell) => (typeof cell === 'string' ? safe(cell) : `**${safe(cell.text)}**`);
  return [
    `**${safe(table.title)}**`,
    '',
    line(table.columns.map(({ title }) => safe(title))),
    line(table.columns.map(({ align }) => (align === 'right' ? '---:' : ':---'))),
    ...table.rows.map((row) => line(row.map(bold))),
    ...(table.notes ?? []).flatMap((note) => ['', safe(note)]),
    '',
  ].join('\n');
}

/** Header and rows alone: a note would not be a row. */
export function toCsv(table: Table): string {
  // A number keeps its sign; what only begins like a formula is text.
  const safe = (text: string) => (Number.isFinite(Number(text)) ? text : safeCell(text));
  return stringify(
    [table.columns.map(({ title }) => title), ...table.rows.map((row) => row.map(textOf))].map((row) => row.map(safe)),
  );
}

/** A `table` environment that needs the package booktabs. */
export function toLatex(table: Table): string {
  const bold = (cell: Cell) => (typeof cell === 'string' ? escapeLatex(cell) : `\\textbf{${escapeLatex(cell.text)}}`);
  const line = (cells: readonly string[]) => `    ${cells.join(' & ')} \\\\`;
  return [
    '\\begin{table}',
    '  \\centering',
    `  \\caption{${escapeLatex(table.title)}}`,
    `  \\begin{tabular}{${table.columns.map(({ align }) => align[0]).join('')}}`,
    '    \\toprule',
    line(table.columns.map(({ title }) => escapeLatex(title))),
    '    \\midrule',
    ...table.rows.map((row) => line(row.map(bold))),
    '    \\bottomrule',
    '  \\end{tabular}',
    ...(table.notes ?? []).map((note) => `  \\par\\smallskip{\\footnotesize ${escapeLatex(note)}}`),
    '\\end{table}',
    '',
  ].join('\n');
}

/** Plain text `width` characters wide: a wider table loses the ends of its longest words, never of a figure or of a row's name. */
export function toText(table: Table, width = 80): string {
  const lines = [
    table.columns.map(({ title }) => printable(title)),
    ...table.rows.map((row) => row.map((cell) => printable(textOf(cell)))),
  ];
  const widths = fitted(table.columns, lines, width);
  const line = (cells: readonly string[]) =>
    cells
      .map((text, k) => pad(text, widths[k]!, table.columns[k]!.align))
      .join('  ')
      .trimEnd();
  const [header, ...rows] = lines.map(line);
  const rule = '─'.repeat(
    Math.min(
      width,
      widths.reduce((sum, w) => sum + w + 2, -2),
    ),
  );
  return [
    printable(table.title),
    header,
    rule,
    ...rows,
    ...(table.notes ?? []).map((note) => wrapped(printable(note), width)),
    '',
  ].join('\n');
}

/** Title, table and notes; the first cell of a row is its heading, and every text is escaped. */
export function toHtml(table: Table): string {
  const cell = (tag: 'td' | 'th', text: string, k: number, scope = '') =>
    `<${tag}${scope}${table.columns[k]!.align === 'right' ? ' class="number"' : ''}>${text}</${tag}>`;
  const content = (value: Cell) =>
    typeof value === 'string' ? escapeHtml(value) : `<strong>${escapeHtml(value.text)}</strong>`;
  const row = (cells: readonly Cell[]) =>
    `<tr>${cells.map((value, k) => (k === 0 ? cell('th', content(value), k, ' scope="row"') : cell('td', content(value), k))).join('')}</tr>`;
  const head = table.columns.map(({ title }, k) => cell('th', escapeHtml(title), k, ' scope="col"')).join('');
  const title = escapeHtml(table.title);
  // A wide table scrolls in a box of its own, which the keyboard must be able to reach; its title stays in view above.
  return [
    `<h3>${title}</h3>`,
    `<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table aria-label="${title}">`,
    `<thead><tr>${head}</tr></thead>`,
    `<tbody>${table.rows.map(row).join('')}</tbody></table></div>`,
    ...(table.notes ?? []).map((note) => `<p class="note">${escapeHtml(note)}</p>`),
  ].join('\n');
}

/** Text broken between words into lines of at most `width` characters; further lines are indented. */
export function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && lengthOf(last) + 1 + lengthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? word : `  ${word}`);
  }
  return lines.join('\n');
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/** One line without control characters: a file name must not be able to drive the terminal. */
export function printable(text: string): string {
  return oneLine(text).replace(/\p{Cc}/gu, '\ufffd');
}

const LATEX_SIGNS: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
  '–': '--',
  '→': '$\\rightarrow$',
  '≥': '$\\geq$',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
};

function escapeLatex(text: string): string {
  return oneLine(text).replace(/[\\~^±–→≥<>&%$#_{}]/g, (sign) => LATEX_SIGNS[sign] ?? `\\${sign}`);
}

/** Column widths that fit: the widest column gives way first, but no figure is cut and the first column stays whole. */
function fitted(columns: readonly Column[], lines: readonly (readonly string[])[], width: number): number[] {
  const longest = (k: number, from: readonly (readonly string[])[]) =>
    Math.max(0, ...from.map((cells) => lengthOf(cells[k]!)));
  const widths = columns.map((_, k) => longest(k, lines));
  const least = columns.map(({ align }, k) =>
    k === 0 ? widths[k]! : align === 'left' ? SHORTEST : longest(k, lines.slice(1)),
  );
  let excess = widths.reduce((sum, w) => sum + w + 2, -2) - width;
  while (excess > 0) {
    const shrinkable = [...columns.keys()].filter((k) => widths[k]! > Math.max(SHORTEST, least[k]!));
    if (shrinkable.length === 0) break;
    const widest = shrinkable.reduce((a, b) => (widths[b]! > widths[a]! ? b : a));
    widths[widest]!--;
    excess--;
  }
  return widths;
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const points = [...text];
  if (points.length > width) return `${points.slice(0, width - 1).join('')}…`;
  const space = ' '.repeat(width - points.length);
  return align === 'right' ? space + text : text + space;
}

function lengthOf(text: string): number {
  return [...text].length;
}
