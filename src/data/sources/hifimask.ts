/** CASIA-SURF HiFiMask: 75 people and their masks of three materials, before seven cameras in many lights; ten frames of each video. */
import type { Split } from '../manifest.js';
import { frameOf, type Source } from './source.js';

/** COMPLEXION_PERSON_TYPE_SCENE_LIGHT_SENSOR */
const namePath = /(?:^|\/)(([123])_(\d\d)_([0-3])_([1-6])_([0-6])_([0-8]))(?:\/(\d+))?$/;
const materials = ['', 'transparent', 'plaster', 'resin'];

/** People of protocol 1 that are not trained on. */
const people: Readonly<Record<'dev' | 'test', readonly string[]>> = {
  dev: '05 17 51 66 49 63'.split(' '),
  test: '01 02 03 04 11 14 15 16 28 35 36 42 27 30 37 41 43 46 47 48 50 57 58 61'.split(' '),
};

function partOf(person: string): Split {
  return (['dev', 'test'] as const).find((part) => people[part].includes(person)) ?? 'train';
}

export const hifimask: Source = {
  id: 'hifimask',
  name: 'CASIA-SURF HiFiMask',
  letter: 'hifimask',
  media: 'image',
  extensions: ['png', 'jpg'],
  present(path) {
    const match = namePath.exec(path);
    if (!match) return null;
    const [, clip, complexion, subject, type, scene, light, sensor, frame] = match as unknown as string[];
    const live = type === '0';
    return frameOf(clip!, frame, {
      split: partOf(subject!),
      subject: subject!,
      label: live ? 'live' : 'spoof',
      attackType: live ? 'live' : 'mask',
      pai: materials[Number(type)]!,
      extra: { complexion: complexion!, scene: scene!, light: light!, sensor: sensor! },
    });
  },
  annotation: null,
  // Frames are cropped already.
  whole: true,
  ownFiles: /\.txt$/i,
  tree: 'Data/COMPLEXION_PERSON_TYPE_SCENE_LIGHT_SENSOR/NNNN.png',
  // 75 people with 182 videos live and of each material; one of eight cameras was left out.
  published: { all: { live: 13_650, attack: 40_950 }, splits: {}, subjects: 75 },
  subsets: {},
  shortest: 1,
};
