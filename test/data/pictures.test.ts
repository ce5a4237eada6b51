import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow, othersNote, pictureKind, pictureStem, picturesBelow } from '../../src/data/pictures.js';
import { failure, put, temporaryFolder } from './helpers.js';

const folder = await temporaryFolder();

it.each([
  ['a/face.JPG', 'image'],
  ['face.jfif', 'image'],
  ['00012.MTS', 'video'],
  ['clip.3gp', 'video'],
  ['phone.heic', null],
  ['main.ts', null],
  ['jpg', null],
  ['a.jpg/notes', null],
])('%s is of the kind %s', (path, kind) => {
  expect(pictureKind(path)).toBe(kind);
});

it('stems lose the endings of pictures alone', () => {
  expect(['x/a.b.jpg', 'b.MP4', 'c.v2'].map(pictureStem)).toEqual(['x/a.b', 'b', 'c.v2']);
});

it('a folder is walked in order, links followed, each folder once; what systems leave behind is passed over', async () => {
  const root = join(folder, 'walk');
  const left = ['._a.jpg', '.DS_Store', 'Thumbs.db', 'sub/desktop.ini', '.git/c.jpg', '__MACOSX/a.jpg', '@eaDir/a.jpg'];
  for (const name of ['a.jpg', 'b/c.png', 'sub/d.mov', ...left]) await put(join(root, name), '');
  await put(join(folder, 'elsewhere/e.png'), '');
  await symlink(join(folder, 'elsewhere'), join(root, 'link'));
  await symlink(root, join(root, 'sub/up'));
  expect(await filesBelow(root)).toEqual(['a.jpg', 'b/c.png', 'link/e.png', 'sub/d.mov']);
  expect((await failure(filesBelow(join(root, 'nowhere')))).message).toContain('does not exist');
});

it('other kinds are counted by ending', async () => {
  const root = join(folder, 'kinds');
  for (const name of ['a.png', 'b.mp4', 'c.HEIC', 'd.heic', 'e.txt', 'LICENSE']) await put(join(root, name), '');
  const both = await picturesBelow(root, ['image', 'video']);
  expect(both.pictures).toEqual(['a.png', 'b.mp4']);
  expect(othersNote(both.others)).toBe('4 files of other kinds are passed over: 1 without ending, 2 .heic, 1 .txt');
  expect(othersNote((await picturesBelow(root, ['image'])).others)).toContain('1 .mp4');
  await mkdir(join(root, 'empty'));
  expect(othersNote((await picturesBelow(join(root, 'empty'), ['image'])).others)).toBeNull();
});
