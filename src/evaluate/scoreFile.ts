/** Score files: CSV of this tool and what others write, read as a stream; ours is also written. */
import { UserError } from '../base/errors.js';
import { writeWhole } from '../base/files.js';
import { meaningOf } from '../data/words.js';
import { csvLine } from '../formats/csvLine.js';
import { originalCell, readLines, readRecords, safeCell } from './csv.js';
import { pairGroups } from './levels.js';
import { type Cells, foreignLayout, type Layout, type Separator, separators } from './scoreLayouts.js';
import {
  requiredColumns as COLUMNS,
  mapColumns as MAP_COLUMNS,
  rowOf,
  type ScoreRow,
  type Scores,
  ScoresBuilder,
} from './scores.js';

export interface ScoreFileOptions {
  /** The label that means live; all others are attacks. Of files with a column of labels. */
  liveLabel?: string | undefined;
  /** What a higher score means. `attack`: a score s is read as 1 − s, so that 0.5 stays where it is. */
  higher?: 'live' | 'attack' | undefined;
}

type ColumnPlaces = Record<(typeof COLUMNS)[number] | (typeof MAP_COLUMNS)[number], number>;
const ROWS_PER_WRITE = 4096;
/** Lines that are looked at to tell what a file is. */
const TELLING_LINES = 200;
/** As spreadsheets of some countries write numbers. */
const DECIMAL_COMMA = /^\s*[+-]?\d*,\d+(?:e[+-]?\d+)?\s*$/i;
/** What a file may begin with, for messages. */
const EXPECTED =
  `a header with the columns ${COLUMNS.join(',')}, bob's header claimed_id,test_label,is_bonafide,attack_type,…,score, ` +
  `or a row "score label", "label score" or "claimed_id [model_label] real_id test_label score"`;

/**
 * Reads a score file, of a layout that its first line tells: our CSV (column order free; columns beyond the known ones are kept to group by), bob's
 * CSV, bob's four or five columns, or lines `score label` or `label score`. Packed by gzip or not. Cells are parted by commas, semicolons, tabs, or in text by blanks. A score `nan` is a failure to
 * acquire: such rows are kept apart.
 * @throws UserError naming file and line for a missing column, a short row, an unknown label, a score that is no finite number
 */
export async function readScores(path: string, options: ScoreFileOptions = {}): Promise<Scores> {
  const { liveLabel, higher } = options;
  const notes = new Set<string>();
  const score = (text: string, line: number) => {
    if (/^\s*[+-]?nan\s*$/i.test(text)) return Number.NaN;
    const value = numberOf(text, 'score', path, line);
    return higher === 'attack' ? 1 - value : value;
  };
  const file: Cells = { path, liveLabel, score, notes };
  const lines = await firstLines(path);
  const [first] = lines as [Line];
  const layout = layoutOf(lines, file);
  if (liveLabel !== undefined && !layout.labelled) {
    throw new UserError(`--live-label needs a column of labels, which ${path} does not have`, 'leave it out');
  }
  const builder = new ScoresBuilder(path);
  let rows = 0;
  let live = 0;
  await readRows(path, first.number, layout, (cells, line) => {
    if (cells.length !== layout.columns) throw wrongCount(cells.length, layout, path, line);
    const row = layout.row(cells, line, ++rows);
    if (row.label === 'live') live++;
    builder.add(row);
  });
  if (rows === 0) throw new UserError(`${path} has a header but no rows`);
  if (liveLabel !== undefined && live === 0) {
    throw new UserError(`no row of ${path} has the label ${liveLabel}, which --live-label calls live`);
  }
  if (higher === 'attack') notes.add(`a higher score means attack in ${path}: a score s is read as 1 - s`);
  const all = layout.looseVideos ? withRowsForVideos(builder.build(), notes) : builder.build();
  return { ...withoutFailures(all), notes: [...notes] };
}

/** Writes the CSV that `readScores` reads, scores in full precision, failures to acquire last; whole or not at all. */
export async function writeScores(path: string, scores: Scores): Promise<void> {
  const extra = [...scores.extra.keys()];
  await writeWhole(path, async (file) => {
    await file.appendFile(`${[...COLUMNS, ...(scores.maps ? MAP_COLUMNS : []), ...extra.map(safeCell)].join(',')}\n`);
    for (const part of [scores, ...(scores.failures ? [scores.failures] : [])]) {
      for (let from = 0; from < part.length; from += ROWS_PER_WRITE) {
        const to = Math.min(from + ROWS_PER_WRITE, part.length);
        const rows = Array.from({ length: to - from }, (_, k) => {
          return csvLine(cellsOf(rowOf(part, from + k), scores.maps !== null, extra));
        });
        await file.appendFile(rows.join(''));
      }
    }
  });
}

function cellsOf(row: ScoreRow, hasMaps: boolean, extra: readonly string[]): string[] {
  const texts = [row.path, row.domain, row.subject, row.video, String(row.frame), row.label, row.attackType].map(
    safeCell,
  );
  const maps = hasMaps ? [row.liveMapMean, row.spoofMapMean].map((mean) => String(mean || mean === 0 ? mean : '')) : [];
  return [...texts, String(row.score), ...maps, ...extra.map((name) => safeCell(row.extra![name]!))];
}

interface Line {
  text: string;
  /** From 1. */
  number: number;
}

/** The first lines that are neither blank nor a comment: one at least. */
async function firstLines(path: string): Promise<Line[]> {
  const enough = new Error('enough');
  const lines: Line[] = [];
  try {
    await readLines(path, (text, number) => {
      if (isBlank(text)) return;
      lines.push({ text, number });
      if (lines.length === TELLING_LINES) throw enough;
    });
  } catch (error) {
    // A line that is wrong further down is named when it is read.
    if (error !== enough && lines.length === 0) throw error;
  }
  if (lines.length === 0) throw new UserError(`${path} is empty`, `expected ${EXPECTED}`);
  return lines;
}

function isBlank(line: string): boolean {
  return line.trim() === '' || line.startsWith('#');
}

function layoutOf(lines: readonly Line[], file: Cells): Layout {
  const { number } = lines[0]!;
  for (const separator of separators) {
    const rows = lines.map(({ text }) => cellsIn(text, separator).map((cell) => cell.trim()));
    const cells = rows[0]!;
    const layout = foreignLayout(rows, separator, file);
    if (layout !== undefined) return layout;
    if (separator !== 'blanks' && COLUMNS.some((name) => cells.includes(name))) {
      return ownLayout(cells, separator, file, number);
    }
  }
  throw new UserError(`${file.path} line ${number} is no beginning of a score file: expected ${EXPECTED}`);
}

/** The cells of a first line; quotes there are those of a header. */
function cellsIn(line: string, separator: Separator): string[] {
  if (separator === 'blanks') return line.trim().split(/\s+/);
  return line.split(separator).map((cell) => cell.replace(/^\s*"(.*)"\s*$/, '$1'));
}

async function readRows(
  path: string,
  first: number,
  { separator, header }: Layout,
  onRow: (cells: string[], line: number) => void,
): Promise<void> {
  if (separator !== 'blanks') {
    return readRecords(path, separator, (cells, line) => {
      const comment = !header && cells[0]!.startsWith('#');
      if (!comment && (line > first || (line === first && !header))) onRow(cells, line);
    });
  }
  await readLines(path, (text, line) => {
    if (!isBlank(text) && !(header && line === first)) onRow(text.trim().split(/\s+/), line);
  });
}

function wrongCount(count: number, { header, columns }: Layout, path: string, line: number): UserError {
  const expected = header ? `the header has ${columns}` : `${columns} are expected`;
  return new UserError(`${count} fields where ${expected}, ${path} line ${line}`);
}

/** How a row is read under our own header. An image without a video is its own video. */
function ownLayout(header: string[], separator: Separator, file: Cells, first: number): Layout {
  const { path, liveLabel } = file;
  const names = header.map(originalCell);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined) throw new UserError(`column ${JSON.stringify(twice)} appears twice, ${path} line ${first}`);
  const missing = COLUMNS.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new UserError(`column ${missing.join(', ')} is missing, ${path} line ${first}`, `expected ${EXPECTED}`);
  }
  const at = Object.fromEntries(
    [...COLUMNS, ...MAP_COLUMNS].map((name) => [name, names.indexOf(name)]),
  ) as ColumnPlaces;
  const hasMaps = at.live_map_mean >= 0 && at.spoof_map_mean >= 0;
  const known = new Set<string>([...COLUMNS, ...MAP_COLUMNS]);
  const extras = names.map((name, k) => ({ name, k })).filter(({ name }) => !known.has(name));

  return {
    ...{ separator, header: true, columns: names.length, labelled: true },
    row(fields, line) {
      const text = (k: number) => originalCell(fields[k]!);
      const row: ScoreRow = {
        path: text(at.path),
        domain: text(at.domain),
        subject: text(at.subject),
        video: text(at.video) || text(at.path),
        frame: text(at.frame),
        label: labelOf(fields[at.label]!, liveLabel, path, line),
        attackType: text(at.attack_type),
        score: file.score(fields[at.score]!, line),
      };
      if (row.label === 'spoof') row.attackType = attackTypeOf(row.attackType, path, line);
      if (hasMaps) {
        // What was not acquired has no maps either.
        const mean = (name: (typeof MAP_COLUMNS)[number]) =>
          Number.isNaN(row.score) ? Number.NaN : numberOf(fields[at[name]]!, name, path, line);
        row.liveMapMean = mean('live_map_mean');
        row.spoofMapMean = mean('spoof_map_mean');
      }
      if (extras.length > 0) row.extra = Object.fromEntries(extras.map(({ name, k }) => [name, text(k)]));
      return row;
    },
  };
}

function labelOf(text: string, liveLabel: string | undefined, path: string, line: number): 'live' | 'spoof' {
  if (liveLabel !== undefined) return meaningOf(text, liveLabel)!;
  if (text === 'live' || text === 'spoof') return text;
  const hint = 'labels are live and spoof; of others, say which is live: --live-label VALUE';
  throw new UserError(`unknown label ${JSON.stringify(text)}, ${path} line ${line}`, hint);
}

function attackTypeOf(text: string, path: string, line: number): string {
  if (text === 'live') throw new UserError(`an attack of attack_type "live", ${path} line ${line}`);
  return text || 'unknown';
}

function numberOf(text: string, column: string, path: string, line: number): number {
  const value = Number(DECIMAL_COMMA.test(text) ? text.replace(',', '.') : text);
  // Number('') is 0: an empty cell is no score.
  if (Number.isFinite(value) && text.trim() !== '') return value;
  throw new UserError(`${column} ${JSON.stringify(text)} is not a finite number, ${path} line ${line}`);
}

/** Where one name stands for rows that are not of one presentation, it names no video, and each row is one. */
function withRowsForVideos(scores: Scores, notes: Set<string>): Scores {
  const { codes } = pairGroups(scores.domain, scores.video);
  const first = new Map<number, number>();
  const other = codes.findIndex((code, row) => {
    const before = first.get(code) ?? row;
    first.set(code, before);
    const { live, subject, attackType } = scores;
    return (
      live[row] !== live[before] ||
      subject.codes[row] !== subject.codes[before] ||
      attackType.codes[row] !== attackType.codes[before]
    );
  });
  if (other < 0) return scores;
  const name = scores.video.names[scores.video.codes[other]!];
  notes.add(
    `what ${scores.origin} calls its samples names no videos (${JSON.stringify(name)} stands for several people or attacks): each row is a video of its own`,
  );
  return {
    ...scores,
    video: {
      codes: Int32Array.from(codes, (_, row) => row),
      names: Array.from(codes, (_, row) => `row ${row + 1}`),
    },
  };
}

/** The rows that have a score; those that have none beside them. */
function withoutFailures(all: Scores): Scores {
  if (!all.score.some(Number.isNaN)) return all;
  if (all.score.every(Number.isNaN)) throw new UserError(`no row of ${all.origin} has a score: all are nan`);
  const [acquired, failed] = [new ScoresBuilder(all.origin), new ScoresBuilder(all.origin)];
  for (let row = 0; row < all.length; row++) {
    (Number.isNaN(all.score[row]) ? failed : acquired).add(rowOf(all, row));
  }
  return { ...acquired.build(), failures: failed.build() };
}
