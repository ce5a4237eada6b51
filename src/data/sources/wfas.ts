/** WFAS (Wild Face Anti-Spoofing): 1.4 million photographs from the web, seventeen kinds of attack, a box and five points for each. */
import type { Split } from '../manifest.js';
import { parsePoints } from './annotations.js';
import { readLabelLists } from './labelLists.js';
import type { Source } from './source.js';

const folderPath = /(?:^|\/)(train|dev|test)\/(?:(living)|spoof\/([^/]+))\/(\d+)\/([^/]+)$/i;
/** As the challenge gave them out: lists alone say what they are. */
const anonymousPath = /(?:^|\/)(dev|test)\/(\d{6})$/i;

/** `2D-Display-Phone`, `2D-Print-Poster`, `3D-Mask`, … */
function attackTypeOf(kind: string): string {
  if (/display/i.test(kind)) return 'replay';
  if (/^2d/i.test(kind)) return 'print';
  return /mask/i.test(kind) ? 'mask' : '3d';
}

export const wfas: Source = {
  id: 'wfas',
  name: 'WFAS',
  letter: 'wfas',
  media: 'image',
  extensions: ['jpg', 'jpeg', 'png'],
  present(path) {
    const match = folderPath.exec(path);
    if (match) {
      const [, part, living, kind = '', subject] = match;
      return {
        video: match[0].replace(/^\//, '').toLowerCase(),
        split: part!.toLowerCase() as Split,
        subject: `${living ? 'living' : kind.toLowerCase()}/${part!.toLowerCase()}/${subject}`,
        label: living ? 'live' : 'spoof',
        attackType: living ? 'live' : attackTypeOf(kind),
        pai: kind.toLowerCase(),
        extra: {},
      };
    }
    const anonymous = anonymousPath.exec(path);
    if (!anonymous) return null;
    const [, part, number] = anonymous;
    return {
      video: `${part!.toLowerCase()}/${number}`,
      split: part!.toLowerCase() as Split,
      subject: '',
      ...{ label: 'spoof', attackType: 'unknown', unlabelled: true },
      pai: '',
      extra: {},
    };
  },
  annotation: { extension: 'txt', eyes: true, parse: parsePoints },
  ownFiles: /(?:^|\/)(?:train|dev|test)[^/]*\.(?:txt|list)$/i,
  tree: 'Train/living/ID/N.jpg and Train/spoof/KIND/ID/N.jpg with N.txt; dev and test the same, or with NNNNNN.jpg and lists dev.txt, test.txt',
  published: {
    all: { live: 529_571, attack: 853_729 },
    splits: {
      train: { live: 205_146, attack: 282_917 },
      dev: { live: 51_299, attack: 88_759 },
      test: { live: 273_126, attack: 482_053 },
    },
    // People of photographs from the web are counted by folder, live and attacked apart.
    subjects: null,
  },
  describe: (own, read) => readLabelLists(own, read, wfas.present),
  subsets: {},
  shortest: 1,
};
