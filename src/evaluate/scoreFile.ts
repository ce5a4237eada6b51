/** Score files: CSV of this tool, and the four-column text layout of bob, read and written as a stream. */
import { stringify } from 'csv-stringify/sync';
import { UserError } from '../base/errors.js';
import { writeWhole } from '../base/files.js';
import { originalCell, readLines, readRecords, safeCell } from './csv.js';
import {
  requiredColumns as COLUMNS,
  mapColumns as MAP_COLUMNS,
  rowOf,
  type ScoreRow,
  type Scores,
  ScoresBuilder,
} from './scores.js';

type ColumnPlaces = Record<(typeof COLUMNS)[number] | (typeof MAP_COLUMNS)[number], number>;
const ROWS_PER_WRITE = 4096;
const FORMATS_HINT = `the first line must name the columns ${COLUMNS.join(',')}, or each line be "claimed_id real_id path score"`;

/**
 * Reads a score file: CSV with a header (column order free; columns beyond the known ones are kept to group by), or bob's
 * four columns, told apart by the first line.
 * @throws UserError naming file and line for a missing column, a short row, an unknown label, a score that is no finite number
 */
export async function readScores(path: string): Promise<Scores> {
  const first = await firstLine(path);
  const words = first.trim().split(/\s+/);
  if (words.length === 4 && Number.isFinite(Number(words[3]))) return readFourColumnScores(path);
  if (first.includes(',')) return readCsvScores(path);
  throw new UserError(`${path} line 1 is neither the header of a score file nor a row of four columns`, FORMATS_HINT);
}

/** Writes the CSV that `readScores` reads, scores in full precision; whole or not at all. */
export async function writeScores(path: string, scores: Scores): Promise<void> {
  const extra = [...scores.extra.keys()];
  await writeWhole(path, async (file) => {
    await file.appendFile(`${[...COLUMNS, ...(scores.maps ? MAP_COLUMNS : []), ...extra.map(safeCell)].join(',')}\n`);
    for (let from = 0; from < scores.length; from += ROWS_PER_WRITE) {
      const to = Math.min(from + ROWS_PER_WRITE, scores.length);
      const rows = Array.from({ length: to - from }, (_, k) => cellsOf(rowOf(scores, from + k), extra));
      await file.appendFile(stringify(rows));
    }
  });
}

function cellsOf(row: ScoreRow, extra: readonly string[]): string[] {
  const texts = [row.path, row.domain, row.subject, row.video, String(row.frame), row.label, row.attackType].map(
    safeCell,
  );
  const maps = row.liveMapMean === undefined ? [] : [String(row.liveMapMean), String(row.spoofMapMean)];
  return [...texts, String(row.score), ...maps, ...extra.map((name) => safeCell(row.extra![name]!))];
}

async function firstLine(path: string): Promise<string> {
  const found = new Error('found');
  let first: string | undefined;
  try {
    await readLines(path, (line) => {
      if (line.trim() === '' || line.startsWith('#')) return;
      first = line;
      throw found;
    });
  } catch (error) {
    if (error !== found) throw error;
  }
  if (first === undefined) throw new UserError(`${path} is empty`, FORMATS_HINT);
  return first;
}

async function readCsvScores(path: string): Promise<Scores> {
  const builder = new ScoresBuilder(path);
  let read: ((fields: string[], line: number) => ScoreRow) | undefined;
  await readRecords(path, (fields, line) => {
    if (read) builder.add(read(fields, line));
    else read = rowReader(fields, path);
  });
  return notEmpty(builder.build(), path);
}

/** How to read a row under this header. An image without a video is its own video. */
function rowReader(header: string[], path: string): (fields: string[], line: number) => ScoreRow {
  const names = header.map((name) => originalCell(name.trim()));
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined) throw new UserError(`column ${JSON.stringify(twice)} appears twice, ${path} line 1`);
  const missing = COLUMNS.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new UserError(`column ${missing.join(', ')} is missing, ${path} line 1`, FORMATS_HINT);
  const at = Object.fromEntries(
    [...COLUMNS, ...MAP_COLUMNS].map((name) => [name, names.indexOf(name)]),
  ) as ColumnPlaces;
  const hasMaps = at.live_map_mean >= 0 && at.spoof_map_mean >= 0;
  const known = new Set<string>([...COLUMNS, ...MAP_COLUMNS]);
  const extras = names.map((name, k) => ({ name, k })).filter(({ name }) => !known.has(name));

  return (fields, line) => {
    if (fields.length !== names.length) {
      throw new UserError(`${fields.length} fields where the header has ${names.length}, ${path} line ${line}`);
    }
    const text = (k: number) => originalCell(fields[k]!);
    const row: ScoreRow = {
      path: text(at.path),
      domain: text(at.domain),
      subject: text(at.subject),
      video: text(at.video) || text(at.path),
      frame: text(at.frame),
      label: labelOf(fields[at.label]!, path, line),
      attackType: text(at.attack_type),
      score: numberOf(fields[at.score]!, 'score', path, line),
    };
    if (row.label === 'spoof') row.attackType = attackTypeOf(row.attackType, path, line);
    if (hasMaps) {
      row.liveMapMean = numberOf(fields[at.live_map_mean]!, 'live_map_mean', path, line);
      row.spoofMapMean = numberOf(fields[at.spoof_map_mean]!, 'spoof_map_mean', path, line);
    }
    if (extras.length > 0) row.extra = Object.fromEntries(extras.map(({ name, k }) => [name, text(k)]));
    return row;
  };
}

/**
 * bob.bio / bob.pad: `claimed_id real_id test_label score`. A row is bona fide when the two identities agree; otherwise the second
 * one names the attack. A test label stands for one video. Blank lines and lines that begin with `#` are skipped, as there.
 */
async function readFourColumnScores(path: string): Promise<Scores> {
  const builder = new ScoresBuilder(path);
  await readLines(path, (text, line) => {
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return;
    const fields = trimmed.split(/\s+/);
    if (fields.length !== 4) throw new UserError(`${fields.length} fields where 4 are expected, ${path} line ${line}`);
    const [claimed, real, label, score] = fields as [string, string, string, string];
    builder.add({
      path: label,
      domain: '',
      subject: claimed,
      video: label,
      frame: '0',
      label: claimed === real ? 'live' : 'spoof',
      attackType: claimed === real ? 'live' : real,
      score: numberOf(score, 'score', path, line),
    });
  });
  return notEmpty(builder.build(), path);
}

function labelOf(text: string, path: string, line: number): 'live' | 'spoof' {
  if (text === 'live' || text === 'spoof') return text;
  throw new UserError(`unknown label ${JSON.stringify(text)}, ${path} line ${line}`, 'labels are live and spoof');
}

function attackTypeOf(text: string, path: string, line: number): string {
  if (text === 'live') throw new UserError(`an attack of attack_type "live", ${path} line ${line}`);
  return text || 'unknown';
}

function numberOf(text: string, column: string, path: string, line: number): number {
  const value = Number(text);
  // Number('') is 0: an empty cell is no score.
  if (Number.isFinite(value) && text.trim() !== '') return value;
  throw new UserError(`${column} ${JSON.stringify(text)} is not a finite number, ${path} line ${line}`);
}

function notEmpty(scores: Scores, path: string): Scores {
  if (scores.length === 0) throw new UserError(`${path} has a header but no rows`);
  return scores;
}
