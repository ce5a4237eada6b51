import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countFrames } from '../../src/data/counts.js';
import { findCropSets, missingFiles, readCropSet, writeCropSet } from '../../src/data/cropSet.js';
import { summarize } from '../../src/data/datasets.js';
import type { NewFrame } from '../../src/data/manifest.js';
import { failure, frame, put, temporaryFolder } from './helpers.js';

const folder = await temporaryFolder();
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const frames: NewFrame[] = (['train', 'dev', 'test'] as const).flatMap((split, s) =>
  (['live', 'print', 'replay'] as const).flatMap((attackType) =>
    [0, 8].map((number) => ({
      path: `crops/${split}-${attackType}-${number}.png`,
      split,
      subject: `${s}`,
      video: `${split}-${attackType}`,
      frame: number,
      label: attackType === 'live' ? ('live' as const) : ('spoof' as const),
      attackType,
      pai: '',
    })),
  ),
);

/** A set whose images are their own names. */
async function writeSet(name: string, letter: string): Promise<string> {
  const dir = join(folder, name);
  for (const { path } of frames) await put(join(dir, path), path);
  await writeCropSet(dir, { name, letter, subsets: { default: { splits: ['train', 'test'] } } }, frames);
  return dir;
}

describe('writeCropSet', () => {
  it('leaves a manifest and a description that readCropSet reads', async () => {
    const dir = join(folder, 'written');
    for (const { path } of frames) await put(join(dir, path), path);
    const description = {
      name: 'Written Set',
      letter: 'W',
      synthetic: true,
      recipe: { size: 64, seed: 1 },
      audit: { missing: ['a.avi'], unreadable: [], short: [], faceless: ['b.avi'], jumping: [], extra: [] },
      subsets: { default: { splits: ['train' as const, 'test' as const] } },
    };
    await writeCropSet(dir, description, frames);
    const set = await readCropSet(dir);
    expect(set).toMatchObject({ ...description, dir });
    expect(set.frames.map((read) => read.path)).toEqual(frames.map(({ path }) => join(dir, path)));
    expect(set.hash).toBe(sha256(await readFile(join(dir, 'manifest.csv'))));

    const written = JSON.parse(await readFile(join(dir, 'dataset.json'), 'utf8'));
    expect(written.counts).toEqual({ videos: { live: 3, attack: 6 }, images: { live: 6, attack: 12 }, subjects: 3 });
    expect(written.hashes.files).toBe(sha256(frames.map(({ path }) => `${sha256(path)}  ${path}\n`).join('')));
    expect((await readdir(dir)).sort()).toEqual(['crops', 'dataset.json', 'manifest.csv']);
  });

  it('writes the same bytes again', async () => {
    const dir = await writeSet('again', 'A');
    const bytes = () => Promise.all(['manifest.csv', 'dataset.json'].map((name) => readFile(join(dir, name), 'utf8')));
    const first = await bytes();
    await writeSet('again', 'A');
    expect(await bytes()).toEqual(first);
  });

  it('leaves no set behind when a crop is not there', async () => {
    const dir = join(folder, 'incomplete');
    await expect(writeCropSet(dir, { name: 'x', letter: 'X' }, frames)).rejects.toThrow('ENOENT');
    await expect(readdir(dir)).rejects.toThrow('ENOENT');
  });
});

describe('readCropSet', () => {
  const csv = 'path,domain,split,subject,video,frame,label,attack_type,pai\na.png,Z,train,1,v,0,live,,\n';

  it('needs the manifest alone', async () => {
    await put(join(folder, 'own', 'manifest.csv'), csv);
    expect(await readCropSet(join(folder, 'own'))).toMatchObject({
      name: 'own',
      letter: 'Z',
      synthetic: false,
      subsets: {},
    });
  });

  it('hashes the bytes of the manifest', async () => {
    await put(join(folder, 'crlf', 'manifest.csv'), csv.replaceAll('\n', '\r\n'));
    expect((await readCropSet(join(folder, 'crlf'))).hash).toBe(sha256(csv.replaceAll('\n', '\r\n')));
  });

  it('refuses two domains in one folder', async () => {
    await put(join(folder, 'two', 'manifest.csv'), `${csv}b.png,Y,train,1,w,0,live,,\n`);
    const error = await failure(readCropSet(join(folder, 'two')));
    expect(error.message).toContain('manifest.csv line 3 has the domain Y where line 2 has Z');
  });

  it.each([
    ['{"name": "x", "letter": "Q"}', 'letter is Q'],
    ['{"name": "x"}', 'letter is wrong in'],
    ['{"name": "x", "letter": "Z", "subsets": {"a": {"splits": ["devel"]}}}', 'subsets.a.splits.0 is wrong in'],
    ['{"name": ', 'is not JSON'],
  ])('refuses the description %s', async (json, message) => {
    await put(join(folder, 'described', 'manifest.csv'), csv);
    await put(join(folder, 'described', 'dataset.json'), json);
    const error = await failure(readCropSet(join(folder, 'described')));
    expect(error.message).toContain(message);
    expect(error.message).toContain(join(folder, 'described', 'dataset.json'));
  });
});

describe('findCropSets', () => {
  it('finds the sub-folders with a manifest by their letter', async () => {
    await writeSet('data/OULU', 'O');
    await writeSet('data/MSU', 'M');
    await put(join(folder, 'data', 'notes', 'readme.txt'), '');
    await put(join(folder, 'data', 'file.txt'), '');
    const sets = await findCropSets(join(folder, 'data'));
    expect([...sets.keys()]).toEqual(['M', 'O']);
    expect(sets.get('O')!.name).toBe('data/OULU');
  });

  it('refuses two sets with one letter', async () => {
    await writeSet('twins/a', 'O');
    await writeSet('twins/b', 'O');
    expect((await failure(findCropSets(join(folder, 'twins')))).message).toMatch(
      /twins\/a and .*twins\/b have the same letter, O/,
    );
  });

  it('says how to come by data when there are none', async () => {
    const missing = await failure(findCropSets(join(folder, 'nowhere')));
    expect(missing.message).toBe(`the data folder ${join(folder, 'nowhere')} does not exist`);
    expect(missing.hint).toContain('ldc synth --out');
    expect((await failure(findCropSets(join(folder, 'own')))).message).toContain(
      'is a crop set, not a folder of crop sets',
    );
    await put(join(folder, 'empty', 'readme.txt'), '');
    expect((await failure(findCropSets(join(folder, 'empty')))).message).toContain('has no folder with a manifest.csv');
  });
});

describe('summarize', () => {
  it('counts, and names crops that are gone', async () => {
    const dir = await writeSet('summary', 'S');
    await rm(join(dir, 'crops/dev-live-8.png'));
    const set = await readCropSet(dir);
    expect(await summarize(set)).toEqual({
      name: 'summary',
      letter: 'S',
      path: dir,
      synthetic: false,
      videos: { live: 3, attack: 6 },
      images: { live: 6, attack: 12 },
      subjects: 3,
      subsets: { all: { live: 3, attack: 6 }, default: { live: 2, attack: 4 } },
      published: {},
      origins: { labels: {}, subjects: {}, videos: {} },
      audit: { missing: ['crops/dev-live-8.png'], unreadable: [], short: [], faceless: [], jumping: [], extra: [] },
    });
    expect((await missingFiles(set.frames)).map(({ row }) => row)).toEqual([9]);
    await rm(join(dir, 'crops'), { recursive: true });
    expect(await missingFiles(set.frames)).toHaveLength(frames.length);
  });
});

describe('countFrames', () => {
  it('keeps videos and subjects of different domains apart, and does not count unknown subjects', () => {
    const same = { video: 'v', subject: '1' };
    const list = [
      frame(same),
      frame(same),
      frame({ ...same, domain: 'C' }),
      frame({ video: 'w', subject: '', label: 'spoof' }),
    ];
    expect(countFrames(list)).toEqual({ videos: { live: 2, attack: 1 }, images: { live: 3, attack: 1 }, subjects: 2 });
  });
});
