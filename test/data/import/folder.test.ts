/** A folder of the user's own, sorted by globs; and the same images by list, by folder and by `prepare`. */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCropSet } from '../../../src/data/cropSet.js';
import { type FolderImportOptions, importFolder } from '../../../src/data/import/folder.js';
import { importList } from '../../../src/data/import/list.js';
import { type PrepareOptions, prepare } from '../../../src/data/prepare/prepare.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { titled } from '../../peers.js';
import { failure, put, temporaryFolder } from '../helpers.js';
import { noFfmpeg, writeClip } from '../prepare/clips.js';

let base: string;
beforeAll(async () => {
  base = await temporaryFolder();
});

const settings = { frames: 4, sampling: 'uniform', size: 64, margin: 0.3, align: 'none', jobs: 2 } as const;

function run(root: string, out: string, more: Partial<FolderImportOptions>) {
  return importFolder({ root, out, name: 'own', letter: 'X', ...settings, ...more });
}

let level = 0;
async function picture(path: string, width = 40, height = 40): Promise<void> {
  level = (level + 7) % 250;
  const image = sharp({ create: { width, height, channels: 3, background: { r: level, g: 90, b: 40 } } });
  await put(path, await (path.endsWith('.png') ? image.png() : image.jpeg()).toBuffer());
}

describe('images', () => {
  let root: string;
  const globs = { live: ['real'], attack: ['print=fake/printed/**', 'replay=fake/*.jpg'] };
  beforeAll(async () => {
    root = join(base, 'images');
    const names = [
      'real/anna/v1_frame1.png',
      'real/anna/v1_frame2.png',
      'test/real/bert/a.jpg',
      'fake/printed/x.png',
      'fake/y.jpg',
    ];
    for (const name of names) await picture(join(root, name), 40, 56);
    await put(join(root, '.DS_Store'), '');
    await put(join(root, 'fake/._y.jpg'), 'no picture');
    await put(join(root, 'notes.txt'), '');
  });

  test('are kept byte for byte, with what globs and names say', async () => {
    const { path, images, audit, notes } = await run(root, join(base, 'kept'), { ...globs, live: ['**/real/**'] });
    expect(images).toBe(5);
    expect(audit.findings.extra).toEqual([]);
    const set = await readCropSet(path);
    expect(set.frames.map((one) => [one.split, one.subject, one.video, one.frame, one.label, one.attackType])).toEqual([
      ['train', '', 'fake/printed/x', 0, 'spoof', 'print'],
      ['train', '', 'fake/y', 0, 'spoof', 'replay'],
      ['train', '', 'real/anna/v1', 1, 'live', 'live'],
      ['train', '', 'real/anna/v1', 2, 'live', 'live'],
      ['test', '', 'test/real/bert/a', 0, 'live', 'live'],
    ]);
    for (const frame of set.frames) {
      const name = frame.path.slice(path.length + '/crops/'.length);
      expect(await readFile(frame.path)).toEqual(await readFile(join(root, name)));
    }
    expect(notes).toEqual([
      '3 of 5 files are each a video of its own: nothing in the names says which images are of one video; --video REGEX says it',
      '1 file of another kind is passed over: 1 .txt',
    ]);
    expect(set.origins).toEqual({ labels: { globs: 5 }, subjects: { unknown: 5 }, videos: { 'names of files': 5 } });
    expect(set.recipe).toMatchObject({ made_by: 'ldc import folder', live: ['**/real/**'], detect: false });
  });

  test('are of the videos and people that patterns find', async () => {
    const more = {
      ...globs,
      live: ['**/real/**'],
      video: '(?<video>.+?)(?:_frame(?<frame>\\d+))?\\.',
      subject: '(anna|bert|fake)',
    };
    const { path, notes } = await run(root, join(base, 'patterns'), more);
    const { frames } = await readCropSet(path);
    expect(frames.map(({ subject, video, frame }) => [subject, video, frame])).toEqual([
      ['fake', 'fake/printed/x', 0],
      ['fake', 'fake/y', 0],
      ['anna', 'real/anna/v1', 1],
      ['anna', 'real/anna/v1', 2],
      ['bert', 'test/real/bert/a', 0],
    ]);
    expect(notes).toHaveLength(1);
  });

  test('that no glob finds are counted and named', async () => {
    const { audit, notes } = await run(root, join(base, 'some'), globs);
    expect(audit.findings.extra.map(({ path }) => path)).toEqual(['test/real/bert/a.jpg']);
    expect(notes).toContain('1 of 5 images and videos are of no glob: test/real/bert/a.jpg');
  });

  test('are never labelled against evidence', async () => {
    const out = join(base, 'never');
    const fails = async (more: Partial<FolderImportOptions>) => (await failure(run(root, out, more))).message;
    expect(await fails({ live: ['fake'], attack: ['print=**/real/**'] })).toBe(
      'globs and folders contradict each other for 5 of 5 images and videos, of which the first: fake/printed/x.png is live by its glob, its folder "fake" says spoof',
    );
    expect(await fails({ live: ['**/*.png'], attack: ['print=fake'], trust: 'globs' })).toBe(
      'globs contradict each other for 1 of 5 images and videos, of which the first: fake/printed/x.png fits --live **/*.png and --attack print=fake',
    );
    expect(await fails({ live: ['reel'], attack: ['print=fake'] })).toBe(
      '--live reel fits none of 5 images and videos',
    );
    expect(await fails({ attack: ['fake'] })).toBe('--attack fake is not TYPE=GLOB');
    expect(await fails({ attack: ['live=fake'] })).toBe('--attack live=fake is not TYPE=GLOB');
    expect(await fails({})).toContain('nothing says what is live');
    expect(await fails({ ...globs, name: '../own' })).toContain('cannot be called');
    expect(await fails({ ...globs, video: '(?<video>r|f)' })).toMatch(/^the video f is print in .* and replay in /);
    expect(await fails({ ...globs, subject: 'anna' })).toContain(
      '--subject finds nothing in 2 of 4 paths: fake/printed/x.png',
    );
    expect((await run(root, out, { live: ['fake'], trust: 'globs' })).images).toBe(2);
  });

  test('that cannot be read are named, and the others taken', async () => {
    const damaged = join(base, 'damaged');
    await picture(join(damaged, 'real/1.png'));
    await put(join(damaged, 'real/2.png'), 'no picture');
    const { images, audit } = await run(damaged, join(base, 'damaged-out'), { live: ['real'] });
    expect(images).toBe(1);
    expect(audit.findings.unreadable.map(({ path }) => path)).toEqual(['real/2.png']);
  });

  test('are begun where they were left, and refused to other settings', async () => {
    const out = join(base, 'again');
    const first = await run(root, out, globs);
    const before = await stat(join(first.path, 'crops/fake/y.jpg'));
    await rm(join(first.path, 'crops/real/anna/v1_frame1.png'));
    const again = await run(root, out, globs);
    expect([first.resumed, again.resumed, again.images]).toEqual([0, 3, 4]);
    expect((await stat(join(first.path, 'crops/fake/y.jpg'))).mtimeMs).toBe(before.mtimeMs);
    expect((await failure(run(root, out, { live: ['real'] }))).message).toMatch(
      /prepared with other settings or programs \(.*attack was \[.*\] and is \[\]/,
    );
  });
});

test.skipIf(noFfmpeg)(titled('videos lie beside images', noFfmpeg), async () => {
  const root = join(base, 'videos');
  await writeClip(join(root, 'live/a.mp4'), { width: 160, height: 120, frames: 12 });
  await picture(join(root, 'live/a.png'));
  await picture(join(root, 'screen/b.jpg'));
  const { path, audit } = await run(root, join(base, 'videos-out'), {
    live: ['live/*.mp4'],
    attack: ['replay=screen'],
  });
  const { frames } = await readCropSet(path);
  expect(frames.map(({ video, frame }) => [video, frame])).toEqual([
    ...[1, 4, 7, 10].map((frame) => ['live/a', frame]),
    ['screen/b', 0],
  ]);
  expect(audit.findings.short).toEqual([]);
  const { width, height } = await sharp(frames[0]!.path).metadata();
  expect([width, height]).toEqual([64, 64]);
  const both = await failure(run(root, join(base, 'videos-both'), { live: ['live'] }));
  expect(both.message).toBe('live/a.mp4 and live/a.png would be one video, live/a');
});

describe('the same images', () => {
  /** The rows of a manifest without paths, and without where faces were found. */
  async function rowsOf(folder: string): Promise<unknown[]> {
    const rows = parse(await readFile(join(folder, 'manifest.csv')), { columns: true }) as Record<string, string>[];
    const plain = rows.map(({ path: _, face: __, box: ___, ...row }) => row);
    return plain.sort((a, b) => (`${a.video} ${a.frame}` < `${b.video} ${b.frame}` ? -1 : 1));
  }

  const options = (root: string, out: string): PrepareOptions => ({ ...settings, root, out, detector: 'none' });

  test('have one manifest by list, by folder and by prepare', async () => {
    const root = join(base, 'celeba');
    const images = [
      'train/7/live/000001.jpg',
      'train/7/spoof/000002.png',
      'test/9/live/000003.jpg',
      'test/9/spoof/000004.jpg',
    ];
    for (const image of images) {
      await picture(join(root, 'Data', image));
      await put(join(root, 'Data', image.replace(/\.\w+$/, '_BB.txt')), '56 56 112 112 0.99\n');
    }
    const list = await put(join(root, 'all.txt'), images.map((image) => `Data/${image}\n`).join(''));
    const source = findSource('celeba-spoof');
    const out = (name: string) => join(base, `same-${name}`);
    const prepared = await prepare(source, options(root, out('prepare')));
    const listed = await importList({ files: [list], out: out('list'), source });
    const foldered = await run(join(root, 'Data'), out('folder'), {
      name: source.name,
      letter: source.letter,
      live: ['**/live/**'],
      attack: ['unknown=**/spoof/**'],
      video: '(?<subject>\\d+)/\\w+/\\d+(?=\\.)',
    });
    const rows = await rowsOf(prepared.path);
    expect(rows).toHaveLength(4);
    expect(await rowsOf(listed.path)).toEqual(rows);
    expect(await rowsOf(foldered.path)).toEqual(rows);
  });

  test.skipIf(noFfmpeg)(titled('have one manifest as frames of videos, by list and by prepare', noFfmpeg), async () => {
    const root = join(base, 'casia');
    for (const name of ['train_release/1/1', 'train_release/1/HR_2', 'test_release/3/7']) {
      await writeClip(join(root, `${name}.avi`), { frames: 30 });
      await put(join(root, `${name}.face`), '0 40 30 40 50\n');
    }
    const source = findSource('casia');
    const prepared = await prepare(source, options(root, join(base, 'casia-prepare')));
    const { frames } = await readCropSet(prepared.path);
    const list = frames.map(({ path, label }) => `${path}\t${label === 'live' ? 1 : 0}\r\n`).join('');
    const file = await put(join(base, 'casia.txt'), list);
    const listed = await importList({
      files: [file],
      root: join(prepared.path, 'crops'),
      out: join(base, 'casia-list'),
      source,
    });
    expect(await rowsOf(listed.path)).toEqual(await rowsOf(prepared.path));
  });
});
