/** Releases that consist of images: small ones of the same layout, with real files, quirks included. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { readCropSet } from '../../../src/data/cropSet.js';
import { importList } from '../../../src/data/import/list.js';
import { type PrepareOptions, prepare } from '../../../src/data/prepare/prepare.js';
import { survey } from '../../../src/data/prepare/survey.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { put, temporaryFolder } from '../helpers.js';

const base = await temporaryFolder();

/** Pictures that differ. */
let drawn = 0;
async function picture(path: string, width = 40, height = 40): Promise<void> {
  const background = { r: 10 + (drawn % 200), g: 30 + Math.floor(drawn / 200), b: 90 };
  drawn++;
  const image = sharp({ create: { width, height, channels: 3, background } });
  await put(path, await (/png$/i.test(path) ? image.png() : image.jpeg()).toBuffer());
}

async function prepared(id: string, root: string, more: Partial<PrepareOptions> = {}) {
  const out = join(base, `${id}-out`);
  const given = { frames: 2, sampling: 'uniform', size: 32, margin: 0, align: 'none', detector: 'none' } as const;
  const summary = await prepare(findSource(id), { root, out, ...given, jobs: 2, ...more });
  return { ...summary, set: await readCropSet(summary.path) };
}

describe('CeFA', async () => {
  const root = join(base, 'CASIA_CeFA');
  const clips = ['AF/AF-001-197001010011/1_001_1_1_1/profile', 'AF/AF-001-197001010011/1_001_3_1_4/profile'];
  const others = ['CA/CA-250/2_250_3_2_2/color', '3D-Mask/002/1_002_1_1_2_1_3/color'];
  for (const clip of [...clips, ...others]) {
    for (const frame of [1, 2, 3, 4]) await picture(join(root, clip, `000${frame}.JPG`));
  }
  await picture(join(root, clips[0]!, '../depth/0001.jpg'));

  test('is of as many frames a video as are wanted, which are kept byte for byte', async () => {
    const { set, audit } = await prepared('cefa', root);
    expect(
      set.frames.map(({ video, frame, split, subject, attackType }) => [video, frame, split, subject, attackType]),
    ).toEqual([
      ['1_001_1_1_1', 2, 'train', '1_001', 'live'],
      ['1_001_1_1_1', 4, 'train', '1_001', 'live'],
      ['1_001_3_1_4', 2, 'train', '1_001', 'replay'],
      ['1_001_3_1_4', 4, 'train', '1_001', 'replay'],
      ['1_002_1_1_2_1_3', 2, 'test', '3d-mask-002', 'mask'],
      ['1_002_1_1_2_1_3', 4, 'test', '3d-mask-002', 'mask'],
      ['2_250_3_2_2', 2, 'dev', '2_250', 'print'],
      ['2_250_3_2_2', 4, 'dev', '2_250', 'print'],
    ]);
    expect(await readFile(set.frames[0]!.path)).toEqual(await readFile(join(root, clips[0]!, '0002.JPG')));
    expect(audit.splits.train).toEqual({
      expected: { live: 600, attack: 1800 },
      found: { live: 1, attack: 1 },
      prepared: { live: 1, attack: 1 },
    });
    expect(audit.findings.extra).toEqual([]);
    expect([audit.complete, set.published.all]).toEqual([false, { live: 1500, attack: 5623 }]);
  });

  test('has the same manifest by a list of the same frames', async () => {
    const { set } = await prepared('cefa', root);
    const paths = [...clips, ...others].flatMap((clip) => ['0002.JPG', '0004.JPG'].map((name) => `${clip}/${name}`));
    const list = await put(join(root, 'list.txt'), `${paths.sort().join('\n')}\n`);
    const { path } = await importList({ files: [list], out: join(base, 'listed'), source: findSource('cefa') });
    const rows = ({ frames }: typeof set) =>
      frames
        .map(({ video, frame, split, subject, label, attackType, pai }) =>
          [video, frame, split, subject, label, attackType, pai].join(),
        )
        .sort();
    expect(rows(await readCropSet(path))).toEqual(rows(set));
  });
});

test('CASIA-SURF is taken whole, and counts images; what no list explains is left out and said', async () => {
  const root = join(base, 'CASIA-SURF');
  const real = 'Training/real_part/CLKJ_AS0005/real.rssdk/color';
  const fake = 'Training/fake_part/CLKJ_AS0005/04_en_b.rssdk/color';
  for (const frame of [1, 31, 61]) {
    for (const folder of [real, fake]) await picture(join(root, folder, `${frame}.jpg`));
  }
  for (const number of [1, 2, 3]) await picture(join(root, `Val/0000/00000${number}-color.jpg`));
  const line = (path: string, label: number) => `${path} ${path.replaceAll('color', 'depth')} x ${label}\n`;
  await put(join(root, 'train_list.txt'), line(`${real}/1.jpg`, 1) + line(`${fake}/1.jpg`, 0));
  await put(
    join(root, 'val_private_list.txt'),
    line('Val/0000/000001-color.jpg', 1) + line('Val/0000/000002-color.jpg', 0),
  );
  const { set, audit } = await prepared('surf', root);
  expect(audit.splits).toMatchObject({
    train: { expected: { live: 8942, attack: 20_324 }, found: { live: 3, attack: 3 } },
    dev: { expected: { live: 2994, attack: 6614 }, found: { live: 1, attack: 1 } },
  });
  expect(audit.findings.extra).toEqual([
    { path: 'Val/0000/000003-color.jpg', reason: 'no list of the release says whether it is live' },
  ]);
  expect(new Set(set.frames.map(({ video }) => video)).size).toBe(4);
  // Videos cannot be held against numbers of images.
  expect(set.published).toEqual({});
});

test('WFAS has boxes and eyes in text files, and the parts that its folders are', async () => {
  const root = join(base, 'wfas');
  const box = '8 10 (bbox left top)\n48 60 (bbox right bottom)\n20 30 (left eye)\n36 30\n28 40\n22 50\n34 50\n';
  const images = [
    'Train/living/000001/000001',
    'Train/spoof/2D-Print-Poster/000001/000001',
    'Train/spoof/3D-Mask/000001/000002',
  ];
  for (const path of [...images, 'dev/000001', 'dev/000002']) {
    await picture(join(root, `${path}.jpg`), 64, 80);
    await put(join(root, `${path}.txt`), box);
  }
  await put(join(root, 'train.txt'), images.map((path, i) => `${path}.jpg ${i === 0 ? 1 : 0}\n`).join(''));
  await put(join(root, 'dev.txt'), 'dev/000001.jpg 1\ndev/000002.jpg 0\n');
  const { set, audit } = await prepared('wfas', root, { align: 'eyes' });
  expect(
    set.frames.map(({ split, label, attackType, pai, extra }) => [split, label, attackType, pai, extra.face]),
  ).toEqual([
    ['dev', 'live', 'live', '', 'annotation'],
    ['dev', 'spoof', 'unknown', '', 'annotation'],
    ['train', 'live', 'live', '', 'annotation'],
    ['train', 'spoof', 'print', '2d-print-poster', 'annotation'],
    ['train', 'spoof', 'mask', '3d-mask', 'annotation'],
  ]);
  expect(set.frames[0]!.extra.box).toBe('8 10 40 50');
  expect(audit.splits.dev!.expected).toEqual({ live: 51_299, attack: 88_759 });
});

test('HiFiMask has the people of its protocol 1', async () => {
  const root = join(base, 'CASIA_HiFiMask');
  for (const clip of ['1_06_0_1_1_1', '1_05_3_1_1_1', '2_28_2_4_0_8']) {
    for (const frame of [0, 1]) await picture(join(root, `Data/${clip}/000${frame}.png`));
  }
  const { set, audit } = await prepared('hifimask', root);
  expect(set.frames.map(({ video, frame, split, pai }) => [video, frame, split, pai])).toEqual([
    ['1_05_3_1_1_1', 0, 'dev', 'resin'],
    ['1_05_3_1_1_1', 1, 'dev', 'resin'],
    ['1_06_0_1_1_1', 0, 'train', ''],
    ['1_06_0_1_1_1', 1, 'train', ''],
    ['2_28_2_4_0_8', 0, 'test', 'plaster'],
    ['2_28_2_4_0_8', 1, 'test', 'plaster'],
  ]);
  expect(audit.subsets.all).toMatchObject({
    expected: { live: 13_650, attack: 40_950 },
    found: { live: 1, attack: 2 },
  });
});

test('UniAttackData is its physical part, with each person in the part of protocol 1', async () => {
  const root = join(base, 'UniAttackData');
  const data = 'UniAttackData/Data';
  const clips = [
    'live/africa/AF-001/real.rssdk/color',
    'spoof/africa/AF-001/cloth-indoor/color',
    'spoof/africa/AF-001/screen-rs/color',
    'live/east-asia/EA-002/real.rssdk/color',
    'live/central-asia/CA-003/real.rssdk/color',
    'spoof/central-asia/CA-003/cloth-outdoor/color',
  ];
  for (const clip of clips) {
    for (const frame of ['0012', '0070']) await picture(join(root, 'Data', clip, `${frame}.jpg`));
  }
  for (const forged of ['OneShotTH/africa/AF-001-To-ref2/27', 'adv-attacks/x/africa/AF-001/0012']) {
    await picture(join(root, 'Data', `${forged}.jpg`));
  }
  const lists = {
    // Kinds of attack are not those of the other parts, and digital ones are among them.
    train: [`${clips[0]}/0070.jpg 0`, `${clips[1]}/0012.jpg 1`, 'OneShotTH/africa/AF-001-To-ref2/27.jpg 3'],
    dev: [`${clips[3]}/0070.jpg 0`],
    test: [`${clips[4]}/0012.jpg 0`, `${clips[5]}/0012.jpg 1`],
  };
  for (const [part, lines] of Object.entries(lists)) {
    await put(
      join(root, `protocol/UniAttackData@p1_image_${part}.txt`),
      lines.map((line) => `${data}/${line}\r\n`).join(''),
    );
  }
  // A protocol in which the first person's attacks are not trained on says nothing of parts.
  await put(join(root, 'protocol/UniAttackData@p2.1_image_test.txt'), `${data}/${clips[1]}/0012.jpg 1\n`);
  const { set, audit } = await prepared('uniattack', root, { frames: 1 });
  expect(
    set.frames.map(({ video, split, subject, attackType, pai }) => [video, split, subject, attackType, pai]),
  ).toEqual([
    ['AF-001/cloth-indoor', 'train', 'AF-001', 'print', 'cloth-indoor'],
    ['AF-001/real.rssdk', 'train', 'AF-001', 'live', ''],
    ['AF-001/screen-rs', 'train', 'AF-001', 'replay', 'screen-rs'],
    ['CA-003/cloth-outdoor', 'test', 'CA-003', 'print', 'cloth-outdoor'],
    ['CA-003/real.rssdk', 'test', 'CA-003', 'live', ''],
    ['EA-002/real.rssdk', 'dev', 'EA-002', 'live', ''],
  ]);
  expect(audit.findings.extra).toEqual([]);
  expect(audit.splits.test).toMatchObject({ expected: { live: 900, attack: 2700 }, found: { live: 1, attack: 1 } });
});

test('a person whom the lists of UniAttackData put into two parts is named, and stays in the first', async () => {
  const root = join(base, 'contradiction');
  const clip = 'live/africa/AF-001/real.rssdk/color';
  await picture(join(root, 'Data', clip, '0012.jpg'));
  for (const part of ['dev', 'test']) {
    await put(join(root, `UniAttackData@p1_video_${part}.txt`), `UniAttackData/Data/${clip} 0\n`);
  }
  const { found, faults } = await survey(findSource('uniattack'), root);
  expect(found.map(({ presentation }) => presentation.split)).toEqual(['dev']);
  expect(faults!.map(({ reason }) => reason)).toEqual(['the lists call AF-001 of dev and of test']);
});
