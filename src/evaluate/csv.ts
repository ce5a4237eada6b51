/** CSV as this tool reads and writes it: read as a stream by line number, written so that no spreadsheet takes a cell for a formula. */
import { createReadStream } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { messageOf, UserError } from '../base/errors.js';

const CHUNK_BYTES = 1 << 20;
const GZIP = 0x1f8b;
const UTF16_LE = 0xfffe;
const UTF16_BE = 0xfeff;
/** No line or quoted field of a table of scores is as long; a file of another kind may have no line ends at all. */
const LONGEST_RECORD = 1 << 16;
const FORMULA = /^'*[=+\-@\t\r]/;
const ESCAPED_FORMULA = /^'+[=+\-@\t\r]/;

/**
 * A cell that a spreadsheet will show rather than run: text that begins like a formula gets a leading apostrophe. Only for
 * text; a negative number is not a formula. `originalCell` is its inverse for every string.
 */
export function safeCell(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

/** Takes back the apostrophe of `safeCell`. */
export function originalCell(text: string): string {
  return text.charCodeAt(0) === 39 && ESCAPED_FORMULA.test(text) ? text.slice(1) : text;
}

/**
 * Calls `onLine(text, number)` for each line of a file, the first being 1, without `\r`, `\n` and byte order mark. UTF-8, UTF-16 with its mark, as Windows
 * PowerShell redirects output into a file, or UTF-8 packed by gzip.
 */
export async function readLines(path: string, onLine: (line: string, number: number) => void): Promise<void> {
  let rest = '';
  let number = 0;
  const emit = (line: string) => {
    number++;
    const from = number === 1 && line.charCodeAt(0) === 0xfeff ? 1 : 0;
    const to = line.charCodeAt(line.length - 1) === 13 ? line.length - 1 : line.length;
    onLine(line.slice(from, to), number);
  };
  try {
    for await (const chunk of await textOf(path)) {
      const text = rest + chunk;
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        emit(text.slice(start, end));
        start = end + 1;
      }
      rest = text.slice(start);
      if (rest.length > LONGEST_RECORD) throw tooLong(path, number + 1);
    }
  } catch (error) {
    throw isFileError(error) ? new UserError(`cannot read ${path}: ${messageOf(error)}`) : error;
  }
  if (rest !== '') emit(rest);
}

/** The text of a file in pieces, as its first two bytes say that it is written. */
async function textOf(path: string): Promise<AsyncIterable<string>> {
  const file = await openFile(path);
  const start = await file.read(Buffer.alloc(2), 0, 2, 0).finally(() => file.close());
  const mark = start.buffer.readUInt16BE();
  if (mark === GZIP) {
    const unpacked = createGunzip().setEncoding('utf8');
    return pipeline(createReadStream(path), unpacked, () => {});
  }
  if (mark === UTF16_BE) return bigEndian(path);
  return createReadStream(path, { encoding: mark === UTF16_LE ? 'utf16le' : 'utf8', highWaterMark: CHUNK_BYTES });
}

async function* bigEndian(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-16be');
  for await (const chunk of createReadStream(path)) yield decoder.decode(chunk as Buffer, { stream: true });
}

/**
 * Calls `onRecord(fields, line)` for each record; `line` is the line that it begins on. Blank lines are skipped. Almost
 * no line of a score file has quotes: those are cut at the separators; csv-parse reads the rest, which halves the time of a file.
 */
export async function readRecords(
  path: string,
  separator: string,
  onRecord: (fields: string[], line: number) => void,
): Promise<void> {
  let open = '';
  let openedAt = 0;
  let openQuote = false;
  await readLines(path, (line, number) => {
    if (open === '' && !line.includes('"')) {
      if (line !== '') onRecord(line.split(separator), number);
      return;
    }
    // A quoted field may hold line ends: the record is complete when its quotes pair up.
    if (open === '') openedAt = number;
    open = open === '' ? line : `${open}\n${line}`;
    openQuote = openQuote !== (countQuotes(line) % 2 === 1);
    if (open.length > LONGEST_RECORD) throw tooLong(path, openedAt);
    if (openQuote) return;
    onRecord(quotedFields(open, separator, path, openedAt), openedAt);
    open = '';
  });
  if (open !== '') throw new UserError(`a quoted field is never closed, ${path} line ${openedAt}`);
}

function tooLong(path: string, line: number): UserError {
  return new UserError(`no table of scores has a record this long, ${path} line ${line}`);
}

function quotedFields(record: string, delimiter: string, path: string, line: number): string[] {
  try {
    const [fields] = parse(record, { delimiter }) as string[][];
    return fields!;
  } catch (error) {
    throw new UserError(`quotes do not pair up, ${path} line ${line}: ${messageOf(error)}`);
  }
}

function countQuotes(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++;
  return count;
}

function isFileError(error: unknown): boolean {
  return (
    error instanceof Error && ('syscall' in error || String((error as NodeJS.ErrnoException).code).startsWith('Z_'))
  );
}
