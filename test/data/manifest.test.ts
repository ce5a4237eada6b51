import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type NewFrame, readManifest, relativePath, writeManifest } from '../../src/data/manifest.js';
import { failure, put, temporaryFolder } from './helpers.js';

const folder = await temporaryFolder();
const file = join(folder, 'manifest.csv');
const HEADER = 'path,domain,split,subject,video,frame,label,attack_type,pai';
const LIVE = 'crops/a.png,O,train,1,v1,0,live,live,';
const SPOOF = 'crops/b.png,O,test,2,v2,30,spoof,Print,printer 1';

async function read(csv: string) {
  await put(file, csv);
  return (await readManifest(folder)).frames;
}
const messageOf = async (csv: string) => (await failure(read(csv))).message;

describe('readManifest', () => {
  it('reads rows as frames', async () => {
    expect(await read(`${HEADER}\n${LIVE}\n${SPOOF}\n`)).toEqual([
      {
        path: join(folder, 'crops/a.png'),
        domain: 'O',
        split: 'train',
        subject: '1',
        video: 'v1',
        frame: 0,
        label: 'live',
        attackType: 'live',
        pai: '',
        extra: {},
        manifest: file,
        row: 2,
      },
      {
        path: join(folder, 'crops/b.png'),
        domain: 'O',
        split: 'test',
        subject: '2',
        video: 'v2',
        frame: 30,
        label: 'spoof',
        attackType: 'print',
        pai: 'printer 1',
        extra: {},
        manifest: file,
        row: 3,
      },
    ]);
  });

  it('takes CRLF, a byte order mark, empty lines, spaces, and a last line without an end', async () => {
    const plain = await read(`${HEADER}\n${LIVE}\n${SPOOF}\n`);
    expect(await read(`\uFEFF${HEADER}\r\n${LIVE}\r\n${SPOOF}`)).toEqual(plain);
    const spaced = await read(`${HEADER.replaceAll(',', ', ')}\n\n${LIVE.replaceAll(',', ' , ')}\n\n${SPOOF}\n\n`);
    expect(spaced.map(({ row }) => row)).toEqual([3, 5]);
    expect(spaced.map((frame) => ({ ...frame, row: 0 }))).toEqual(plain.map((frame) => ({ ...frame, row: 0 })));
  });

  it('takes the columns in any order and keeps those of others', async () => {
    const header = 'label,frame,box,video,subject,split,domain,path,pai,attack_type,quality';
    const [frame] = await read(`${header}\nlive,7,"1,2",v,s,dev,Q,./crops//x/../a.png,p,,0.5\n`);
    expect(frame).toMatchObject({
      domain: 'Q',
      split: 'dev',
      frame: 7,
      attackType: 'live',
      path: join(folder, 'crops/a.png'),
    });
    expect(frame!.extra).toEqual({ box: '1,2', quality: '0.5' });
    expect(relativePath(frame!)).toBe('crops/a.png');
  });

  it('counts lines as an editor does, also below quoted line breaks', async () => {
    const frames = await read(`${HEADER}\n${LIVE.replace(/$/, '"two\nlines"')}\n${SPOOF}\n`);
    expect(frames[0]!.pai).toBe('two\nlines');
    expect(frames[1]!.row).toBe(4);
  });

  it('leaves the subject open where it is unknown', async () => {
    expect((await read(`${HEADER}\ncrops/a.png,O,train,,v1,0,live,,\n`))[0]!.subject).toBe('');
  });

  it.each([
    ['a missing column', `${HEADER.replace('label,', '')}\n${LIVE}\n`, 'missing column label, in FILE line 1'],
    [
      'missing columns',
      'path,domain,split,subject,video,frame,label\n',
      'missing columns attack_type, pai, in FILE line 1',
    ],
    ['a column twice', `${HEADER},pai\n${LIVE},\n`, 'FILE line 1 has the column pai twice'],
    [
      'an unknown label',
      `${HEADER}\n${LIVE}\n${SPOOF.replace('spoof', 'fake')}\n`,
      'FILE line 3 has the unknown label "fake"',
    ],
    ['an unknown split', `${HEADER}\n${LIVE.replace('train', 'devel')}\n`, 'FILE line 2 has the unknown split "devel"'],
    [
      'a frame that is no number',
      `${HEADER}\n${LIVE.replace(',0,', ',x1,')}\n`,
      'line 2 has the frame "x1", which is not',
    ],
    ['a negative frame', `${HEADER}\n${LIVE.replace(',0,', ',-1,')}\n`, 'line 2 has the frame "-1", which is not'],
    ['no frame', `${HEADER}\n${LIVE.replace(',0,', ',,')}\n`, 'line 2 has the frame "", which is not'],
    ['no path', `${HEADER}\n${LIVE.replace('crops/a.png', '')}\n`, 'FILE line 2 has no path'],
    ['no video', `${HEADER}\n${LIVE.replace('v1', '')}\n`, 'FILE line 2 has no video'],
    ['no domain', `${HEADER}\n${LIVE.replace(',O,', ',,')}\n`, 'FILE line 2 has no domain'],
    [
      'a path twice',
      `${HEADER}\n${LIVE}\n\n${LIVE.replace('crops/', 'crops/./')}\n`,
      'line 4 has the path "crops/a.png", which line 2',
    ],
    [
      'a path upwards',
      `${HEADER}\n${LIVE.replace('crops', 'crops/../..')}\n`,
      'line 2 has the path "crops/../../a.png", which leads out',
    ],
    ['an absolute path', `${HEADER}\n${LIVE.replace('crops', '/crops')}\n`, 'which leads out of the folder'],
    ['a Windows path', `${HEADER}\n${LIVE.replace('crops/', 'C:\\')}\n`, 'which leads out of the folder'],
    [
      'a spoof frame without a type',
      `${HEADER}\n${SPOOF.replace('Print', '')}\n`,
      'line 2 has a spoof frame without attack_type',
    ],
    [
      'a spoof frame that is live',
      `${HEADER}\n${SPOOF.replace('Print', 'live')}\n`,
      'a spoof frame without attack_type',
    ],
    [
      'a live frame of a print',
      `${HEADER}\n${LIVE.replace('live,live', 'live,print')}\n`,
      'a live frame of attack_type "print"',
    ],
    ['too few fields', `${HEADER}\n${LIVE}\ncrops/b.png,O\n`, 'FILE line 3 has 2 fields where the header has 9'],
    ['an open quote', `${HEADER}\n${LIVE}\n"crops/b.png,O\n`, 'not a CSV file'],
    ['no rows', `${HEADER}\n`, 'FILE has a header but no rows'],
    ['nothing', '', 'FILE is empty'],
    [
      'a video with two labels',
      `${HEADER}\n${LIVE}\n${SPOOF.replace('v2', 'v1').replace(',2,', ',1,').replace('test', 'train')}\n`,
      'FILE line 3 has the label "spoof" for the video "v1", which has "live" in line 2',
    ],
    [
      'a video of two people',
      `${HEADER}\n${LIVE}\n${LIVE.replace('a.png', 'c.png').replace(',1,', ',9,')}\n`,
      'the subject "9"',
    ],
  ])('refuses %s', async (_, csv, message) => {
    const text = await messageOf(csv);
    expect(text).toContain(message.replace('FILE', file));
    expect(text).toContain(file);
  });

  it('names a manifest that is not there', async () => {
    const error = await failure(readManifest(join(folder, 'nowhere')));
    expect(error.message).toBe(`${join(folder, 'nowhere', 'manifest.csv')} does not exist`);
  });
});

describe('writeManifest', () => {
  it('writes what is read back, quoting where it has to', async () => {
    const frames: NewFrame[] = [
      {
        path: 'crops/a, "b".png',
        split: 'train',
        subject: 'é',
        video: 'v',
        frame: 3,
        label: 'live',
        attackType: 'live',
        pai: '',
      },
      {
        path: 'crops/c.png',
        split: 'dev',
        subject: '2',
        video: 'w',
        frame: 4,
        label: 'spoof',
        attackType: 'replay',
        pai: 'a\nb',
        extra: { box: '1,2' },
      },
    ];
    const bytes = await writeManifest(folder, 'Q', frames);
    expect(await readFile(file)).toEqual(bytes);
    const { frames: read } = await readManifest(folder);
    expect(read).toEqual(
      frames.map((frame, i) => ({
        ...frame,
        path: join(folder, frame.path),
        domain: 'Q',
        extra: { box: i === 0 ? '' : '1,2' },
        manifest: file,
        row: i === 0 ? 2 : 4,
      })),
    );
    expect(read.map(relativePath)).toEqual(frames.map(({ path }) => path));
  });
});
