/** Rose-Youtu, public part: 20 people, five phones; prints, paper masks, and videos on two displays. */
import { labelOf, type Source } from './source.js';

/** The first part of a file's name. */
const types: Record<string, { attackType: string; pai: string }> = {
  g: { attackType: 'live', pai: '' },
  ps: { attackType: 'print', pai: 'print-still' },
  pq: { attackType: 'print', pai: 'print-quivering' },
  mc: { attackType: 'mask', pai: 'paper-mask-cropped' },
  mf: { attackType: 'mask', pai: 'paper-mask-full' },
  mu: { attackType: 'mask', pai: 'paper-mask-upper' },
  vl: { attackType: 'replay', pai: 'display-l' },
  vm: { attackType: 'replay', pai: 'display-m' },
};

export const roseYoutu: Source = {
  id: 'rose-youtu',
  name: 'Rose-Youtu',
  letter: 'R',
  media: 'video',
  extensions: ['mp4'],
  present(path) {
    const match = /(?:^|\/)(train|test)\/_?(\d{1,2})\/((g|ps|pq|mc|mf|mu|vl|vm)_[^/]*)$/i.exec(path);
    if (!match) return null;
    const [, part, subject, name, type] = match as unknown as string[];
    const { attackType, pai } = types[type!.toLowerCase()]!;
    return {
      video: `${subject}/${name}`,
      split: part!.toLowerCase() as 'train' | 'test',
      subject: subject!,
      label: labelOf(attackType),
      attackType,
      pai,
      extra: {},
    };
  },
  annotation: null,
  ownFiles: /^$/,
  tree: 'train and test with SUBJECT/TYPE_….mp4, TYPE being G, Ps, Pq, Mc, Mf, Mu, Vl or Vm',
  published: { all: { live: 500, attack: 2850 }, splits: {}, subjects: 20 },
  subsets: {},
  shortest: 50,
};
