import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readCropSet } from '../../../src/data/cropSet.js';
import { importList } from '../../../src/data/import/list.js';
import { presentationOf } from '../../../src/data/import/releaseNames.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { failure, put, temporaryFolder } from '../helpers.js';

let root: string;
beforeAll(async () => {
  root = await temporaryFolder();
});

test.each([
  ['oulu', '/x/oulu_256/Train_files/1_1_01_2/7.png', '1_1_01_2', 'train', 'print', 7],
  ['oulu', 'oulu/test/fake/4_2_38_5_frame0.png', '4_2_38_5', 'test', 'replay', 0],
  ['casia', 'casia/test/fake/9_HR_2_frame1.png', 'test_release/9/HR_2', 'test', 'print', 1],
  ['casia', '/x/casia_256/train_release/1/HR_4/12.png', 'train_release/1/HR_4', 'train', 'replay', 12],
  [
    'replay',
    'replay/train/real/real_client001_session01_webcam_authenticate_adverse_1_frame0.png',
    'train/real/client001_session01_webcam_authenticate_adverse_1',
    'train',
    'live',
    0,
  ],
  [
    'replay',
    'replay/test/fake/hand_attack_print_client031_session01_highdef_photo_controlled_frame0.png',
    'test/attack/hand/attack_print_client031_session01_highdef_photo_controlled',
    'test',
    'print',
    0,
  ],
  [
    'msu',
    'msu/train/fake/attack_client002_android_SD_ipad_video_scene01_frame0.png',
    'attack_client002_android_SD_ipad_video_scene01',
    'train',
    'replay',
    0,
  ],
] as const)('knows the %s video of %s', (set, path, video, split, attackType, frame) => {
  const found = presentationOf(findSource(set), path);
  expect(found?.frame).toBe(frame);
  expect(found?.presentation).toMatchObject({ video, split, attackType });
});

test('is not taken in by other names', () => {
  expect(presentationOf(findSource('oulu'), 'oulu/test/fake/7_2_38_5_frame0.png')).toBeNull();
  expect(presentationOf(findSource('oulu'), 'oulu/test/fake/4_2_38_5.png')).toBeNull();
});

test('imports a text list of a known set', async () => {
  const lines = [
    'oulu/train/fake/1_1_01_2_frame0.png',
    'oulu/train/fake/1_1_01_2_frame1.png',
    'oulu/test/real/1_1_36_1_frame0.png',
  ];
  for (const line of lines) await put(join(root, 'frames', line), `image ${line}`);
  const file = await put(join(root, 'oulu.txt'), `${[...lines, lines[0]].join('\r\n')}\r\n`);
  const set = await importList({
    file,
    root: join(root, 'frames'),
    out: join(root, 'out'),
    source: findSource('oulu'),
  });
  expect(set).toMatchObject({ name: 'OULU-NPU', letter: 'O', images: 3 });
  const { frames, subsets } = await readCropSet(set.path);
  expect(frames.map(({ video, frame, attackType }) => [video, frame, attackType])).toEqual([
    ['1_1_01_2', 0, 'print'],
    ['1_1_01_2', 1, 'print'],
    ['1_1_36_1', 0, 'live'],
  ]);
  expect(subsets).toHaveProperty('default');
  expect(await readFile(frames[2]!.path, 'utf8')).toBe(`image ${lines[2]}`);
});

test('imports a JSON list of a set of its own', async () => {
  await put(join(root, 'own/a/1.jpg'), 'a1');
  await put(join(root, 'own/a/2.jpg'), 'a2');
  await put(join(root, 'own/b/1.jpg'), 'b1');
  const entry = (path: string, label: number, id: number) => ({
    photo_path: join(root, 'own', path),
    photo_label: label,
    photo_belong_to_video_ID: id,
  });
  const file = await put(
    join(root, 'own.json'),
    JSON.stringify([entry('a/1.jpg', 1, 0), entry('a/2.jpg', 1, 0), entry('b/1.jpg', 0, 1)]),
  );
  const set = await importList({
    file,
    root: join(root, 'own'),
    out: join(root, 'out'),
    source: null,
    name: 'own',
    letter: 'X',
  });
  const { frames } = await readCropSet(set.path);
  expect(frames.map(({ video, attackType }) => [video, attackType])).toEqual([
    ['0', 'live'],
    ['0', 'live'],
    ['1', 'unknown'],
  ]);
});

test('says what is wrong with a list, and where', async () => {
  const options = { root, out: join(root, 'wrong'), source: null, name: 'own', letter: 'X' };
  const fails = async (name: string, content: string, more = {}) =>
    (await failure(importList({ ...options, file: await put(join(root, name), content), ...more }))).message;
  expect(await fails('a.txt', 'real/1.png\nnothing\n')).toContain('a.txt line 2 names no image');
  expect(await fails('b.txt', 'x/1.png\n')).toContain('row 1 does not say whether x/1.png is live');
  expect(await fails('c.txt', 'x/1.png 1\n')).toContain('row 1 cannot be copied');
  expect(await fails('d.json', '[{"photo_path": "a.png"}]')).toContain('entry 1 has no photo_path or no photo_label');
  expect(await fails('e.txt', 'x/1.png\n', { source: findSource('oulu') })).toContain(
    'row 1 names no image of OULU-NPU',
  );
  expect(
    await fails('f.json', '[{"photo_path": "t/Train_files/1_1_01_2/7.png", "photo_label": 1}]', {
      source: findSource('oulu'),
    }),
  ).toContain('which its name does not');
  expect(await fails('g.txt', 'real/1.png\n', { name: undefined })).toContain('the set has no name');
  expect(await fails('g.txt', 'real/1.png\n', { letter: undefined })).toContain('the set has no letter');
});
