/** 3DMAD: 17 people before a Kinect in three sessions of five shots; in the third a man wears the masks of all. */
import { labelOf, range, type Source } from './source.js';

/** Clients of each part, as the release's publisher divides them (bob.db.maskattack). */
const clients = { train: range(1, 7), dev: range(8, 12), test: range(13, 17) } as const;

export const threeDMad: Source = {
  id: '3dmad',
  name: '3DMAD',
  letter: 'D',
  media: 'hdf5',
  extensions: ['hdf5', 'h5'],
  present(path) {
    const match = /(?:^|\/)(\d{2})_(0[1-3])_(0[1-5])$/.exec(path);
    if (!match) return null;
    const [, subject, session, shot] = match as unknown as [string, string, string, string];
    const split = (['train', 'dev', 'test'] as const).find((part) => clients[part].includes(Number(subject)));
    if (!split) return null;
    const attackType = session === '03' ? 'mask' : 'live';
    return {
      video: `${subject}_${session}_${shot}`,
      split,
      subject,
      label: labelOf(attackType),
      attackType,
      pai: attackType === 'mask' ? '3d-mask' : '',
      extra: { session },
    };
  },
  annotation: null,
  eyesInside: true,
  ownFiles: /\.(?:avi|jpe?g|png|obj|wrl)$/i,
  tree: 'CLIENT_SESSION_SHOT.hdf5, in one folder or in one a session',
  published: {
    all: { live: 170, attack: 85 },
    splits: {
      train: { live: 70, attack: 35 },
      dev: { live: 50, attack: 25 },
      test: { live: 50, attack: 25 },
    },
    subjects: 17,
  },
  expectedPaths: () =>
    range(1, 17).flatMap((client) =>
      range(1, 3).flatMap((session) =>
        range(1, 5).map((shot) => `${[client, session, shot].map((n) => String(n).padStart(2, '0')).join('_')}.hdf5`),
      ),
    ),
  subsets: {},
  shortest: 100,
};
