/** The rows of an image list, as they stand in it: JSON as SSDG writes it, or text with a path a line and columns. */
import { parse } from 'csv-parse/sync';
import { messageOf, UserError } from '../../base/errors.js';
import { imageEndings } from '../pictures.js';
import { classOf, isNumber, namesAttacks, partOf } from '../words.js';

/** What a column, or a key of a JSON entry, says; by the names that people give to them, without case and signs. */
const columnNames = {
  path: 'path file filename filepath image img imagepath imgpath imagefile imagename photopath framepath photo',
  label:
    'label labels class classlabel target gt photolabel liveness islive isreal live real bonafide isbonafide genuine',
  notLive: 'isspoof isattack isfake spoof fake spooflabel attacklabel',
  attackType: 'attacktype attack type spooftype pai species pais',
  video: 'video videoid videoname clip photobelongtovideoid',
  subject: 'subject subjectid person personid client clientid user userid identity',
  frame: 'frame frameid framenumber frameno',
  split: 'split set part partition subset usage',
} as const;
type Column = keyof typeof columnNames;

const columnOf = new Map<string, Column>(
  Object.entries(columnNames).flatMap(([column, names]) => names.split(' ').map((name) => [name, column as Column])),
);

/** A row of a list. What it does not say is empty. */
export interface ListRow {
  /** The list's file, and the row's place in it, for people: `line 3`, or `entry 3` of JSON. */
  list: string;
  place: string;
  path: string;
  label: string;
  /** The label's column is named for attacks: 1 is one. */
  turned: boolean;
  attackType: string;
  video: string;
  subject: string;
  frame: string;
  split: string;
  /** The 44 numbers that CelebA-Spoof's label files have of an image. */
  attributes?: readonly number[];
}

export interface ReadList {
  rows: ListRow[];
  /** Columns that say nothing which is known here. */
  unused: string[];
}

/**
 * @param bytes of the file, in UTF-8, or in UTF-16 with the mark that says so
 * @throws UserError with file and row
 */
export function readRows(bytes: Uint8Array, list: string): ReadList {
  const text = decode(bytes);
  const read = /^\s*[[{]/.test(text) ? jsonRows(text, list) : textRows(text, list);
  if (read.rows.length === 0) throw new UserError(`the list ${list} names no image`);
  return read;
}

function decode(bytes: Uint8Array): string {
  const [a, b] = bytes;
  const encoding = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** A row of these values by column. */
function rowOf(values: Partial<Record<Column, string>>, list: string, place: string): ListRow {
  const { path = '', label, notLive, attackType = '', video = '', subject = '', frame = '', split = '' } = values;
  if (path === '') throw new UserError(`${list} ${place} names no image`);
  if (path.includes('\0')) throw new UserError(`${list} ${place} names no file: ${path}`);
  // Types of attacks that are numbers say at least which images are live.
  const other = notLive ?? (isNumber(attackType) ? attackType : '');
  const turned = label === undefined && other !== '';
  return { list, place, path, label: label ?? other, turned, attackType, video, subject, frame, split };
}

/**
 * What a column says that is called otherwise: the class, where every row has a word for one, as its label, or as a second word on the
 * label that is there already; or the part.
 */
function columnByContent(values: readonly (string | undefined)[], known: readonly (Column | null)[]): Column | null {
  const said = values.filter((value): value is string => value !== undefined && value !== '');
  const isNew = (column: Column) => said.length > 0 && !known.includes(column);
  if (said.every((value) => partOf(value)) && isNew('split')) return 'split';
  const claims = said.map(classOf);
  if (claims.includes(null) || claims.every((claim) => claim?.attackType !== undefined)) return null;
  if (isNew('label') && !known.includes('notLive')) return 'label';
  return isNew('attackType') ? 'attackType' : null;
}

function knownColumn(name: string): Column | null {
  return columnOf.get(name.toLowerCase().replace(/[^a-z0-9]/g, '')) ?? null;
}

/** `[{"photo_path": …, "photo_label": 1, …}, …]`, `["path", …]`, `[["path", 1], …]`, `{"path": 1, …}` or `{"path": [44 attributes], …}`. */
function jsonRows(text: string, list: string): ReadList {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${list} is not JSON: ${messageOf(error)}`);
  }
  const items: unknown[] = Array.isArray(content) ? content : Object.entries(content as object);
  const entries = items.map((item, i): [string, unknown][] => {
    const pair = typeof item === 'string' ? [item] : item;
    if (typeof pair !== 'object' || pair === null) throw new UserError(`${list} entry ${i + 1} names no image`);
    return Array.isArray(pair)
      ? pair.map((value, at) => [['path', 'label'][at] ?? `value ${at + 1}`, value])
      : Object.entries(pair);
  });
  const keys = [...new Set(entries.flatMap((pairs) => pairs.map(([key]) => key)))];
  const columns = new Map(keys.map((key) => [key, knownColumn(key)]));
  for (const key of keys.filter((each) => columns.get(each) === null)) {
    const values = entries.flatMap((pairs) => pairs.flatMap(([name, value]) => (name === key ? String(value) : [])));
    columns.set(key, columnByContent(values, [...columns.values()]));
  }
  const rows = entries.map((pairs, i) => {
    const place = `entry ${i + 1}`;
    const [path, attributes] = Array.isArray(items[i]) ? items[i] : [];
    if (isAttributes(attributes)) return { ...rowOf({ path: String(path) }, list, place), attributes };
    const values: Partial<Record<Column, string>> = {};
    for (const [key, value] of pairs) {
      const column = columns.get(key)!;
      if (column === null || value === null) continue;
      if (typeof value === 'object') throw new UserError(`${list} ${place} has a ${key} that is no plain value`);
      if (values[column] !== undefined) throw new UserError(`${list} ${place} says its ${column} twice`);
      values[column] = String(value).trim();
    }
    return rowOf(values, list, place);
  });
  return { rows, unused: keys.filter((key) => columns.get(key) === null) };
}

function isAttributes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 44 && value.every(Number.isInteger);
}

/** Of images, whether or not they can be read here, so that a list with others is understood and the file is what is at fault. */
const endings = `\\.(?:${[...imageEndings, 'bmp', 'gif'].join('|')})`;
const ending = new RegExp(`${endings}$`, 'i');
/** An image somewhere in a line. */
const imageInLine = new RegExp(`${endings}(?=$|[\\s"',;|])`, 'i');

/**
 * A path a line, and a label before or behind it between tabs, commas, semicolons or blanks; with more columns where a first line
 * that has no image names them. Lines without an image that begin with `#` are remarks.
 */
function textRows(text: string, list: string): ReadList {
  const lines = text
    .split(/\r\n|\r|\n/)
    .map((line, i) => ({ line, place: `line ${i + 1}` }))
    .filter(({ line }) => line.trim() !== '' && !isRemark(line));
  const [head, second] = lines;
  const header = head && second && !imageInLine.test(head.line) ? head : null;
  const body = header ? lines.slice(1) : lines;
  const odd = body.find(({ line }) => !imageInLine.test(line));
  if (odd) throw new UserError(`${list} ${odd.place} names no image: "${odd.line.trim().slice(0, 80)}"`);
  const delimiter = header && delimiterOf(body[0]?.line ?? '', header.line);
  const cut = body.map(({ line, place }) => ({ fields: fieldsOf(line, delimiter ?? delimiterOf(line, null)), place }));
  const names = header && fieldsOf(header.line, delimiter!);
  const columns =
    names &&
    columnsOf(
      names,
      cut.map(({ fields }) => fields),
      list,
    );
  const rows = cut.map(({ fields, place }) => {
    if (columns && fields.length === columns.length) {
      const values: Partial<Record<Column, string>> = {};
      for (const [i, column] of columns.entries()) if (column !== null) values[column] = fields[i]!;
      return rowOf(values, list, place);
    }
    if (columns && columns.length > 2) {
      throw new UserError(
        `${list} ${place} has ${fields.length} columns, where the first line names ${columns.length}`,
      );
    }
    return plainRow(fields, list, place);
  });
  return { rows, unused: names?.filter((_, i) => columns?.[i] === null) ?? [] };
}

/** `#path,label` names columns. */
function isRemark(line: string): boolean {
  if (!/^\s*#/.test(line) || imageInLine.test(line)) return false;
  return !line.split(/[\s,;|]+/).some((name) => knownColumn(name) === 'path');
}

/** A path alone, or with one other field, which is its label. */
function plainRow(fields: readonly string[], list: string, place: string): ListRow {
  const at = fields.findIndex((field) => ending.test(field));
  const others = fields.filter((field, i) => i !== at && field !== '');
  if (at < 0 || others.length > 1) {
    throw new UserError(
      `${list} ${place} has more than an image and its label: "${fields.join(' ').slice(0, 80)}"`,
      'a first line that names the columns (path,label,video,subject,split,attack_type) says what they are',
    );
  }
  return rowOf({ path: fields[at]!, label: others[0] ?? '' }, list, place);
}

/** What each column of a list with a header is. */
function columnsOf(names: readonly string[], rows: readonly (readonly string[])[], list: string): (Column | null)[] {
  const columns = names.map(knownColumn);
  if (!columns.includes('path')) {
    const at = rows[0]?.findIndex((field) => ending.test(field)) ?? -1;
    if (at >= 0) columns[at] = 'path';
  }
  // Of two columns, the one that is not the path says the label, however it is called.
  const other = columns.indexOf(null);
  if (columns.length === 2 && other >= 0) columns[other] = namesAttacks(names[other]!) ? 'notLive' : 'label';
  for (const [i, column] of columns.entries()) {
    columns[i] =
      column ??
      columnByContent(
        rows.map((fields) => fields[i]),
        columns,
      );
  }
  const twice = columns.find((column, i) => column !== null && columns.indexOf(column) < i);
  if (twice) throw new UserError(`${list} line 1 names two columns for one thing (${twice}): ${names.join(', ')}`);
  if (columns.includes('label') && columns.includes('notLive')) {
    throw new UserError(`${list} line 1 names two columns for the label: ${names.join(', ')}`);
  }
  return columns;
}

/** What stands between the fields of a list; a blank where it is nothing else. */
function delimiterOf(line: string, header: string | null): string {
  const fits = (delimiter: string) => {
    if (!line.includes(delimiter)) return false;
    const fields = fieldsOf(line, delimiter);
    if (!fields.some((field) => ending.test(field))) return false;
    if (header !== null) return fieldsOf(header, delimiter).length === fields.length;
    // A comma may be part of a path, of which then a piece would be the label.
    return fields.every((field) => ending.test(field) || !/[/\\]/.test(field));
  };
  return ['\t', ',', ';', '|'].find(fits) ?? ' ';
}

function fieldsOf(line: string, delimiter: string): string[] {
  const fields = delimiter === ' ' ? blankFields(line.trim()) : splitAt(line, delimiter);
  return fields.map((field) => field.trim().replace(/^'(.*)'$/, '$1'));
}

function splitAt(line: string, delimiter: string): string[] {
  if (!line.includes('"')) return line.split(delimiter);
  const options = { delimiter, relax_quotes: true, trim: delimiter !== '\t', skip_empty_lines: true };
  try {
    const [fields = []] = parse(line, options) as string[][];
    return fields;
  } catch {
    // A quote that is not closed is part of a name.
    return line.split(delimiter);
  }
}

const pathThenLabel = new RegExp(`^(.*${endings})(?:\\s+(\\S+(?:\\sfide)?))?$`, 'i');
const labelThenPath = new RegExp(`^(\\S+)\\s+(\\S.*${endings})$`, 'i');

/** Paths may have blanks in them: what stands behind the last ending of an image is the label, or a number in front. */
function blankFields(line: string): string[] {
  if (line.startsWith('"')) return splitAt(line.replace(/\s+/g, ' '), ' ').filter((field) => field !== '');
  const before = labelThenPath.exec(line);
  if (before && isNumber(before[1]!)) return [before[1]!, before[2]!];
  const match = pathThenLabel.exec(line);
  if (match) return match[2] === undefined ? [match[1]!] : [match[1]!, match[2]];
  return line.split(/\s+/);
}
