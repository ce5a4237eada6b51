/**
 * UniAttackData's physical part: 1800 people of three ethnicities live, printed on cloth and shown on a screen. Its digital forgeries, in
 * folders of their own, are passed over: they are no attacks in front of a camera.
 */
import type { Split } from '../manifest.js';
import { partIn } from '../words.js';
import { type Described, frameOf, labelOf, type Source } from './source.js';

/** What the folder of a video is called. */
const kinds: Readonly<Record<string, string>> = {
  'real.rssdk': 'live',
  'cloth-indoor': 'print',
  'cloth-outdoor': 'print',
  'screen-rs': 'replay',
};

const videoPath =
  /(?:^|\/)(live|spoof)\/(?:africa|central-asia|east-asia)\/((?:AF|CA|EA)-\d{3})\/([^/]+)\/color(?:\/(\d+))?$/i;

/** Protocol 1 takes each person into one part; protocols 2.1 and 2.2 leave out kinds of attack. */
const listFile = /(?:^|\/)UniAttackData@p1_(?:image|video)_(?:train|dev|test)\.txt$/i;

export const uniattack: Source = {
  id: 'uniattack',
  name: 'UniAttackData (physical)',
  letter: 'uniattack',
  media: 'image',
  extensions: ['jpg', 'png'],
  present(path) {
    const match = videoPath.exec(path);
    if (!match) return null;
    const [folder, person, name] = match.slice(1, 4) as [string, string, string];
    const [subject, kind] = [person.toUpperCase(), name.toLowerCase()];
    const attackType = kinds[kind];
    if (!attackType || labelOf(attackType) !== folder.toLowerCase()) return null;
    return frameOf(`${subject}/${kind}`, match[4], {
      ...{ split: 'train', subject, label: labelOf(attackType), attackType },
      pai: attackType === 'live' ? '' : kind,
      extra: {},
    });
  },
  annotation: null,
  // As CeFA's, which it extends.
  whole: true,
  ownFiles: /\.txt$|(?:^|\/)(?:adv-attacks|dagan|facedancer|insightface|oneshotth|safa|simswap)\//i,
  tree: 'Data/live/{africa,central-asia,east-asia}/PERSON/real.rssdk/color/NNNN.jpg, Data/spoof/…/PERSON/{cloth-indoor,cloth-outdoor,screen-rs}/color/NNNN.jpg, protocol/UniAttackData@p1_image_{train,dev,test}.txt',
  // By the sizes of protocol 1, which has five images of a live video: a live one and three attacks of each person.
  published: {
    all: { live: 1800, attack: 5400 },
    splits: {
      train: { live: 600, attack: 1800 },
      dev: { live: 300, attack: 900 },
      test: { live: 900, attack: 2700 },
    },
    subjects: 1800,
  },
  describe: readParts,
  subsets: {},
  shortest: 1,
};

/** A person's part is that of the lists of protocol 1; who stands in none stays in training. */
async function readParts(own: readonly string[], read: (path: string) => Promise<string>): Promise<Described> {
  const parts = new Map<string, Split>();
  const faults: { path: string; reason: string }[] = [];
  for (const file of own.filter((path) => listFile.test(path))) {
    const part = partIn(file.slice(file.lastIndexOf('_') + 1).replace(/\.txt$/i, ''))!;
    for (const line of (await read(file)).split(/\r\n|\r|\n/)) {
      const path = line.trim().split(/\s+/)[0]!;
      const presentation = uniattack.present(path.replace(/\.\w+$/, ''));
      if (!presentation) continue;
      const { subject } = presentation;
      const earlier = parts.get(subject);
      if (earlier && earlier !== part)
        faults.push({ path, reason: `the lists call ${subject} of ${earlier} and of ${part}` });
      parts.set(subject, earlier ?? part);
    }
  }
  return { complete: (given) => ({ ...given, split: parts.get(given.subject) ?? given.split }), paths: [], faults };
}
