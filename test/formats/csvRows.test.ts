import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachCsvRow } from '../../src/formats/csvRows.js';
import { linesIn } from '../../src/formats/lines.js';

function rowsOf(bytes: Buffer): [string[], number][] {
  const rows: [string[], number][] = [];
  eachCsvRow(bytes, (fields, line) => rows.push([[...fields], line]));
  return rows;
}

/** What csv-parse makes of it. */
function parsed(bytes: Buffer): [string[], number][] {
  const rows: [string[], number][] = [];
  parse(bytes, {
    ...{ bom: true, relaxColumnCount: true, skipEmptyLines: true, trim: true },
    onRecord: (record: string[], { lines }: { lines: number }) => {
      rows.push([record, lines]);
      return null;
    },
  });
  return rows;
}

describe('rows of a CSV file', () => {
  it('without quotes are those that the parser finds, line by line', () => {
    const line = fc.string({ unit: fc.constantFrom('a', ',', ' ', '\t', 'é', '𝄞', '1'), maxLength: 12 });
    const text = fc.tuple(fc.boolean(), fc.array(line, { maxLength: 8 }), fc.boolean());
    fc.assert(
      fc.property(text, ([bom, lines, last]) => {
        const bytes = Buffer.from(`${bom ? '\uFEFF' : ''}${lines.join('\n')}${last ? '\n' : ''}`);
        expect(rowsOf(bytes)).toEqual(parsed(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('with quotes or carriage returns are read by the parser', () => {
    expect(rowsOf(Buffer.from('a,b\r\n"1,\n2", 3\r\n'))).toEqual([
      [['a', 'b'], 1],
      [['1,\n2', '3'], 3],
    ]);
  });
});

it('lines are whole where pieces of text end, and one may be longer than a piece', () => {
  const long = 'x'.repeat(5 << 20);
  const lines = [...Array.from({ length: 200_000 }, (_, i) => `é${i} ${'y'.repeat(i % 60)}`), long, '', 'last'];
  expect([...linesIn(Buffer.from(lines.join('\n')))]).toEqual(lines);
  expect([...linesIn(Buffer.from(`${lines.join('\n')}\n`))]).toEqual(lines);
  expect([...linesIn(Buffer.alloc(0))]).toEqual([]);
});
