/** MSU-MFSD, public part: 35 people before a laptop's and a phone's camera; prints, and videos on a tablet and on a phone. */
import { parseCorners } from './annotations.js';
import { labelOf, type Source } from './source.js';

/** `train_sub_list.txt` and `test_sub_list.txt` of the release. */
const clients = {
  train: '02 03 05 06 07 08 09 11 12 21 22 34 53 54 55'.split(' '),
  test: '01 13 14 23 24 26 28 29 30 32 33 35 36 37 39 42 48 49 50 51'.split(' '),
};
const attackTypes: Record<string, string> = { printed_photo: 'print', ipad_video: 'replay', iphone_video: 'replay' };
const extensions: Record<string, string> = { android: 'mp4', laptop: 'mov' };

/** Clients whose bona fide clip of the phone is stored upside-down. */
const upsideDown = new Set(['03', '05', '06', '07', '08', '09']);

const livePath = /(?:^|\/)real_client0?(\d\d)_(android|laptop)_sd_scene01$/;
const attackPath = /(?:^|\/)attack_client0?(\d\d)_(android|laptop)_sd_(ipad_video|iphone_video|printed_photo)_scene01$/;

export const msu: Source = {
  id: 'msu',
  name: 'MSU-MFSD',
  letter: 'M',
  media: 'video',
  extensions: ['mp4', 'mov'],
  present(path) {
    const match = livePath.exec(path.toLowerCase()) ?? attackPath.exec(path.toLowerCase());
    if (!match) return null;
    const [, subject, camera, pai = ''] = match as unknown as [string, string, string, string?];
    const split = clients.train.includes(subject) ? 'train' : clients.test.includes(subject) ? 'test' : null;
    if (!split) return null;
    const attackType = pai === '' ? 'live' : attackTypes[pai]!;
    return {
      video: videoName(subject, camera, pai),
      split,
      subject,
      label: labelOf(attackType),
      attackType,
      pai,
      extra: { camera },
    };
  },
  annotation: { extension: 'face', eyes: true, parse: parseCorners },
  ownFiles: /(?:^|\/)(?:train|test)_sub_list\.txt$/i,
  tree: 'scene01/real and scene01/attack with *.mp4, *.mov and *.face',
  published: {
    all: { live: 70, attack: 210 },
    splits: { train: { live: 30, attack: 90 }, test: { live: 40, attack: 120 } },
    subjects: 35,
  },
  expectedPaths: () =>
    [...clients.train, ...clients.test].flatMap((subject) =>
      Object.keys(extensions).flatMap((camera) =>
        ['', ...Object.keys(attackTypes)].map((pai) => {
          const folder = pai === '' ? 'real' : 'attack';
          return `scene01/${folder}/${videoName(subject, camera, pai)}.${extensions[camera]}`;
        }),
      ),
    ),
  subsets: {},
  // Training loses three: the program tests for them first, and they stand in its training list.
  developmentPart: ({ split, subject }) => (split === 'test' ? 'dev' : Number(subject) < 53 ? 'train' : null),
  shortest: 100,
  upsideDown: ({ label, subject, extra }) => label === 'live' && extra.camera === 'android' && upsideDown.has(subject),
};

function videoName(subject: string, camera: string, pai: string): string {
  return pai === ''
    ? `real_client0${subject}_${camera}_SD_scene01`
    : `attack_client0${subject}_${camera}_SD_${pai}_scene01`;
}
