/** SiW-M v2: live videos and fourteen kinds of attack: prints, replays, masks, make-up, and faces covered in part. */
import type { siwmAttacks } from '../../config/domainNames.js';
import type { Split } from '../manifest.js';
import { type Described, labelOf, type Presentation, type Source } from './source.js';

/** How the names of files begin. */
const kinds = new Map(
  Object.entries<'live' | (typeof siwmAttacks)[number]>({
    live: 'live',
    paper: 'print',
    replay: 'replay',
    mask_half: 'half_mask',
    mask_silicone: 'silicone_mask',
    mask_trans: 'transparent_mask',
    mask_paper: 'paper_mask',
    mask_mann: 'mannequin',
    makeup_ob: 'obfuscation',
    makeup_im: 'impersonation',
    makeup_co: 'cosmetic',
    partial_funnyeye: 'funny_eyes',
    partial_paperglass: 'paper_glasses',
    partial_eye: 'partial_eye',
    partial_mouth: 'partial_mouth',
  }),
);

/** Lists of protocols I and II: names of videos, those of attacks again and again to balance them. */
const listFile = /(?:^|\/)(train|test)list_(?:all|live)\.txt$/i;

export const siwm: Source = {
  id: 'siwm',
  name: 'SiW-M v2',
  letter: 'siwm',
  media: 'video',
  extensions: ['mov', 'mp4', 'avi'],
  present(path) {
    const match = /(?:^|\/)(live|spoof)\/(?:[^/]+\/)?(([a-z]+(?:_[a-z]+)?)_\d+)$/i.exec(path);
    if (!match) return null;
    const [, folder, video, prefix] = match as unknown as [string, string, string, string];
    const attackType = kinds.get(prefix.toLowerCase());
    if (!attackType || labelOf(attackType) !== folder.toLowerCase()) return null;
    return {
      video,
      split: 'train',
      // Nothing says who it is.
      subject: '',
      label: labelOf(attackType),
      attackType,
      pai: '',
      extra: {},
    };
  },
  annotation: null,
  ownFiles: /\.txt$/i,
  tree: 'Live/Live_N.mov, Spoof/KIND/PREFIX_N.mov; trainlist_live.txt, testlist_live.txt, trainlist_all.txt, testlist_all.txt',
  published: { all: { live: 785, attack: 915 }, splits: {}, subjects: null },
  describe: readParts,
  subsets: {},
  shortest: 10,
};

/** The parts of protocol I, whose live ones are those of protocol II. What no list names stays in training. */
async function readParts(own: readonly string[], read: (path: string) => Promise<string>): Promise<Described> {
  const parts = new Map<string, Split>();
  const faults: { path: string; reason: string }[] = [];
  for (const file of own) {
    const match = listFile.exec(file);
    if (!match) continue;
    const part = match[1]!.toLowerCase() as 'train' | 'test';
    for (const line of (await read(file)).split(/\r\n|\r|\n/)) {
      const name = line.trim();
      if (name === '') continue;
      const earlier = parts.get(name);
      if (earlier && earlier !== part) faults.push({ path: name, reason: 'the lists call it of train and of test' });
      parts.set(name, part);
    }
  }
  const complete = (presentation: Presentation) => {
    return { ...presentation, split: parts.get(presentation.video) ?? presentation.split };
  };
  // The lists name live videos that the release does not have, so that nothing can be called missing by them.
  return { complete, paths: [], faults };
}
