/** CASIA-FASD (CASIA-MFSD): 50 people in three imaging qualities; warped prints, cut prints and videos on a tablet. */
import { parseBoxes } from './annotations.js';
import { labelOf, range, type Source } from './source.js';

type Kind = { attackType: string; pai: string; quality: 'normal' | 'low' | 'high' };

const live = { attackType: 'live', pai: '' };
const warped = { attackType: 'print', pai: 'warped' };
const cut = { attackType: 'print', pai: 'cut' };
const video = { attackType: 'replay', pai: 'video' };

/** Each subject's twelve files. */
const files: Record<string, Kind> = {
  1: { ...live, quality: 'normal' },
  2: { ...live, quality: 'low' },
  HR_1: { ...live, quality: 'high' },
  3: { ...warped, quality: 'normal' },
  4: { ...warped, quality: 'low' },
  HR_2: { ...warped, quality: 'high' },
  5: { ...cut, quality: 'normal' },
  6: { ...cut, quality: 'low' },
  HR_3: { ...cut, quality: 'high' },
  7: { ...video, quality: 'normal' },
  8: { ...video, quality: 'low' },
  HR_4: { ...video, quality: 'high' },
};

const people = { train: 20, test: 30 } as const;

export const casia: Source = {
  id: 'casia',
  name: 'CASIA-FASD',
  letter: 'C',
  media: 'video',
  extensions: ['avi'],
  present(path) {
    const match = /(?:^|\/)(train|test)_release\/(\d{1,2})\/(hr_[1-4]|[1-8])$/i.exec(path);
    if (!match) return null;
    const split = match[1]!.toLowerCase() as 'train' | 'test';
    const folder = Number(match[2]);
    if (folder < 1 || folder > people[split]) return null;
    const file = match[3]!.toUpperCase();
    const { attackType, pai, quality } = files[file]!;
    return {
      video: `${split}_release/${folder}/${file}`,
      split,
      // Folders count from 1 in both parts, which share nobody.
      subject: String(split === 'train' ? folder : people.train + folder),
      label: labelOf(attackType),
      attackType,
      pai,
      extra: { quality },
    };
  },
  annotation: { extension: 'face', eyes: false, parse: parseBoxes },
  ownFiles: /^$/,
  tree: 'train_release/1 … 20 and test_release/1 … 30, each with 1.avi … 8.avi and HR_1.avi … HR_4.avi',
  published: {
    all: { live: 150, attack: 450 },
    splits: { train: { live: 60, attack: 180 }, test: { live: 90, attack: 270 } },
    subjects: 50,
  },
  expectedPaths: () =>
    (['train', 'test'] as const).flatMap((split) =>
      range(1, people[split]).flatMap((folder) =>
        Object.keys(files).map((file) => `${split}_release/${folder}/${file}.avi`),
      ),
    ),
  subsets: {},
  developmentPart: ({ split, subject }) => (split === 'train' ? 'train' : Number(subject) <= 47 ? 'dev' : null),
  shortest: 25,
};
