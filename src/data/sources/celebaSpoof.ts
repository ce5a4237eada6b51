/** CelebA-Spoof: photographs of 10,177 celebrities and of prints, screens and masks that show them; each is a presentation. */
import { UserError } from '../../base/errors.js';
import type { Split } from '../manifest.js';
import { parseBox } from './annotations.js';
import type { Described, Presentation, Source } from './source.js';

/** Place 40 of the 44 attributes of an image. */
const types: readonly { attackType: string; pai: string }[] = [
  { attackType: 'live', pai: '' },
  { attackType: 'print', pai: 'photo' },
  { attackType: 'print', pai: 'poster' },
  { attackType: 'print', pai: 'a4' },
  { attackType: 'mask', pai: 'face-mask' },
  { attackType: 'mask', pai: 'upper-body-mask' },
  { attackType: 'mask', pai: 'region-mask' },
  { attackType: 'replay', pai: 'pc' },
  { attackType: 'replay', pai: 'pad' },
  { attackType: 'replay', pai: 'phone' },
  { attackType: 'mask', pai: '3d-mask' },
];
const typeAt = 40;
const labelFile = /(?:^|\/)metas\/intra_test\/(?:train|test)_label\.json$/i;

export const celebaSpoof: Source = {
  id: 'celeba-spoof',
  name: 'CelebA-Spoof',
  letter: 'A',
  media: 'image',
  extensions: ['jpg', 'jpeg', 'png'],
  present(path) {
    const match = /(?:^|\/)data\/(train|test)\/(\d+)\/(live|spoof)\/(\d+)(?:_bb)?$/i.exec(path);
    if (!match) return null;
    const [, part, subject, folder, number] = match as unknown as string[];
    const label = folder!.toLowerCase() as 'live' | 'spoof';
    return {
      video: `${subject}/${label}/${number}`,
      split: part!.toLowerCase() as Split,
      subject: subject!,
      label,
      // Which attack it is stands in the label files alone.
      attackType: label === 'live' ? 'live' : 'unknown',
      pai: '',
      extra: {},
    };
  },
  annotation: { extension: 'txt', eyes: false, units: 224, parse: parseBox },
  ownFiles: /(?:^|\/)metas\//i,
  tree: 'Data/{train,test}/SUBJECT/{live,spoof}/NUMBER.{jpg,png} with NUMBER_BB.txt; metas/intra_test/{train,test}_label.json',
  // Only the sum of both is published.
  published: { all: null, splits: {}, subjects: 10_177 },
  describe: readLabels,
  subsets: {},
  shortest: 1,
};

/** The images that the label files name, and which attack each of them is. */
async function readLabels(own: readonly string[], read: (path: string) => Promise<string>): Promise<Described> {
  const known = new Map<string, readonly number[]>();
  const paths: string[] = [];
  for (const file of own.filter((path) => labelFile.test(path))) {
    for (const [path, attributes] of Object.entries(parseLabels(await read(file), file))) {
      const presentation = celebaSpoof.present(path.replace(/\.\w+$/, ''));
      if (!presentation || !types[attributes[typeAt] ?? -1])
        throw new UserError(`${file} has an entry that is no image with 44 attributes: ${path}`);
      known.set(presentation.video, attributes);
      paths.push(path);
    }
  }
  const complete = (presentation: Presentation) => withAttributes(presentation, known.get(presentation.video) ?? []);
  return { complete, paths };
}

/** Which attack it is. The folder says whether it is live; where the attributes contradict it, they are not believed. */
export function withAttributes(presentation: Presentation, attributes: readonly number[]): Presentation {
  const kind = types[attributes[typeAt] ?? -1];
  const agrees = kind && (kind.attackType === 'live') === (presentation.label === 'live');
  return agrees ? { ...presentation, ...kind } : presentation;
}

function parseLabels(text: string, file: string): Record<string, number[]> {
  try {
    return JSON.parse(text) as Record<string, number[]>;
  } catch {
    throw new UserError(`${file} is not JSON`, 'copy it again from the release');
  }
}
