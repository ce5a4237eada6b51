import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { letterOfName, siwmAttacks } from '../../../src/config/domainNames.js';
import { foldsOf } from '../../../src/config/protocol.js';
import { splits } from '../../../src/data/manifest.js';
import { survey } from '../../../src/data/prepare/survey.js';
import {
  parseBoxes,
  parseCorners,
  parseEyes,
  parsePoints,
  parseRectangles,
} from '../../../src/data/sources/annotations.js';
import { readOuluProtocols } from '../../../src/data/sources/ouluProtocols.js';
import type { Presentation } from '../../../src/data/sources/source.js';
import { findSource, sources } from '../../../src/data/sources/sources.js';
import { failure, put, temporaryFolder } from '../helpers.js';

const base = await temporaryFolder();

const stem = (path: string) => path.replace(/\.\w+$/, '');

/** Fifteen clients of the development part; which they are cannot be known without a copy of the release. */
const devel = Array.from({ length: 15 }, (_, i) => ({ split: 'dev', subject: String(200 + i) }) as Presentation);

describe.each(['oulu', 'casia', 'replay', 'msu'])('%s', (id) => {
  const source = findSource(id);
  const paths = source.expectedPaths!(devel);
  const presentations = paths.map((path) => source.present(stem(path))!);

  test('has as many videos and people as published, each under a name of its own', () => {
    expect(presentations).not.toContain(null);
    expect(new Set(presentations.map(({ video }) => video)).size).toBe(paths.length);
    expect(new Set(presentations.map(({ subject }) => subject)).size).toBe(source.published.subjects);
    for (const split of splits) {
      const own = presentations.filter((presentation) => presentation.split === split);
      const live = own.filter(({ label }) => label === 'live').length;
      expect({ live, attack: own.length - live }).toEqual(source.published.splits[split] ?? { live: 0, attack: 0 });
    }
    const live = presentations.filter(({ label }) => label === 'live').length;
    expect({ live, attack: paths.length - live }).toEqual(source.published.all);
  });

  test('knows a file by its place, in folders above and in either case, and nothing else', () => {
    for (const path of [paths[0]!, paths.at(-1)!]) {
      const plain = source.present(stem(path));
      expect(source.present(`copy of/release/${stem(path)}`)).toEqual(plain);
      expect(source.present(stem(path).toUpperCase())).toEqual(plain);
      expect(source.present(`${stem(path)} (1)`)).toBeNull();
      expect(source.present(stem(path).replace(/[^/]+$/, 'x$&'))).toBeNull();
    }
  });

  test('has people in one split and attacks of print and replay', () => {
    const splitOf = new Map<string, string>();
    for (const { subject, split } of presentations)
      expect(splitOf.set(subject, splitOf.get(subject) ?? split).get(subject)).toBe(split);
    expect(new Set(presentations.map(({ attackType }) => attackType))).toEqual(new Set(['live', 'print', 'replay']));
  });
});

test('the subsets of published tables have the counts they are named with', () => {
  const counts = (id: string) => {
    const source = findSource(id);
    const parts = (source.subsets.default?.splits ?? splits).map(
      (split) => source.published.splits[split] ?? { live: 0, attack: 0 },
    );
    return parts.reduce((a, b) => ({ live: a.live + b.live, attack: a.attack + b.attack }));
  };
  expect(counts('oulu')).toEqual({ live: 720, attack: 2880 });
  expect(counts('replay')).toEqual({ live: 140, attack: 700 });
  expect(counts('casia')).toEqual({ live: 150, attack: 450 });
  expect(counts('msu')).toEqual({ live: 70, attack: 210 });
});

test.each([
  ['siw', 'Train/live/003/003-1-1-1-1.m', { video: '003-1-1-1-1', split: 'train', subject: '003', attackType: 'live' }],
  ['siw', 'Test/spoof/010/010-2-3-4-1', { video: '010-2-3-4-1', split: 'test', attackType: 'replay', pai: 'replay4' }],
  ['rose-youtu', 'test/12/Mf_HS_wg_E_12_42', { video: '12/Mf_HS_wg_E_12_42', split: 'test', attackType: 'mask' }],
  ['rose-youtu', 'train/2/G_NT_5s_g_E_2_1', { split: 'train', subject: '2', attackType: 'live' }],
  ['rose-youtu', 'train/_2/G_NT_5s_g_E_2_1', { split: 'train', subject: '2', attackType: 'live' }],
  [
    'wmca',
    '01.02.18/001_02_000_0_00',
    { video: '01.02.18_001_02_000_0_00', subject: '001', label: 'live', attackType: 'live' },
  ],
  ['wmca', '01.02.18/001_02_009_4_03', { subject: '001', label: 'spoof', attackType: 'type4', pai: '4-03' }],
  ['hkbu', 'V2/c1/real/s1_l1', { video: 'V2/c1/real/s1_l1', subject: '', label: 'live' }],
  ['hkbu', 'c1/Mask/s1/l1', { video: 'c1/Mask/s1/l1', label: 'spoof', attackType: 'mask' }],
  ['celeba-spoof', 'Data/test/4930/spoof/000001', { video: '4930/spoof/000001', split: 'test', label: 'spoof' }],
  [
    'surf',
    'x/Training/real_part/CLKJ_CS0110/real.rssdk/color/91',
    { clip: 'training/real/CLKJ_CS0110', frame: 91, label: 'live' },
  ],
  [
    'surf',
    'Training/fake_part/CLKJ_AS0005/04_en_b.rssdk/color/131',
    { split: 'train', attackType: 'print', pai: 'cut4' },
  ],
  [
    'surf',
    'Data/Testing/real_part/CLKJ_AS0002/real.rssdk/color/0022',
    { split: 'test', subject: 'CLKJ_AS0002', label: 'live' },
  ],
  ['surf', 'Val/0007/007243-color', { video: 'val/0007/007243', split: 'dev', subject: '', unlabelled: true }],
  [
    'cefa',
    'EA/EA-012-198006250024/3_012_1_1_1/profile/0007',
    { clip: '3_012_1_1_1', frame: 7, split: 'train', label: 'live' },
  ],
  [
    'cefa',
    'Ethnicity/AF/AF-223/1_223_3_1_4/color/0051',
    { subject: '1_223', split: 'dev', attackType: 'replay', pai: 'screen' },
  ],
  ['cefa', 'CA/CA-300/2_300_3_2_2/color/0001', { split: 'test', attackType: 'print', pai: 'cloth' }],
  [
    'cefa',
    '3D-Mask/002/1_002_1_1_2_1_3/color/0001',
    { split: 'test', attackType: 'mask', pai: '3d-mask', subject: '3d-mask-002' },
  ],
  ['cefa', 'Silicone-Mask/001/2_001_1_1_2_1_3/color/0009', { clip: '2_001_1_1_2_1_3', pai: 'silicone-mask' }],
  [
    'hifimask',
    'Data/1_05_0_2_6_1/0003',
    { clip: '1_05_0_2_6_1', frame: 3, split: 'dev', subject: '05', label: 'live' },
  ],
  [
    'hifimask',
    'Data/3_63_3_6_1_3/0000',
    { split: 'dev', attackType: 'mask', pai: 'resin', extra: { scene: '6', light: '1', sensor: '3', complexion: '3' } },
  ],
  ['hifimask', 'Data/2_28_1_1_1_1/0000', { split: 'test', pai: 'transparent' }],
  [
    'uniattack',
    'UniAttackData/Data/live/east-asia/EA-477/real.rssdk/color/0070',
    { clip: 'EA-477/real.rssdk', frame: 70, subject: 'EA-477', label: 'live', attackType: 'live', pai: '' },
  ],
  [
    'uniattack',
    'Data/spoof/central-asia/CA-029/cloth-outdoor/color/0145',
    { clip: 'CA-029/cloth-outdoor', subject: 'CA-029', attackType: 'print', pai: 'cloth-outdoor' },
  ],
  ['uniattack', 'Data/spoof/africa/AF-108/screen-rs/color', { video: 'AF-108/screen-rs', attackType: 'replay' }],
  ['siwm', 'SiW-Mv2/Live/Live_12', { video: 'Live_12', label: 'live', subject: '' }],
  ['siwm', 'Spoof/Paper/Paper_9', { attackType: 'print' }],
  ['siwm', 'Spoof/Makeup_Cosmetic/Makeup_Co_3', { attackType: 'cosmetic' }],
  ['siwm', 'Spoof/Partial_PaperGlasses/Partial_Paperglass_3', { attackType: 'paper_glasses' }],
  [
    'wfas',
    'Train/spoof/2D-Display-Phone/000001/000002',
    { split: 'train', attackType: 'replay', pai: '2d-display-phone' },
  ],
  ['wfas', 'Train/spoof/3D-GarageKit/000001/000001', { attackType: '3d', pai: '3d-garagekit' }],
  ['wfas', 'train/living/000001/000001', { label: 'live', attackType: 'live' }],
  ['wfas', 'dev/000001', { video: 'dev/000001', split: 'dev', unlabelled: true }],
] as const)('%s: %s', (id, path, expected) => {
  expect(findSource(id).present(path)).toMatchObject(expected);
});

test.each([
  ['surf', 'Training/real_part/CLKJ_AS0005/04_en_b.rssdk/color/131'],
  ['surf', 'Training/fake_part/CLKJ_AS0005/real.rssdk/color/131'],
  ['surf', 'Val/0007/007243-depth'],
  ['cefa', 'AF/AF-223/1_223_3_1_4/depth/0051'],
  ['uniattack', 'Data/OneShotTH/east-asia/EA-139-To-ref2/27'],
  ['uniattack', 'Data/live/africa/AF-108/screen-rs/color/0012'],
  ['uniattack', 'Data/spoof/africa/AF-108/screen-rs/depth/0012'],
  ['siwm', 'Spoof/Paper/Live_9'],
  ['siwm', 'Live/Paper_9'],
])('%s does not believe %s', (id, path) => {
  expect(findSource(id).present(path)).toBeNull();
});

test('SiW-M v2 has the fourteen attacks that its protocol leaves out, one a folder', () => {
  const { present } = findSource('siwm');
  const prefixes =
    'Paper Replay Mask_Half Mask_Silicone Mask_Trans Mask_Paper Mask_Mann Makeup_Ob Makeup_Im Makeup_Co Partial_Funnyeye ' +
    'Partial_Paperglass Partial_Eye Partial_Mouth';
  expect(prefixes.split(' ').map((prefix) => present(`Spoof/X/${prefix}_1`)!.attackType)).toEqual([...siwmAttacks]);
});

test('the parts of what is published add up', () => {
  for (const { id, published } of sources) {
    const parts = Object.values(published.splits);
    if (parts.length === 0) continue;
    const sum = { live: 0, attack: 0 };
    for (const { live, attack } of parts) Object.assign(sum, { live: sum.live + live, attack: sum.attack + attack });
    expect([id, sum]).toEqual([id, published.all]);
  }
});

test('SiW does not believe a file in the wrong folder', () => {
  expect(findSource('siw').present('Train/spoof/003/003-1-1-1-1')).toBeNull();
});

describe('WMCA', () => {
  const files = ['12.02.18/100_03_015_2_10', '12.02.18/100_03_000_0_00', '13.02.18/101_01_000_4_07'];

  async function release(name: string, protocol: string[]): Promise<string> {
    const root = join(base, name);
    for (const file of files) await put(join(root, 'face-station', `${file}.hdf5`), '');
    await put(join(root, 'PROTOCOL-grandtest.csv'), protocol.map((line) => `${line}\r\n`).join(''));
    return root;
  }

  test('has the parts and types of attack that its protocol says, and what it names and is not there is missing', async () => {
    const root = await release('wmca', [
      'path,label,attack,set',
      'face-station/12.02.18/100_03_015_2_10,attack,rigidmask,train',
      'face-station/12.02.18/100_03_000_0_00.hdf5,bonafide,bonafide,eval',
      '"face-station/14.02.18/102_01_000_1_01","attack","prints","dev"',
    ]);
    const { found, missing, extra } = await survey(findSource('wmca'), root);
    expect(found.map(({ presentation: { split, label, attackType, pai } }) => [split, label, attackType, pai])).toEqual(
      [
        ['test', 'live', 'live', ''],
        ['train', 'spoof', 'mask', '2-10'],
        ['train', 'spoof', 'type4', '4-07'],
      ],
    );
    expect(missing).toEqual(['face-station/14.02.18/102_01_000_1_01']);
    expect(extra).toEqual([]);
  });

  test('names a line of its protocol that says nothing', async () => {
    const root = await release('wmca-broken', ['path,label,attack,set', 'rubbish,1,2,3']);
    expect((await failure(survey(findSource('wmca'), root))).message).toContain('PROTOCOL-grandtest.csv line 2');
  });
});

test('WMCA keeps the recordings of two days apart', async () => {
  const root = join(base, 'wmca-days');
  for (const day of ['12.02.18', '13.02.18']) await put(join(root, day, '100_03_015_2_10.hdf5'), '');
  const { found, extra } = await survey(findSource('wmca'), root);
  expect([found.length, extra]).toEqual([2, []]);
});

describe('lists of a release', () => {
  const lists = {
    'train_list.txt': [
      'Training/real_part/A/real.rssdk/color/1.jpg Training/real_part/A/real.rssdk/depth/1.jpg x 0',
      'Training/fake_part/A/01_e_b.rssdk/color/1.jpg Training/fake_part/A/01_e_b.rssdk/depth/1.jpg x 1',
    ],
    'val_private_list.txt': [
      'Val/0000/000001-color.jpg Val/0000/000001-depth.jpg x 0',
      'Val/0000/000002-color.jpg y x 1',
    ],
  };

  async function surf(name: string, turned: boolean, more: Record<string, string[]> = {}) {
    const root = join(base, name);
    for (const path of Object.values(lists).flat()) await put(join(root, path.split(' ')[0]!), '');
    await put(join(root, 'Val/0000/000003-color.jpg'), '');
    await put(join(root, 'Training/real_part/A/real.rssdk/depth/1.jpg'), '');
    for (const [list, lines] of Object.entries({ ...lists, ...more })) {
      const text = lines.map((line) => (turned ? line.replace(/[01]$/, (n) => `${1 - Number(n)}`) : line));
      await put(join(root, list), `${text.join('\r\n')}\r\n`);
    }
    return survey(findSource('surf'), root);
  }
  const labels = (seen: Awaited<ReturnType<typeof surf>>) =>
    seen.found.map(({ path, presentation: { label, attackType } }) => `${path} ${label} ${attackType}`);

  test('mean by their numbers what folders say of the same numbers', async () => {
    const expected = [
      'Training/fake_part/A/01_e_b.rssdk/color/1.jpg spoof print',
      'Training/real_part/A/real.rssdk/color/1.jpg live live',
      'Val/0000/000001-color.jpg live live',
      'Val/0000/000002-color.jpg spoof unknown',
    ];
    for (const turned of [false, true]) {
      const seen = await surf(`surf ${turned}`, turned);
      expect(labels(seen)).toEqual(expected);
      expect(seen.extra).toEqual([]);
      expect(seen.faults).toEqual([
        { path: 'Val/0000/000003-color.jpg', reason: 'no list of the release says whether it is live' },
      ]);
    }
  });

  test('are not believed where nothing says what their numbers mean', async () => {
    const seen = await surf('surf alone', false, { 'train_list.txt': [] });
    expect(labels(seen)).toHaveLength(2);
    expect(seen.faults).toHaveLength(3);
  });

  test('that name one image as of two parts, or as two things, are found', async () => {
    const twice = {
      'test_list.txt': [lists['val_private_list.txt'][0]!],
      'val_2.txt': ['Val/0000/000002-color.jpg x y 0'],
    };
    const seen = await surf('surf twice', false, twice);
    const { faults } = seen;
    // Of two things it is neither; the part that is contradicted changes no label.
    expect(labels(seen)).toContain('Val/0000/000001-color.jpg live live');
    expect(labels(seen).filter((line) => line.includes('000002'))).toEqual([]);
    expect(faults!.filter(({ path }) => path.includes('000002'))).toHaveLength(1);
    expect(faults!.map(({ path, reason }) => `${path}: ${reason}`)).toEqual(
      expect.arrayContaining([
        "Val/0000/000001-color.jpg: the release's own lists call it of test and of dev",
        "Val/0000/000002-color.jpg: the release's own lists call it 0 and 1",
      ]),
    );
  });
});

test('SiW-M v2 has the parts of its lists, which repeat attacks and name videos that are not there', async () => {
  const root = join(base, 'siwm');
  for (const path of ['Live/Live_1.mov', 'Live/Live_2.MP4', 'Spoof/Paper/Paper_1.avi', 'Spoof/Replay/Replay_2.mov']) {
    await put(join(root, path), '');
  }
  await put(join(root, 'lists/trainlist_live.txt'), 'Live_1\nLive_7\n');
  await put(join(root, 'lists/testlist_live.txt'), 'Live_2\n');
  await put(join(root, 'lists/trainlist_all.txt'), 'Paper_1\nPaper_1\n');
  const { found, missing, extra, faults } = await survey(findSource('siwm'), root);
  expect(found.map(({ presentation: { video, split } }) => [video, split])).toEqual([
    ['Live_1', 'train'],
    ['Live_2', 'test'],
    ['Paper_1', 'train'],
    ['Replay_2', 'train'],
  ]);
  expect([missing, extra, faults]).toEqual([[], [], []]);
});

test('HKBU-MARs keeps files of one name apart', async () => {
  const root = join(base, 'hkbu');
  for (const subject of ['c1', 'c2']) await put(join(root, subject, 'real', 's1_l1.avi'), '');
  await put(join(root, 'c1', 'attack', 's1_l1.MP4'), '');
  const { found, extra } = await survey(findSource('hkbu'), root);
  expect(found.map(({ presentation }) => [presentation.video, presentation.label])).toEqual([
    ['c1/attack/s1_l1', 'spoof'],
    ['c1/real/s1_l1', 'live'],
    ['c2/real/s1_l1', 'live'],
  ]);
  expect(extra).toEqual([]);
});

test('data sets have ids and letters of their own; an unknown one is answered with the known', () => {
  expect(new Set(sources.map(({ id }) => id)).size).toBe(sources.length);
  expect(new Set(sources.map(({ letter }) => letter)).size).toBe(sources.length);
  expect(() => findSource('ulu')).toThrow('unknown data set "ulu"');
  // What protocols call them.
  expect(Object.fromEntries(sources.map(({ id, letter }) => [id, letter]))).toEqual(letterOfName);
});

describe('annotations', () => {
  test('are rows of numbers between commas or blanks; headings, broken rows and empty boxes say nothing', () => {
    const text = 'frame x y w h\r\n0 1 2 3 4\r\n1 0 0 0 0\r\n2 5 6\r\n\r\n 7,10,20,30,40 \r\n8 1 2 x 4\r\n';
    expect([...parseBoxes(text)]).toEqual([
      [0, { box: { x: 1, y: 2, w: 3, h: 4 } }],
      [7, { box: { x: 10, y: 20, w: 30, h: 40 } }],
    ]);
  });

  test('of WFAS are points, of which the first two are the box, the next the eyes', () => {
    const text = '192 148 (bbox left top)\n234 203\n216 171\n230 168\n231 180\n218 190\n229 188\n';
    expect([...parsePoints(text)]).toEqual([
      [
        0,
        {
          box: { x: 192, y: 148, w: 42, h: 55 },
          eyes: [
            { x: 216, y: 171 },
            { x: 230, y: 168 },
          ],
        },
      ],
    ]);
    expect(parsePoints('192 148\n')).toEqual(new Map());
    expect(parsePoints('nothing\nhere')).toEqual(new Map());
  });

  test('of SiW are corners, a row a frame, zeros being none', () => {
    const faces = parseRectangles('785 425 1070 710\r\n0 0 0 0\r\n[10, 20, 40, 60]\r\n');
    expect([...faces]).toEqual([
      [0, { box: { x: 785, y: 425, w: 285, h: 285 } }],
      [2, { box: { x: 10, y: 20, w: 30, h: 40 } }],
    ]);
  });

  test('of OULU-NPU are eyes, zeros being none', () => {
    expect([...parseEyes('0,460,870,620,868\n1,0,0,0,0\n')]).toEqual([
      [
        0,
        {
          eyes: [
            { x: 460, y: 870 },
            { x: 620, y: 868 },
          ],
        },
      ],
    ]);
  });

  test('of MSU-MFSD are corners, and eyes from left to right whichever comes first', () => {
    const face = {
      box: { x: 10, y: 20, w: 30, h: 40 },
      eyes: [
        { x: 18, y: 30 },
        { x: 32, y: 31 },
      ],
    };
    expect(parseCorners('0,10,20,40,60,32,31,18,30').get(0)).toEqual(face);
    expect(parseCorners('0,10,20,40,60,18,30,32,31').get(0)).toEqual(face);
    expect(parseCorners('0,10,20,40,60').get(0)).toEqual({ box: face.box });
    expect(parseCorners('0,10,20,10,60,18,30,32,31').size).toBe(0);
  });
});

describe("OULU-NPU's protocols", () => {
  const source = findSource('oulu');
  const all = source.expectedPaths!([]).map((path) => source.present(stem(path))!);

  /** The published rules, written as the release writes their results. */
  function release(): Map<string, string> {
    const files = new Map<string, string>();
    const write = (number: number, fold: number | null, rule: (v: Presentation, part: 'fit' | 'test') => boolean) => {
      for (const [split, name] of [
        ['train', 'Train'],
        ['dev', 'Dev'],
        ['test', 'Test'],
      ] as const) {
        const videos = all.filter((v) => v.split === split && rule(v, split === 'test' ? 'test' : 'fit'));
        const suffix = fold === null ? '' : `_${fold}`;
        files.set(
          `Protocols/Protocol_${number}/${name}${suffix}.txt`,
          videos.map(({ video, label }) => `${label === 'live' ? '+' : '-'}1,${video}\r\n`).join(''),
        );
      }
    };
    const session = (v: Presentation, part: 'fit' | 'test') => (v.extra.session === '3') === (part === 'test');
    const attack = (v: Presentation, part: 'fit' | 'test') =>
      v.label === 'live' || /1$/.test(v.pai) === (part === 'fit');
    write(1, null, session);
    write(2, null, attack);
    for (let i = 1; i <= 6; i++) {
      const phone = (v: Presentation, part: 'fit' | 'test') => (v.extra.phone === String(i)) === (part === 'test');
      write(3, i, phone);
      write(4, i, (v, part) => session(v, part) && attack(v, part) && phone(v, part));
    }
    return files;
  }

  test('have the published counts, six folds where there are six phones', async () => {
    const files = release();
    const protocols = await readOuluProtocols([...files.keys()], async (path) => files.get(path)!);
    const count = (name: string) =>
      splits.map((split) => {
        const live = protocols[name]![split].filter((video) => video.endsWith('_1')).length;
        return `${live}/${protocols[name]![split].length - live}`;
      });
    const folds = ['oulu/3', 'oulu/4'].flatMap((name) => foldsOf(name)!.map((fold) => fold.slice('oulu/'.length)));
    expect(Object.keys(protocols)).toEqual(['1', '2', ...folds]);
    expect(count('1')).toEqual(['240/960', '180/720', '120/480']);
    expect(count('2')).toEqual(['360/720', '270/540', '360/720']);
    for (let fold = 1; fold <= 6; fold++) {
      expect(count(`3/${fold}`)).toEqual(['300/1200', '225/900', '60/240']);
      expect(count(`4/${fold}`)).toEqual(['200/400', '150/300', '20/40']);
    }
  });

  test('leave out what is not whole, and name a line that is no video', async () => {
    const read = async (path: string) => (path.includes('Dev') ? '+1,1_1_21_1\nrubbish\n' : '+1,1_1_01_1\n');
    expect(await readOuluProtocols(['Protocols/Protocol_1/Train.txt', 'Protocols/Protocol_1/Test.txt'], read)).toEqual(
      {},
    );
    expect((await failure(readOuluProtocols(['Protocols/Protocol_1/Dev.txt'], read))).message).toContain(
      'Dev.txt line 2',
    );
  });
});
