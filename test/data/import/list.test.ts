/** What lists say, as people write them: each kind of list that was met in reports, with small inputs of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CropSet, readCropSet } from '../../../src/data/cropSet.js';
import type { ImportedSet } from '../../../src/data/import/arrays.js';
import { importList } from '../../../src/data/import/list.js';
import type { ListImportOptions } from '../../../src/data/import/listOptions.js';
import { LeftOut } from '../../../src/data/leftOut.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { failure, pngWith, put, temporaryFolder } from '../helpers.js';

let base: string;
let made = 0;
beforeAll(async () => {
  base = await temporaryFolder();
});

type Lists = Record<string, string | Uint8Array>;

/** Writes lists, and an image for each of `images`, into a new folder. */
async function folderOf(lists: Lists, images: readonly string[]): Promise<string> {
  const root = join(base, `case ${made++}`);
  for (const [name, content] of Object.entries(lists)) await put(join(root, name), content);
  for (const image of images) await put(join(root, image), pngWith(image));
  return root;
}

function optionsOf(root: string, lists: Lists, more: Partial<ListImportOptions>): ListImportOptions {
  const files = Object.keys(lists).map((name) => join(root, name));
  return { files, out: join(root, 'out'), source: null, name: 'own', letter: 'X', ...more };
}

async function imported(
  lists: Lists,
  images: readonly string[],
  more: Partial<ListImportOptions> = {},
): Promise<ImportedSet & { set: CropSet; labels: string[] }> {
  const root = await folderOf(lists, images);
  const result = await importList(optionsOf(root, lists, more));
  const set = await readCropSet(result.path);
  return { ...result, set, labels: set.frames.map(({ label }) => label) };
}

async function refused(lists: Lists, images: readonly string[], more: Partial<ListImportOptions> = {}) {
  const root = await folderOf(lists, images);
  const error = await failure(importList(optionsOf(root, lists, more)));
  await expect(readCropSet(join(root, 'out/own'))).rejects.toThrow('does not exist');
  return { message: error.message.replaceAll(`${root}/`, ''), hint: error.hint ?? '' };
}

const lines = (...rows: string[]) => `${rows.join('\n')}\n`;
const four = ['img/a.png', 'img/b.png', 'img/c.png', 'img/d.png'];
const folders = ['real/1.png', 'real/2.png', 'fake/1.png', 'fake/2.png'];

describe('labels are read as they are written:', () => {
  test.each<[string, string | Uint8Array]>([
    ['numbers', lines('img/a.png 1', 'img/b.png 0', 'img/c.png +1', 'img/d.png -1')],
    [
      'signs that change, and remarks',
      lines('# mine', 'img/a.png 1', 'img/b.png,0', '#', 'img/c.png\t1', 'img/d.png;0'),
    ],
    [
      'a remark that names the columns',
      lines('#path label', 'img/a.png 1', 'img/b.png 0', 'img/c.png 1', 'img/d.png 0'),
    ],
    ['commas', lines('img/a.png,1', 'img/b.png, 0', 'img/c.png ,1', 'img/d.png,0.0')],
    ['tabs and CRLF', 'img/a.png\t1\r\nimg/b.png\t0\r\nimg/c.png\t1\r\nimg/d.png\t-2\r\n'],
    ['semicolons and words', lines('img/a.png;real', 'img/b.png;Attack', 'img/c.png;BONAFIDE', 'img/d.png;print')],
    ['words', lines('img/a.png genuine', 'img/b.png fake', 'img/c.png bona fide', 'img/d.png spoof')],
    ['quotes', lines('"img/a.png",1', '"img/b.png","0"', "'img/c.png',1", 'img/d.png,0')],
    ['labels in front', lines('1 img/a.png', '0 img/b.png', 'live img/c.png', 'fake img/d.png')],
    ['a header', lines('path,label', 'img/a.png,1', 'img/b.png,0', 'img/c.png,1', 'img/d.png,0')],
    ['a header of another name', lines('bild;klasse', 'img/a.png;1', 'img/b.png;0', 'img/c.png;1', 'img/d.png;0')],
    ['is_spoof', lines(',is_spoof,image', '0,0,img/a.png', '1,1,img/b.png', '2,0,img/c.png', '3,1,img/d.png')],
    ['attacks by number', lines('file,attack', 'img/a.png,0', 'img/b.png,3', 'img/c.png,0', 'img/d.png,1')],
    [
      'types of attacks',
      lines('file,attack_type', 'img/a.png,live', 'img/b.png,Print', 'img/c.png,none', 'img/d.png,cut'),
    ],
    ['pairs of JSON', '[["img/a.png", 1], ["img/b.png", 0], ["img/c.png", true], ["img/d.png", "fake"]]'],
    ['an object of JSON', '{"img/a.png": 1, "img/b.png": 0, "img/c.png": 1, "img/d.png": 0}'],
    ['a byte order mark', `\ufeff${lines('img/a.png 1', 'img/b.png 0', 'img/c.png 1', 'img/d.png 0')}`],
    ['UTF-16', Buffer.from(`\ufeff${lines('img/a.png 1', 'img/b.png 0', 'img/c.png 1', 'img/d.png 0')}`, 'utf16le')],
    ['backslashes', lines('img\\a.png 1', '.\\img\\b.png 0', 'img\\c.png 1', 'img\\d.png 0')],
  ])('%s', async (_, content) => {
    const { labels } = await imported({ 'list.txt': content }, four);
    expect(labels).toEqual(['live', 'spoof', 'live', 'spoof']);
  });

  test('JSON of SSDG, with a mark and with backslashes', async () => {
    const paths = ['train_release/2/1/6.png', 'train_release/2/6/6.png', 'train_release/15/7/19.png'];
    const entries = paths.map((path, i) => ({ photo_path: path.replaceAll('/', '\\'), photo_label: i === 0 ? 1 : 0 }));
    const { set } = await imported({ 'windows.json': `\ufeff${JSON.stringify(entries)}` }, paths, {
      source: findSource('casia'),
    });
    expect(set.frames.map(({ subject, video, frame, label }) => [subject, video, frame, label])).toEqual([
      ['2', 'train_release/2/1', 6, 'live'],
      ['2', 'train_release/2/6', 6, 'spoof'],
      ['15', 'train_release/15/7', 19, 'spoof'],
    ]);
  });

  test('a path with blanks, a comma or a backslash of its own', async () => {
    const images = ['my img/a, b.png', 'img/c\\d.png'];
    const { set, labels } = await imported({ 'list.txt': lines('my img/a, b.png 1', 'img/c\\d.png 0') }, images);
    expect(labels).toEqual(['live', 'spoof']);
    expect(await readFile(set.frames[1]!.path)).toEqual(pngWith('img/c\\d.png'));
  });

  test('columns that are called otherwise, by what is in them or what they are called after', async () => {
    const rows = (...columns: string[]) => ({ 'list.csv': lines(...columns) });
    const first = async (...columns: string[]) => (await imported(rows(...columns), four)).labels;
    expect(await first('path,fake_flag', 'img/a.png,0', 'img/b.png,1')).toEqual(['live', 'spoof']);
    expect(await first('path,spoofing', 'img/a.png,1', 'img/b.png,0')).toEqual(['spoof', 'live']);
    expect(await first('id,path,category', '1,img/a.png,Live', '2,img/b.png,Print')).toEqual(['live', 'spoof']);
    const json = JSON.stringify([
      { path: 'img/a.png', kind: 'fake' },
      { path: 'img/b.png', kind: 'real' },
    ]);
    expect((await imported({ 'list.json': json }, four)).labels).toEqual(['spoof', 'live']);
    const { set } = await imported(rows('path,label,fold', 'img/a.png,1,train', 'img/b.png,0,test'), four);
    expect(set.frames.map(({ split }) => split)).toEqual(['train', 'test']);
    const turned = ['path,label,label_name', 'img/a.png,0,live', 'img/b.png,1,spoof'];
    const { message, hint } = await refused(rows(...turned), four);
    expect(message).toContain('labels and types of attacks contradict each other for 2 of 2 images');
    expect(hint).toBe('if 0 means live: --live-label 0; otherwise mend the list, or leave out the flag');
    expect((await imported(rows(...turned), four, { liveLabel: '0' })).set.frames[1]!.attackType).toBe('unknown');
  });

  test('columns beside the label', async () => {
    const list = lines(
      'file,label,subject,video,frame,split,attack_type,quality',
      'img/a.png,1,s1,v1,5,test,,good',
      'img/b.png,1,s1,v1,9,test,,bad',
      'img/c.png,0,s2,v2,0,eval,Screen,bad',
    );
    const { set, notes } = await imported({ 'list.csv': list }, four);
    expect(set.frames.map((one) => [one.subject, one.video, one.frame, one.split, one.attackType])).toEqual([
      ['s1', 'v1', 5, 'test', 'live'],
      ['s1', 'v1', 9, 'test', 'live'],
      ['s2', 'v2', 0, 'test', 'replay'],
    ]);
    expect(notes?.[0]).toMatch(/quality/);
    expect(set.origins).toEqual({ labels: { labels: 3 }, subjects: { 'the list': 3 }, videos: { 'the list': 3 } });
  });
});

describe('labels that no row has', () => {
  test('are those of the nearest folder', async () => {
    const images = ['attack/s1/real/0.png', 'attack/s1/fake/0.png', 'live/s2/spoof_print/0.png'];
    const { set, labels } = await imported({ 'all.txt': lines(...images) }, images);
    expect(labels).toEqual(['live', 'spoof', 'spoof']);
    expect(set.frames.map(({ attackType }) => attackType)).toEqual(['live', 'unknown', 'print']);
  });

  test('are not those of a data set that is called after attacks', async () => {
    const images = ['Replay-Attack/1.png', 'CelebA_Spoof/2.png'];
    const { message } = await refused({ 'all.txt': lines(...images) }, images);
    expect(message).toBe('all.txt line 1 does not say whether Replay-Attack/1.png is live');
  });

  test.each([
    ['image_list_real.txt', 'live'],
    ['fakeFaces.txt', 'spoof'],
    ['casia_attack_train.txt', 'spoof'],
  ])('are those of the name %s, with a note', async (name, label) => {
    const { labels, notes } = await imported({ [name]: lines(...four) }, four);
    expect(labels).toEqual(four.map(() => label));
    expect(notes?.join()).toContain(`${name} are ${label}`);
  });

  test.each(['CelebA_Spoof.txt', 'anti-spoofing_list.txt', 'replay_attack_test.txt', 'real_and_fake.txt'])(
    'are not guessed from the name %s',
    async (name) => {
      expect((await refused({ [name]: lines(...four) }, four)).message).toContain(
        'does not say whether img/a.png is live',
      );
    },
  );

  test('are those of the flags', async () => {
    const lists = { 'a.txt': lines('img/a.png', 'img/b.png'), 'b.txt': lines('img/c.png') };
    const more = { label: ['a.txt=real', 'b.txt=fake'], attackType: ['b.txt=Print'] };
    const { set, labels } = await imported(lists, four, more);
    expect(labels).toEqual(['live', 'live', 'spoof']);
    expect(set.frames[2]!.attackType).toBe('print');
    expect((await refused(lists, four, { label: ['c.txt=real'] })).message).toContain('not imported: c.txt');
    expect((await refused(lists, four, { label: ['perhaps'] })).message).toContain('neither live nor spoof');
    expect((await refused(lists, four, { label: ['real', 'a.txt=fake'] })).message).toContain('given twice for a.txt');
  });
});

describe('--live-label', () => {
  const turned = { 'list.txt': lines('real/1.png 0', 'real/2.png 0', 'fake/1.png 1', 'fake/2.png 1') };

  test.each(['0', '+0', '0.0'])('%s turns numbers round', async (liveLabel) => {
    const { labels, notes } = await imported(turned, folders, { liveLabel });
    expect(labels).toEqual(['live', 'live', 'spoof', 'spoof']);
    expect(notes).toHaveLength(1);
  });

  test('takes any word, the rest being attacks', async () => {
    const list = { 'list.txt': lines('img/a.png P', 'img/b.png N', 'img/c.png x1') };
    expect((await imported(list, four, { liveLabel: 'p' })).labels).toEqual(['live', 'spoof', 'spoof']);
    expect((await refused(list, four)).message).toBe(
      'list.txt line 1 has the label "P", which is neither live nor an attack',
    );
  });

  test('has to be one of the labels', async () => {
    const { message, hint } = await refused(turned, folders, { liveLabel: 'lve' });
    expect(message).toBe('no row has the label "lve" of --live-label');
    expect(hint).toBe('labels are 0 (2), 1 (2)');
  });

  test('may be that of a list of attacks alone', async () => {
    const { labels } = await imported({ 'list.txt': lines('img/a.png 1', 'img/b.png 1') }, four, { liveLabel: '0' });
    expect(labels).toEqual(['spoof', 'spoof']);
  });

  test('is asked for where 1 is taken for live on nobody else’s word', async () => {
    const numbers = { 'list.txt': lines('img/a.png 1', 'img/b.png 0') };
    expect((await imported(numbers, four)).notes?.join()).toContain('1 is taken for live');
    expect((await imported(numbers, four, { liveLabel: '1' })).notes?.join()).not.toContain('taken for live');
  });
});

describe('contradictions', () => {
  const turned = { 'list.txt': lines('real/1.png 0', 'real/2.png 0', 'fake/1.png 1', 'fake/2.png 1') };

  test('of labels and folders name both, the count and what settles them', async () => {
    const { message, hint } = await refused(turned, folders);
    expect(message).toBe(
      'labels and folders contradict each other for 4 of 4 images, of which the first is real/1.png in list.txt line 1: ' +
        'its label says spoof ("0"), its folder "real" says live',
    );
    expect(hint).toBe(
      'if 0 means live: --live-label 0; otherwise --trust list or --trust names says which of them is right',
    );
    expect((await imported(turned, folders, { trust: 'list' })).labels).toEqual(['spoof', 'spoof', 'live', 'live']);
    expect((await imported(turned, folders, { trust: 'names' })).labels).toEqual(['live', 'live', 'spoof', 'spoof']);
  });

  test('of some labels are counted', async () => {
    const list = { 'list.txt': lines('real/1.png 1', 'real/2.png 0', 'fake/1.png 0', 'fake/2.png 0') };
    const { message, hint } = await refused(list, folders);
    expect(message).toMatch(
      /^labels and folders contradict each other for 1 of 4 images, .* real\/2\.png in list\.txt line 2/,
    );
    expect(hint).not.toContain('--live-label');
  });

  test('of a flag, of a type of attack, and of the names of a data set', async () => {
    const flagged = await refused({ 'list.txt': lines(...folders) }, folders, { label: ['live'] });
    expect(flagged.message).toContain('--label and folders contradict each other for 2 of 4');
    const typed = await refused({ 'a.csv': lines('path,label,attack_type', 'img/a.png,1,print') }, four);
    expect(typed.message).toContain('its label says live ("1"), its type of attack is "print"');
    const named = ['oulu/train/real/1_1_01_2_frame0.png'];
    const source = findSource('oulu');
    expect((await refused({ 'a.txt': lines(...named) }, named, { source })).message).toContain(
      'its name says spoof, its folder "real" says live',
    );
    const other = ['oulu/train/fake/1_1_01_2_frame0.png'];
    expect((await refused({ 'a.txt': lines(...other) }, other, { source, attackType: ['replay'] })).message).toContain(
      'the attack "replay", its name says print',
    );
  });

  test('of a list’s own name are errors where they are about all of its images', async () => {
    const { message } = await refused({ 'fake.txt': lines('real/1.png', 'real/2.png') }, folders);
    expect(message).toContain('the name of the list contradicts all of its images (2)');
    expect((await imported({ 'fake.txt': lines('real/1.png', 'fake/2.png') }, folders)).labels).toEqual([
      'live',
      'spoof',
    ]);
  });

  test('of two rows about one image name both', async () => {
    const list = { 'list.txt': lines('img/a.png 1', 'img/b.png 1', 'img/c.png 0', './img/a.png 0') };
    const { message, hint } = await refused(list, four);
    expect(message).toBe('./img/a.png is live in list.txt line 1 and spoof in list.txt line 4');
    expect(hint).toContain('--twice first');
    expect((await imported(list, four, { twice: 'first' })).labels).toEqual(['live', 'live', 'spoof']);
    expect((await imported(list, four, { twice: 'last' })).labels).toEqual(['spoof', 'live', 'spoof']);
  });

  test('of training and test lists that name the same images', async () => {
    const lists = {
      'real_train.txt': lines('img/a.png', 'img/b.png'),
      'real_test.txt': lines('img/b.png', 'img/a.png'),
    };
    const { message } = await refused(lists, four);
    expect(message).toBe(
      '2 images are two things, of which the first: img/b.png is train in real_train.txt line 2 and test in real_test.txt line 1',
    );
    const settled = await imported(lists, four, { split: 'dev' });
    expect(settled.set.frames.map(({ split }) => split)).toEqual(['dev', 'dev']);
    expect(settled.notes?.join()).toContain('2 rows name images again');
    expect((await imported(lists, four, { twice: 'last' })).set.frames.map(({ split }) => split)).toEqual([
      'test',
      'test',
    ]);
  });

  test('of frames of one video', async () => {
    const list = { 'a.json': JSON.stringify([0, 1].map((i) => ({ path: four[i], label: i, video: 7 }))) };
    expect((await refused(list, four)).message).toBe(
      'the video 7 is spoof in a.json entry 1 and live in a.json entry 2',
    );
  });
});

test('the label files of CelebA-Spoof say which attack an image is, and have to agree with its folder', async () => {
  const images = ['Data/train/7/live/1.png', 'Data/train/7/spoof/2.jpg'];
  const attributes = (type: number, label: number) =>
    Array.from({ length: 44 }, (_, i) => (i === 40 ? type : i === 43 ? label : 0));
  const list = (label: number) => ({
    'train_label.json': JSON.stringify({ [images[0]!]: attributes(0, 0), [images[1]!]: attributes(9, label) }),
  });
  const more = { source: findSource('celeba-spoof') };
  const { set } = await imported(list(1), images, more);
  expect(set.frames.map(({ subject, label, attackType, pai }) => [subject, label, attackType, pai])).toEqual([
    ['7', 'live', 'live', ''],
    ['7', 'spoof', 'replay', 'phone'],
  ]);
  expect((await refused(list(0), images, more)).message).toContain('labels and names contradict each other for 1 of 2');
  expect((await refused(list(1), images)).hint).toBe('add --set celeba-spoof');
});

describe('an image of a release whose name does not say what it is', () => {
  test('is what the list or the folder says', async () => {
    const images = ['surf/test/fake/Val_0007_007193-color.jpg', 'surf/test/real/Val_0007_007194-color.jpg'];
    const { labels, set } = await imported({ 'l.txt': lines(...images) }, images, { source: findSource('surf') });
    expect(labels).toEqual(['spoof', 'live']);
    expect(set.frames.map(({ attackType }) => attackType)).toEqual(['unknown', 'live']);
    const bare = ['x/Val_0007_007193-color.jpg'];
    expect((await refused({ 'l.txt': lines(...bare) }, bare, { source: findSource('surf') })).message).toContain(
      'does not say whether',
    );
  });
});

describe('videos and people', () => {
  test('of a data set in two lists, whose names say them', async () => {
    const real = ['casia/train/real/4_1_frame0.png', 'casia/test/real/4_2_frame0.png'];
    const fake = ['casia/train/fake/4_HR_4_frame1.png'];
    const lists = { 'casia_real_train.txt': `${real.join('\r\n')}\r\n`, 'casia_fake_train.txt': lines(...fake) };
    const { set, notes, name } = await imported(lists, [...real, ...fake], { source: findSource('casia') });
    expect(name).toBe('CASIA-FASD');
    expect(set.frames.map((one) => [one.video, one.subject, one.split, one.attackType, one.frame])).toEqual([
      ['train_release/4/1', '4', 'train', 'live', 0],
      ['test_release/4/2', '24', 'test', 'live', 0],
      ['train_release/4/HR_4', '4', 'train', 'replay', 1],
    ]);
    expect(notes).toEqual([]);
    expect(set.origins).toEqual({ labels: { names: 3 }, subjects: { names: 3 }, videos: { names: 3 } });
  });

  test('are what the patterns find', async () => {
    const images = ['anna/real/v1-3.png', 'anna/real/v1-9.png', 'bert/fake/v1-3.png'];
    const more = { video: '(?<video>.+)-(?<frame>\\d+)\\.', subject: '^(\\w+)/' };
    const { set, notes } = await imported({ 'l.txt': lines(...images) }, images, more);
    expect(set.frames.map(({ video, subject, frame }) => [video, subject, frame])).toEqual([
      ['anna/real/v1', 'anna', 3],
      ['anna/real/v1', 'anna', 9],
      ['bert/fake/v1', 'bert', 3],
    ]);
    expect(notes).toEqual([]);
    expect((await refused({ 'l.txt': lines(...images) }, images, { video: '(' })).message).toContain(
      '--video is no regular expression',
    );
    expect((await refused({ 'l.txt': lines(...images) }, images, { subject: 'anna' })).message).toBe(
      '--subject finds nothing in 1 of 3 images, of which the first is bert/fake/v1-3.png in l.txt line 3',
    );
    expect((await refused({ 'l.txt': lines(...images) }, images, { video: 'v1' })).message).toContain(
      'the video v1 is live in l.txt line 1 and spoof in l.txt line 3',
    );
  });

  test('are said to be unknown where nothing says them', async () => {
    const { notes } = await imported({ 'l.txt': lines(...folders) }, folders);
    expect(notes).toEqual([
      'every video has one frame: nothing in the names says which images are of one video; --video REGEX says it',
    ]);
    const frames = ['real/v_frame1.png', 'real/v_frame2.png', 'fake/2.png'];
    const some = await imported({ 'l.txt': lines(...frames) }, frames);
    expect(some.set.frames.map(({ video, frame }) => [video, frame])).toEqual([
      ['real/v', 1],
      ['real/v', 2],
      ['fake/2', 0],
    ]);
    expect(some.notes?.join()).toContain('1 of 3 images are each a video of its own');
  });

  test('numbers of two lists are not mixed up', async () => {
    const entry = (path: string, label: number) => ({
      photo_path: path,
      photo_label: label,
      photo_belong_to_video_ID: 0,
    });
    const lists = {
      'real.json': JSON.stringify([entry('img/a.png', 1)]),
      'fake.json': JSON.stringify([entry('img/b.png', 0)]),
    };
    const { set } = await imported(lists, four);
    expect(set.frames.map(({ video }) => video)).toEqual(['real.json/0', 'fake.json/0']);
  });

  test('of images beside the list are named from the folder that holds both', async () => {
    const { set } = await imported({ 'lists/l.txt': lines('../real/1.png', '../fake/1.png') }, folders);
    expect(set.frames.map(({ video }) => video)).toEqual(['real/1', 'fake/1']);
  });

  test('of accents are found however they are written', async () => {
    const { labels } = await imported({ 'l.txt': lines('real/Jose\u0301.png', 'fake/1.png') }, [
      'real/Jos\u00e9.png',
      ...folders,
    ]);
    expect(labels).toEqual(['live', 'spoof']);
  });

  test('images of one name in two folders stay two', async () => {
    const lists = { 'one/real.txt': lines('1.png'), 'two/fake.txt': lines('1.png') };
    const { set } = await imported(lists, ['one/1.png', 'two/1.png']);
    expect(set.frames.map(({ video, label }) => [video, label])).toEqual([
      ['one/1', 'live'],
      ['two/1', 'spoof'],
    ]);
    expect(await readFile(set.frames[1]!.path)).toEqual(pngWith('two/1.png'));
  });
});

test('goes on without images that are not there or cannot be read, and says where they were named', async () => {
  const lists = { 'list.txt': lines('img/a.png 1', 'img/none.png 1', 'img/b.png 0', 'img/bad.png 0') };
  const root = await folderOf(lists, four);
  await put(join(root, 'img/bad.png'), pngWith('').subarray(0, 50));
  const leftOut = new LeftOut(() => {});
  const { images, path } = await importList({ ...optionsOf(root, lists, {}), leftOut });
  expect(images).toBe(2);
  expect(leftOut.files.map((file) => file.path)).toEqual(['img/none.png', 'img/bad.png']);
  expect(leftOut.files[0]!.reason).toMatch(/^the image img\/none\.png of .*list\.txt line 2 cannot be read: /);
  expect(() => leftOut.close()).toThrow('2 of 4 files could not be used: img/none.png, img/bad.png');
  expect((await readCropSet(path)).origins.labels).toEqual({ labels: 2 });
});

test('says where it looked when not one image is there', async () => {
  const fails = async (path: string) => refused({ 'list.txt': lines(`${path} 1`, `${path}.png 0`) }, []);
  const { message, hint } = await fails('img/none.png');
  expect([message, hint]).toEqual([
    'not one of 2 images is there, of which the first would be img/none.png',
    '--root says what paths start from',
  ]);
  for (const path of ['/home/anna/set/real.png', 'C:\\set\\real.png']) {
    expect((await fails(path)).hint).toContain('another machine');
  }
});

test('says what is wrong with a list, and where', async () => {
  const fails = async (name: string, content: string, more = {}) =>
    (await refused({ [name]: content }, [], more)).message;
  expect(await fails('a.txt', 'real/1.png\nnothing\n')).toBe('a.txt line 2 names no image: "nothing"');
  expect(await fails('b.txt', 'x/1.png 1 2\n')).toContain('b.txt line 1 has more than an image and its label');
  expect(await fails('c.txt', '')).toBe('the list c.txt names no image');
  expect(await fails('d.json', '[{"photo_label": 1}]')).toBe('d.json entry 1 names no image');
  expect(await fails('d.json', '[1')).toContain('d.json is not JSON');
  expect(await fails('e.txt', 'x/1.png\n', { source: findSource('oulu') })).toBe(
    'e.txt line 1 names no image of OULU-NPU: x/1.png',
  );
  expect(await fails('f.csv', 'path,label,is_fake\nx/1.png,1,0\n')).toContain('two columns for the label');
  expect(await fails('g.csv', 'path,label,split\nx/1.png,1,holdout\n')).toContain('line 2 is of the part "holdout"');
  expect(await fails('h.txt', 'casia/real/4_1_frame0.png\n', { source: findSource('casia') })).toContain(
    'does not say which part of CASIA-FASD',
  );
  expect(await fails('i.txt', 'real/1.png\n', { name: undefined })).toBe('the set has no name');
  expect(await fails('i.txt', 'real/1.png\n', { letter: undefined })).toBe('the set has no letter');
});
