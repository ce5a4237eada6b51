/** SiW (Spoof in the Wild): 165 people; prints, and replays on four screens. */
import { parseRectangles } from './annotations.js';
import { labelOf, type Source } from './source.js';

/** The third number of a file's name. */
const types: Record<string, string> = { 1: 'live', 2: 'print', 3: 'replay' };

export const siw: Source = {
  id: 'siw',
  name: 'SiW',
  letter: 'S',
  media: 'video',
  extensions: ['mov', 'mp4'],
  present(path) {
    const match = /(?:^|\/)(train|test)\/(live|spoof)\/(\d{3})\/\3-(\d)-([1-3])-(\d)-(\d)(?:\.m)?$/i.exec(path);
    if (!match) return null;
    const [, part, folder, subject, sensor, type, medium, session] = match as unknown as string[];
    const attackType = types[type!]!;
    const label = labelOf(attackType);
    if (label !== folder!.toLowerCase()) return null;
    return {
      video: `${subject}-${sensor}-${type}-${medium}-${session}`,
      split: part!.toLowerCase() as 'train' | 'test',
      subject: subject!,
      label,
      attackType,
      pai: label === 'live' ? '' : `${attackType}${medium}`,
      extra: { sensor: sensor!, session: session! },
    };
  },
  annotation: { extension: 'face', eyes: false, parse: parseRectangles },
  ownFiles: /^$/,
  tree: 'Train and Test with {live,spoof}/SUBJECT/SUBJECT-SENSOR-TYPE-MEDIUM-SESSION.mov and .face',
  // The release's page counts 4478 videos, 8 of each subject being live; public loaders count up to 20 attacks a subject, 3300.
  published: { all: { live: 1320, attack: 3158 }, splits: {}, subjects: 165 },
  subsets: {},
  shortest: 100,
};
