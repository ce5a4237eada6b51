/** CASIA-SURF: 1000 people before a colour, depth and infrared camera, of which the colour one is used; prints with eyes, nose or mouth cut out. */
import type { Split } from '../manifest.js';
import { readLabelLists } from './labelLists.js';
import type { Source } from './source.js';

const parts: Readonly<Record<string, Split>> = { training: 'train', val: 'dev', testing: 'test' };

/** What is in a person's folder: `real.rssdk`, `06_enm_b.rssdk`, the number being that of the attack. */
const namedPath =
  /(?:^|\/)(training|val|testing)\/(real|fake)_part\/([^/]+)\/(?:real|(\d\d)_[^/]*)\.rssdk\/color\/(\d+)$/i;
/** Where lists alone say what an image is. */
const anonymousPath = /(?:^|\/)(val|testing)\/(\d{4})\/(\d{6})(?:-color)?$/i;

export const surf: Source = {
  id: 'surf',
  name: 'CASIA-SURF',
  letter: 'surf',
  media: 'image',
  extensions: ['jpg', 'png'],
  present(path) {
    const named = namedPath.exec(path);
    if (named) {
      const [, part, folder, subject, attack, frame] = named;
      const live = folder!.toLowerCase() === 'real';
      if (live === (attack !== undefined)) return null;
      const clip = `${part!.toLowerCase()}/${folder!.toLowerCase()}/${subject}${live ? '' : `-${attack}`}`;
      return {
        ...{ video: `${clip}/${frame}`, clip, frame: Number(frame) },
        split: parts[part!.toLowerCase()]!,
        subject: subject!,
        label: live ? 'live' : 'spoof',
        attackType: live ? 'live' : 'print',
        pai: live ? '' : `cut${Number(attack)}`,
        extra: {},
      };
    }
    const match = anonymousPath.exec(path);
    if (!match) return null;
    const [, part, folder, number] = match;
    return {
      video: `${part!.toLowerCase()}/${folder}/${number}`,
      split: parts[part!.toLowerCase()]!,
      subject: '',
      ...{ label: 'spoof', attackType: 'unknown', unlabelled: true },
      pai: '',
      extra: {},
    };
  },
  annotation: null,
  // Its pictures are faces before black already.
  whole: true,
  ownFiles: /\.txt$|(?:^|\/)(?:depth|ir)\/|-(?:depth|ir)\.\w+$/i,
  tree: 'Training/{real,fake}_part/SUBJECT/NAME.rssdk/color/N.jpg, Val and Testing with NNNN/NNNNNN-color.jpg, and the lists (train_list.txt, …)',
  published: {
    all: { live: 29_394, attack: 67_190 },
    splits: {
      train: { live: 8942, attack: 20_324 },
      dev: { live: 2994, attack: 6614 },
      test: { live: 17_458, attack: 40_252 },
    },
    subjects: 1000,
    images: true,
  },
  describe: (own, read) => readLabelLists(own, read, surf.present),
  subsets: {},
  shortest: 1,
};
