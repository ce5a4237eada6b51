/** WMCA: 72 people before several cameras, of which the colour one is used; prints, replays, masks of many kinds, glasses. */
import type { Source } from './source.js';

export const wmca: Source = {
  id: 'wmca',
  name: 'WMCA',
  letter: 'W',
  media: 'hdf5',
  extensions: ['hdf5', 'h5'],
  present(path) {
    const match = /(?:^|\/)(\d+)_(\d+)_(\d+)_(\d+)_(\d+)$/.exec(path);
    if (!match) return null;
    const [, client, session, presenter, type, pai] = match as unknown as string[];
    const live = Number(type) === 0;
    return {
      video: match[0].replace('/', ''),
      // The published protocols are lists of their own, which are not part of the recordings.
      split: 'train',
      subject: client!,
      label: live ? 'live' : 'spoof',
      // What the other types are is documented nowhere that could be checked: results tell them apart by number.
      attackType: live ? 'live' : `type${Number(type)}`,
      pai: live ? '' : `${type}-${pai}`,
      extra: { session: session!, presenter: presenter! },
    };
  },
  annotation: null,
  ownFiles: /\.(?:csv|txt|json)$/i,
  tree: 'DATE/CLIENT_SESSION_PRESENTER_TYPE_PAI.hdf5',
  published: { all: { live: 347, attack: 1332 }, splits: {}, subjects: 72 },
  subsets: {},
  shortest: 10,
};
