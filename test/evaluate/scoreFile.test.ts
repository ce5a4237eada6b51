import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { originalCell, safeCell } from '../../src/evaluate/csv.js';
import { readScores, writeScores } from '../../src/evaluate/scoreFile.js';
import { rowOf, type ScoreRow, scoresOf } from '../../src/evaluate/scores.js';

const HEADER = 'path,domain,subject,video,frame,label,attack_type,score';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scores-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string | Buffer): Promise<ScoreRow[]> {
  const path = join(folder, 'scores.csv');
  await writeFile(path, text);
  const scores = await readScores(path);
  return Array.from({ length: scores.length }, (_, i) => rowOf(scores, i));
}

describe('score files', () => {
  it('come back as they were written, whatever the names hold', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((s) => !/[\r\n]/.test(s));
    const path = join(folder, 'round.csv');
    const row = fc.record({
      path: fc.oneof(text, fc.constantFrom('=cmd()', '+1', "'=x", '@a', '-b', 'a,b', 'a"b', ' a ')),
      domain: text,
      subject: text,
      video: text.filter((s) => s !== ''),
      frame: text,
      label: fc.constant('spoof' as const),
      attackType: text.filter((s) => s !== '' && s !== 'live'),
      score: fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
      liveMapMean: fc.double({ min: 0, max: 255, noNaN: true }),
      spoofMapMean: fc.double({ min: 0, max: 255, noNaN: true }),
      extra: fc.record({ pai: text, '=phone': text }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
        await writeScores(path, scoresOf(rows, 'here'));
        const scores = await readScores(path);
        expect(rows.map((_, i) => rowOf(scores, i))).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  it('hold no cell that a spreadsheet would run, and negative numbers stay numbers', async () => {
    const path = join(folder, 'formula.csv');
    const row = { domain: 'M', subject: '@s', video: '-v', frame: 1, label: 'live' as const, attackType: 'live' };
    await writeScores(path, scoresOf([{ ...row, path: '=HYPERLINK("x")', score: -0.5 }], 'here'));
    const [, line] = (await readFile(path, 'utf8')).split('\n');
    expect(line).toBe(`"'=HYPERLINK(""x"")",M,'@s,'-v,1,live,live,-0.5`);
    fc.assert(fc.property(fc.string(), (s) => originalCell(safeCell(s)) === s));
    fc.assert(fc.property(fc.string(), (s) => !/^[=+\-@\t\r]/.test(safeCell(s))));
  });

  it('take any order of columns, CRLF, a byte order mark, quotes with line ends, and no last line end', async () => {
    const rows = await read(
      '\ufeffscore,label,attack_type,frame,video,subject,domain,path\r\n' +
        '0.25,spoof,print,3,"v ""1""\nx",s,M,a.png\r\n\r\n1e-3,live,live,0,v2,s,M,"b,c.png"',
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ score: 0.25, label: 'spoof', attackType: 'print', frame: '3', video: 'v "1"\nx' });
    expect(rows[1]).toMatchObject({ score: 0.001, path: 'b,c.png' });
  });

  it('keep rows whole where a block of the file ends', async () => {
    const name = 'ö'.repeat(300);
    const rows = Array.from({ length: 5000 }, (_, i) => `${name}${i}.png,M,s,v${i},0,live,live,${i}`);
    const back = await read(`${HEADER}\n${rows.join('\n')}\n`);
    expect(back).toHaveLength(5000);
    expect(back.every((r, i) => r.path === `${name}${i}.png` && r.score === i)).toBe(true);
  });

  it('count an image without a video as its own video, and an attack without a type as unknown', async () => {
    const [row] = await read(`${HEADER}\na.png,M,,,,spoof,,0.5\n`);
    expect(row).toMatchObject({ video: 'a.png', attackType: 'unknown', subject: '' });
  });

  it.each([
    ['no file at all', undefined, /cannot read .*nowhere/],
    ['an empty file', '', /is empty/],
    ['a header alone', `${HEADER}\n`, /has a header but no rows/],
    [
      'a missing column',
      'path,domain,subject,video,frame,label,score\n',
      /column attack_type is missing, .*scores\.csv line 1/,
    ],
    ['a column twice', `${HEADER},score\n`, /column "score" appears twice, .*line 1/],
    ['another kind of file', 'hello\n', /line 1 is neither/],
    ['a short row', `${HEADER}\n\na,M,s,v,0,live,live\n`, /7 fields where the header has 8, .*scores\.csv line 3/],
    ['an unknown label', `${HEADER}\na,M,s,v,0,real,live,0.5\n`, /unknown label "real", .*line 2/],
    ['an attack of type live', `${HEADER}\na,M,s,v,0,spoof,live,0.5\n`, /attack of attack_type "live", .*line 2/],
    ['NaN', `${HEADER}\na,M,s,v,0,live,live,nan\n`, /score "nan" is not a finite number, .*line 2/],
    ['an empty score', `${HEADER}\n"a\nb",M,s,v,0,live,live,1\na,M,s,v,0,live,live,\n`, /score "" is not .*line 4/],
    ['an open quote', `${HEADER}\n"a,M,s,v,0,live,live,1\n`, /never closed, .*line 2/],
    ['a stray quote', `${HEADER}\n"a"b",M,s,v,0,live,live,"1\n`, /line 2/],
    ['bytes without line ends', Buffer.alloc(1 << 18, 'a'), /record this long, .*line 1/],
  ])('refuse %s, naming file and line', async (_, text, message) => {
    const attempt = text === undefined ? readScores(join(folder, 'nowhere.csv')) : read(text);
    const error = await attempt.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });
});

describe('four-column files', () => {
  it('are bona fide where the identities agree, and an attack named by the second one elsewhere', async () => {
    const rows = await read('# bob\n1 1 real/1.mov 0.9\n\n1 attack/print a,b/1.mov -2e-1\n');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ label: 'live', subject: '1', video: 'real/1.mov', score: 0.9 });
    expect(rows[1]).toMatchObject({ label: 'spoof', attackType: 'attack/print', path: 'a,b/1.mov', score: -0.2 });
  });

  it.each([
    ['1 1 a 0.5\n1 1 a\n', /3 fields where 4 are expected, .*line 2/],
    ['1 1 a 0.5\n1 1 a nan\n', /score "nan" .*line 2/],
  ])('name the line of a bad row', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
