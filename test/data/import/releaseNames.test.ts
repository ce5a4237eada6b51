import { describe, expect, test } from 'vitest';
import { sureFrame } from '../../../src/data/import/frameNames.js';
import { ReleaseNames } from '../../../src/data/import/releaseNames.js';
import type { Split } from '../../../src/data/manifest.js';
import { findSource } from '../../../src/data/sources/sources.js';

const find = (set: string, path: string, part: Split | null = null) =>
  new ReleaseNames(findSource(set)).find(path, part);

const replayLive = 'client001_session01_webcam_authenticate_adverse_1';
const replayPrint = 'attack_print_client031_session01_highdef_photo_controlled';
const msuAttack = 'attack_client002_android_SD_ipad_video_scene01';

/** Set, path, then what the release says: video, part, subject, attack, and the frame. */
test.each([
  ['oulu', '/x/oulu_256/Train_files/1_1_01_2/7.png', '1_1_01_2', 'train', '01', 'print', 7],
  ['oulu', 'oulu/test/fake/4_2_38_5_frame0.png', '4_2_38_5', 'test', '38', 'replay', 0],
  ['oulu', 'OULU/Dev_files/2_1_21_1/2_1_21_1_8.png', '2_1_21_1', 'dev', '21', 'live', 8],
  ['oulu', 'Train_files/2_1_09_1/2_1_09_1_100_scene.jpg', '2_1_09_1', 'train', '09', 'live', 100],
  ['oulu', 'Train_files/2_1_09_1.avi/frame_0005.png', '2_1_09_1', 'train', '09', 'live', 5],
  ['oulu', 'oulu/test/fake/4_2_38_5.png', '4_2_38_5', 'test', '38', 'replay', 0],
  // Who it is says which part it is of.
  ['oulu', 'faces/4_2_38_5_12.png', '4_2_38_5', 'test', '38', 'replay', 12],
  ['casia', 'casia/test/fake/9_HR_2_frame1.png', 'test_release/9/HR_2', 'test', '29', 'print', 1],
  ['casia', '/x/casia_256/train_release/1/HR_4/12.png', 'train_release/1/HR_4', 'train', '1', 'replay', 12],
  ['casia', 'CASIA/train_release/7/4/frame3.png', 'train_release/7/4', 'train', '7', 'print', 3],
  ['casia', 'CASIA-FASD/test_release/1/1.avi/10.png', 'test_release/1/1', 'test', '21', 'live', 10],
  ['casia', 'casia_train_frames/4/1/3.png', 'train_release/4/1', 'train', '4', 'live', 3],
  ['casia', 'casia/train/real/4_1_3.png', 'train_release/4/1', 'train', '4', 'live', 3],
  ['casia', 'casia_train_release_4_HR_1_3.png', 'train_release/4/HR_1', 'train', '4', 'live', 3],
  ['casia', 'CASIA/test_release/3/7_2.jpg', 'test_release/3/7', 'test', '23', 'replay', 2],
  ['casia', 'casia/train/4/1_2.png', 'train_release/4/1', 'train', '4', 'live', 2],
  ['casia', 'casia/train/4/HR_1_3.png', 'train_release/4/HR_1', 'train', '4', 'live', 3],
  ['casia', 'casia/train/4/1.png', 'train_release/4/1', 'train', '4', 'live', 0],
  ['replay', `replay/train/real/real_${replayLive}_frame0.png`, `train/real/${replayLive}`, 'train', '001', 'live', 0],
  ['replay', `replay/devel/real/${replayLive}/12.png`, `devel/real/${replayLive}`, 'dev', '001', 'live', 12],
  ['replay', `train/real/${replayLive}_12.png`, `train/real/${replayLive}`, 'train', '001', 'live', 12],
  ['replay', `faces/${replayLive}_12.png`, `train/real/${replayLive}`, 'train', '001', 'live', 12],
  [
    'replay',
    `replay/test/fake/hand_${replayPrint}_frame0.png`,
    `test/attack/hand/${replayPrint}`,
    'test',
    '031',
    'print',
    0,
  ],
  [
    'replay',
    `replayattack-test/attack/fixed/${replayPrint}.mov/frame_125.0.jpg`,
    `test/attack/fixed/${replayPrint}`,
    'test',
    '031',
    'print',
    125,
  ],
  ['msu', `msu/train/fake/${msuAttack}_frame0.png`, msuAttack, 'train', '02', 'replay', 0],
  ['msu', `scene01/attack/${msuAttack}/15.png`, msuAttack, 'train', '02', 'replay', 15],
  ['msu', `scene01/attack/${msuAttack}.mp4_15.png`, msuAttack, 'train', '02', 'replay', 15],
  ['siw', 'siw/Train/live/003/003-1-1-1-2.mov/17.jpg', '003-1-1-1-2', 'train', '003', 'live', 17],
  ['siw', 'siw/test/fake/091-2-3-2-1_frame1.png', '091-2-3-2-1', 'test', '091', 'replay', 1],
  ['siw', 'Test/spoof/091/091-2-2-2-1/091-2-2-2-1_30.png', '091-2-2-2-1', 'test', '091', 'print', 30],
  ['rose-youtu', 'rose/train/2/Mc_NT_5s_g_E_2_1/12.png', '2/Mc_NT_5s_g_E_2_1', 'train', '2', 'mask', 12],
  ['rose-youtu', 'rose/test/real/G_NT_HS_wg_E_13_60_frame1.png', '13/G_NT_HS_wg_E_13_60', 'test', '13', 'live', 1],
  ['rose-youtu', 'rose/train/2/G_NT_5s_g_E_2_1_7.png', '2/G_NT_5s_g_E_2_1', 'train', '2', 'live', 7],
  ['3dmad', 'session03/09_03_02/frame12.png', '09_03_02', 'dev', '09', 'mask', 12],
  ['3dmad', '3dmad/real/14_01_05_C_3.jpg', '14_01_05', 'test', '14', 'live', 3],
  ['hkbu', '/attack/marsv2/real/3/clip_2/frame0007.png', '/attack/marsv2/real/3/clip_2', 'train', '', 'live', 7],
  ['celeba-spoof', 'Data/test/77/live/500871.png', '77/live/500871', 'test', '77', 'live', 0],
  ['celeba-spoof', 'celeb/real/815_live_040312.jpg', '815/live/040312', 'train', '815', 'live', 0],
  ['celeba-spoof', 'x/test/5131/spoof/020011_crop.jpg', '5131/spoof/020011', 'test', '5131', 'unknown', 0],
  ['wmca', 'wmca/train/fake/19.04.18_021_05_044_3_09_15.jpg', '19.04.18_021_05_044_3_09', 'train', '021', 'type3', 15],
  ['wmca', 'faces/20-04-18/021_05_044_3_09/15.jpg', '20.04.18_021_05_044_3_09', 'train', '021', 'type3', 15],
  ['wmca', 'wmca/test/real/021_02_000_0_01/4.jpg', '021_02_000_0_01', 'test', '021', 'live', 4],
  [
    'surf',
    'surf/train/real/Training_real_part_CLKJ_CS0110_real.rssdk_color_91.jpg',
    'training/real/CLKJ_CS0110',
    'train',
    'CLKJ_CS0110',
    'live',
    91,
  ],
  [
    'surf',
    'surf/train/fake/Training_fake_part_CLKJ_CS0110_06_enm_b.rssdk_color_91.jpg',
    'training/fake/CLKJ_CS0110-06',
    'train',
    'CLKJ_CS0110',
    'print',
    91,
  ],
  ['surf', 'surf/test/fake/Val_0007_007193-color.jpg', 'val/0007/007193', 'dev', '', 'unknown', 0],
  ['cefa', 'cefa/test/fake/3_230_3_2_2_07.jpg', '3_230_3_2_2', 'dev', '3_230', 'print', 7],
  ['cefa', 'AF/AF-001/1_001_1_1_1/color/0051.jpg', '1_001_1_1_1', 'train', '1_001', 'live', 51],
  ['hifimask', 'Data/1_05_0_2_6_1/0009.png', '1_05_0_2_6_1', 'dev', '05', 'live', 9],
  ['hifimask', 'faces/1_05_2_2_6_1_0009.png', '1_05_2_2_6_1', 'dev', '05', 'mask', 9],
  [
    'uniattack',
    'UniAttackData/Data/live/africa/AF-001/real.rssdk/color/0012.jpg',
    'AF-001/real.rssdk',
    'train',
    'AF-001',
    'live',
    12,
  ],
  ['siwm', 'SiW-Mv2/spoof/Paper_9/12.png', 'Paper_9', 'train', '', 'print', 12],
] as const)('knows the %s frame %s', (set, path, video, split, subject, attackType, frame) => {
  const found = find(set, path);
  expect(found).toMatchObject({ frame, presentation: { video, split, subject, attackType } });
});

describe('what names do not say', () => {
  test('is not guessed', () => {
    expect(find('oulu', 'oulu/test/fake/7_2_38_5_frame0.png')).toBeNull();
    expect(find('casia', 'casia/train/real/4_9_frame0.png')).toBeNull();
    expect(find('wmca', 'wmca/021_02_000_0.jpg')).toBeNull();
  });

  test('is asked for where who it is depends on it', () => {
    expect(find('casia', 'casia/real/4_1_frame0.png')).toBe('part');
    expect(find('casia', 'casia/real/4_1_frame0.png', 'test')).toMatchObject({ presentation: { subject: '24' } });
  });

  test('is train, and said to be unknown, where it makes no other difference', () => {
    expect(find('siw', 'faces/003-1-1-1-2_5.png')).toMatchObject({
      partUnknown: true,
      presentation: { split: 'train' },
    });
  });
});

test.each([
  ['own/visit1_frame5.png', 'own/visit1', 5],
  ['own/visit1/frame_0005.png', 'own/visit1', 5],
  ['own/visit1/visit1_12.png', 'own/visit1', 12],
  ['own/visit1.mp4/12.png', 'own/visit1', 12],
  ['own/visit1.mov_frame3.jpg', 'own/visit1', 3],
] as const)('%s is a frame', (path, video, frame) => {
  expect(sureFrame(path)).toMatchObject({ video, frame });
});

test.each(['own/visit1_5.png', 'own/visit1/5.png', 'real/frame5.png', 'train/frame5.png', 'own/IMG_0012.jpg'])(
  '%s may be a picture of its own',
  (path) => {
    expect(sureFrame(path)).toBeNull();
  },
);
