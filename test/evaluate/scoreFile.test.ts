import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { originalCell, safeCell } from '../../src/evaluate/csv.js';
import { evaluateScores, targetCounts } from '../../src/evaluate/evaluation.js';
import { readScores, type ScoreFileOptions, writeScores } from '../../src/evaluate/scoreFile.js';
import { rowOf, type ScoreRow, type Scores, scoresOf } from '../../src/evaluate/scores.js';
import { evaluateBare } from '../../src/run/evaluation/scored.js';

const HEADER = 'path,domain,subject,video,frame,label,attack_type,score';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scores-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function readAll(text: string | Buffer, options: ScoreFileOptions = {}): Promise<Scores> {
  const path = join(folder, 'scores.csv');
  await writeFile(path, text);
  return readScores(path, options);
}

async function read(text: string | Buffer, options: ScoreFileOptions = {}): Promise<ScoreRow[]> {
  const scores = await readAll(text, options);
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
    ['another kind of file', 'hello\n', /scores\.csv line 1 is no beginning of a score file: expected a header/],
    ['a short row', `${HEADER}\n\na,M,s,v,0,live,live\n`, /7 fields where the header has 8, .*scores\.csv line 3/],
    ['an unknown label', `${HEADER}\na,M,s,v,0,real,live,0.5\n`, /unknown label "real", .*line 2/],
    ['an attack of type live', `${HEADER}\na,M,s,v,0,spoof,live,0.5\n`, /attack of attack_type "live", .*line 2/],
    ['nothing but NaN', `${HEADER}\na,M,s,v,0,live,live,nan\n`, /no row of .*scores\.csv has a score/],
    ['infinity', `${HEADER}\na,M,s,v,0,live,live,inf\n`, /score "inf" is not a finite number, .*line 2/],
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

describe("bob's text columns", () => {
  it('are bona fide where the identities agree, and an attack named by the second one elsewhere', async () => {
    const rows = await read('# bob\n1 1 real/1.mov 0.9\n\n1 attack/print a,b/1.mov -2e-1\n');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ label: 'live', subject: '1', video: 'real/1.mov', score: 0.9 });
    expect(rows[1]).toMatchObject({ label: 'spoof', attackType: 'attack/print', path: 'a,b/1.mov', score: -0.2 });
  });

  it('may be five, the second one being the label of the model', async () => {
    const rows = await read('ann m1 ann probe/1 0.9\r\nann m1 mask probe/2 .25\r\n');
    expect(rows[0]).toMatchObject({ label: 'live', subject: 'ann', video: 'probe/1', score: 0.9 });
    expect(rows[1]).toMatchObject({ label: 'spoof', attackType: 'mask', video: 'probe/2', score: 0.25 });
  });

  it('between tabs, names may hold blanks', async () => {
    const rows = await read('# client real probe score\nann b\tann b\tprobe 1\t0.9\nann b\tprint out\tprobe 2\t0.2\n');
    expect(rows[0]).toMatchObject({ label: 'live', subject: 'ann b', video: 'probe 1', score: 0.9 });
    expect(rows[1]).toMatchObject({ label: 'spoof', attackType: 'print out', video: 'probe 2' });
    const commas = await read('ann, ann, p, 0.9\nann, print, q, 0.2\n');
    expect(commas[1]).toMatchObject({ label: 'spoof', attackType: 'print', video: 'q' });
  });

  it('name videos where a probe is one presentation, and none, with a note, where it stands for several', async () => {
    const frames = await readAll('a a p/1 0.9\na a p/1 0.7\na print p/2 0.1\n');
    expect(targetCounts(frames)).toMatchObject([{ videos: { live: 1, attack: 1 }, frames: 3 }]);
    expect(frames.notes).toEqual([]);
    const word = await readAll('a a sample 0.9\nb b sample 0.8\na print sample 0.3\na print sample 0.2\n');
    expect(targetCounts(word)).toMatchObject([{ videos: { live: 2, attack: 2 }, frames: 4 }]);
    expect(word.notes).toEqual([expect.stringMatching(/names no videos \("sample" stands for several/)]);
  });

  it.each([
    ['1 1 a 0.5\n1 1 a\n', /3 fields where 4 are expected, .*line 2/],
    ['1 1 a 0.5\n1 1 a x\n', /score "x" .*line 2/],
  ])('name the line of a bad row', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe("bob's CSV", () => {
  const BOB = 'claimed_id,test_label,is_bonafide,attack_type,session,sample_n,score';

  it('takes is_bonafide for the label and attack_type for the species; one test_label may stand for several attacks', async () => {
    const rows = await read(
      `${BOB}\n7,real/7,True,,s1,0,3.5\n7,attack/7,False,print,s2,0,-1\n7,attack/7,False,replay,s2,0,-2\n7,attack/7,False,replay,s2,1,-3\n`,
    );
    expect(rows.map(({ label, attackType }) => [label, attackType])).toEqual([
      ['live', 'live'],
      ['spoof', 'print'],
      ['spoof', 'replay'],
      ['spoof', 'replay'],
    ]);
    expect(rows[0]).toMatchObject({ subject: '7', extra: { session: 's1' }, score: 3.5, frame: '0' });
    expect(new Set(rows.map(({ video }) => video)).size).toBe(3);
    expect(new Set(rows.map(({ path }) => path)).size).toBe(4);
  });

  it('is refused with the line where is_bonafide is neither', async () => {
    await expect(read(`${BOB}\n7,real/7,maybe,,s1,0,3.5\n`)).rejects.toThrow(/"maybe" is neither .*line 2/);
  });
});

describe('lines of a score and a label', () => {
  it.each([
    ['blanks', '0.9 1\n0.2 0\n'],
    ['tabs and CRLF', '0.9\t1\r\n0.2\t0\r\n'],
    ['commas, signs and blanks beside them', '0.9, +1\n0.2, -1'],
    ['semicolons and decimal commas', '0,9;1.0\n0,2;0.0\n'],
    ['words', '0.9 Live\n0.2 FAKE\n'],
    ['quotes', '"0.9","real"\n"0.2","attack"\n'],
    ['a header in another order', 'label,score\n1,0.9\n0,0.2\n'],
    ['UTF-16 of PowerShell', Buffer.from('\ufeff0.9 1\r\n0.2 0\r\n', 'utf16le')],
    ['UTF-16 the other way round', Buffer.from('\ufeff0.9 1\r\n0.2 0\r\n', 'utf16le').swap16()],
    ['the label first', '1 0.9\n0 0.2\n'],
    ['the label first, as a word, behind a tab', 'bona-fide\t0.9\nspoof\t0.2\n'],
    ['a header in other words', 'y_true;Confidence\n1;0,9\n-1;0,2\n'],
    ['gzip', gzipSync('prob,gt\n0.9,genuine\n0.2,attack\n')],
  ])('parted by %s', async (_, text) => {
    const rows = await read(text);
    expect(rows.map(({ score, label }) => [score, label])).toEqual([
      [0.9, 'live'],
      [0.2, 'spoof'],
    ]);
    expect(rows.map(({ video }) => video)).toEqual(['row 1', 'row 2']);
  });

  it('which column is the label, a later row may tell; a row that fits neither is named', async () => {
    const later = await read('1 1\n0 0\n1 0.75\n0 0.5\n');
    expect(later.map(({ score, label }) => [score, label])).toEqual([
      [1, 'live'],
      [0, 'spoof'],
      [0.75, 'live'],
      [0.5, 'spoof'],
    ]);
    await expect(read('0.9 1\n0.2\n')).rejects.toThrow(/1 fields where 2 are expected, .*line 2/);
    await expect(read('0.9 1\n0 0.3\n')).rejects.toThrow(/label "0\.3" is not known to be live or an attack, .*line 2/);
    await expect(read('is_spoof,score\n1,0.9\n')).rejects.toThrow(/column path, .* is missing, .*line 1/);
  });

  it('may name their samples, which are videos where the names allow it', async () => {
    const named = await readAll('image,label,prob\na/1 1.png,1,0.9\nb.png,0,0.1\n');
    expect(named.video.names).toEqual(['a/1 1.png', 'b.png']);
    const alike = await readAll('id,label,score\nx,1,0.9\nx,0,0.1\n');
    expect(alike.video.names).toEqual(['row 1', 'row 2']);
    expect(alike.notes![1]).toMatch(/names no videos \("x" stands/);
  });

  it('say that 1 is taken for live, unless the user says what is', async () => {
    const text = '0.2 1\n0.9 0\n0.1 2\n';
    const told = await readAll(text, { liveLabel: '0' });
    expect([...told.live]).toEqual([0, 1, 0]);
    expect(told.attackType.names).toContain('2');
    expect(told.notes).toEqual([]);
    const untold = await readAll('0.9 1\n0.2 0\n');
    expect(untold.notes).toEqual([expect.stringMatching(/label 1 is taken for live/)]);
    await expect(read(text)).rejects.toThrow(/label "2" is not known to be live or an attack, .*line 3/);
    await expect(read(text, { liveLabel: 'real' })).rejects.toThrow(/no row of .* has the label real/);
  });

  it('are turned round only when the user says what is higher', async () => {
    const rows = await read('0.25 1\n0.75 0\n', { higher: 'attack' });
    expect(rows.map(({ score }) => score)).toEqual([0.75, 0.25]);
  });
});

describe('other ways to write our columns', () => {
  it('are semicolons, tabs, and labels that the user explains', async () => {
    const cells = [HEADER.split(','), ['a.png', 'M', 's', 'v', '0', '0', 'live', '0.5']];
    for (const separator of [';', '\t']) {
      const rows = await read(cells.map((row) => row.join(separator)).join('\n'), { liveLabel: '0' });
      expect(rows).toMatchObject([{ path: 'a.png', label: 'live', score: 0.5 }]);
    }
  });

  it('a label is explained only where there are labels', async () => {
    await expect(read('a a p 0.5\nb print q 0.5\n', { liveLabel: '1' })).rejects.toThrow(/needs a column of labels/);
  });
});

describe('failures to acquire', () => {
  it('are counted as bob counts them, apart from the rates of the others', async () => {
    const text =
      'a a 1 nan\na a 2 0.9\nb b 3 0.4\na print 4 0.6\na print 5 0.1\nb print 6 0.2\nb print 7 0.3\nb print 8 NaN\n';
    const scores = await readAll(text);
    expect(scores.length).toBe(6);
    const { fixed } = evaluateScores(scores, { why: 'no sources' }).frame.thresholds;
    expect(fixed).toMatchObject({ far: 0.25, frr: 0.5, hter: 0.375 });
    for (const level of ['frame', 'video'] as const) {
      const { fta } = evaluateScores(scores, { why: 'no sources' })[level];
      expect(fta).toMatchObject({ n: { live: 1, attack: 1 }, rate: 0.25 });
      // FAR = FPR (1 - FtA), FRR = FtA + FNR (1 - FtA).
      expect(fta!.thresholds.fixed).toEqual({ far: 0.1875, frr: 0.625, hter: 0.40625 });
    }
    expect(evaluateBare(scores).notes).toEqual([expect.stringMatching(/2 of 8 samples .*failures to acquire/)]);
  });

  it('are of a video only where no frame of it has a score', async () => {
    const scores = await readAll('a a 1 nan\na a 1 0.9\na print 2 nan\na print 2 nan\na print 3 0.2\n');
    const { video, frame } = evaluateScores(scores, { why: 'no sources' });
    expect(video.fta).toMatchObject({ n: { live: 0, attack: 1 }, rate: 1 / 3 });
    expect(frame.fta).toMatchObject({ n: { live: 1, attack: 2 }, rate: 3 / 5 });
  });
});

describe('figures that smell', () => {
  const notesOf = async (live: number[], attacks: number[], subject = 'a') =>
    evaluateBare(
      await readAll(
        [
          ...live.map((s, i) => `${subject}${i} ${subject}${i} l${i} ${s}`),
          ...attacks.map((s, i) => `b${i} print s${i} ${s}`),
        ].join('\n'),
      ),
    ).notes ?? [];

  it.each([
    [
      'inverted scores',
      [0.1, 0.2, 0.6],
      [0.7, 0.8, 0.5],
      /look inverted: AUC 11\.11 %.* higher score has to mean live/,
    ],
    ['scores above 0.5', [3, 4], [1, 2], /at least 0\.5: `fixed` accepts everything/],
    ['scores below 0.5', [-3, 0.1], [-8, -2.5], /below 0\.5: `fixed` rejects everything/],
    ['percent', [90, 40], [20, 0.1], /go from 0\.1 to 90 and look like percent/],
  ])('%s', async (_, live, attacks, note) => {
    expect(await notesOf(live, attacks)).toEqual([expect.stringMatching(note)]);
  });

  it('one subject', async () => {
    const scores = await readAll(`${HEADER}\na,M,ann,v1,0,live,live,0.9\nb,M,ann,v2,0,spoof,print,0.1\n`);
    expect(evaluateBare(scores).notes).toEqual([expect.stringMatching(/are of one subject, ann/)]);
  });

  it('a poor model is no inverted one', async () => {
    expect(await notesOf([0.4, 0.6, 0.3], [0.5, 0.7, 0.2])).toEqual([]);
  });
});
