/** CASIA-SURF CeFA: 1500 people of three ethnicities, printed on cloth and shown on a screen, and two sets of masks; colour images alone. */
import type { Split } from '../manifest.js';
import { frameOf, labelOf, type Source } from './source.js';

/** The last number of a recording of a person: what is before the camera. */
const kinds: Readonly<Record<string, { attackType: string; pai: string }>> = {
  1: { attackType: 'live', pai: '' },
  2: { attackType: 'print', pai: 'cloth' },
  3: { attackType: 'print', pai: 'photo' },
  4: { attackType: 'replay', pai: 'screen' },
};

const colour = '(?:\\/(?:color|profile)\\/(\\d+))?$';
/** ETHNICITY_PERSON_DEVICE_SESSION_KIND; folders of ethnicity and person lie above. */
const personPath = new RegExp(`(?:^|\\/)([123])_(\\d{3})_([1-4])_([1-3])_([1-4])${colour}`, 'i');
/** MASK_NUMBER_DRESS_GLASSES_DEVICE_SESSION_LIGHT, of resin and of silicone. */
const maskPath = new RegExp(
  `(?:^|\\/)(3d|silicone)-mask\\/[^/]+\\/([12]_(\\d{3})_[01]_[01]_[12]_[12]_[1-4])${colour}`,
  'i',
);

/** In each ethnicity. */
function partOf(person: number): Split {
  return person < 200 ? 'train' : person < 300 ? 'dev' : 'test';
}

export const cefa: Source = {
  id: 'cefa',
  name: 'CASIA-SURF CeFA',
  letter: 'cefa',
  media: 'image',
  extensions: ['jpg', 'png'],
  present(path) {
    const person = personPath.exec(path);
    if (person) {
      const [, ethnicity, number, device, session, kind, frame] = person;
      const clip = [ethnicity, number, device, session, kind].join('_');
      const { attackType, pai } = kinds[kind!]!;
      return frameOf(clip, frame, {
        ...{
          split: partOf(Number(number)),
          subject: `${ethnicity}_${number}`,
          label: labelOf(attackType),
          attackType,
          pai,
        },
        extra: { device: device!, session: session! },
      });
    }
    const mask = maskPath.exec(path);
    if (!mask) return null;
    const [, material, name, number, frame] = mask;
    const pai = `${material!.toLowerCase()}-mask`;
    return frameOf(name!, frame, {
      ...{ split: 'test', subject: `${pai}-${number}`, label: 'spoof', attackType: 'mask', pai },
      extra: {},
    });
  },
  annotation: null,
  whole: true,
  ownFiles: /\.txt$|(?:^|\/)(?:depth|ir)\//i,
  tree: '{AF,CA,EA}/ETHNICITY-PERSON…/E_PPP_D_S_K/color/NNNN.jpg (or profile/), {3D,Silicone}-Mask/NUMBER/NAME/color/NNNN.jpg',
  // From the sizes of its protocols: 4 recordings of each person, 1123 of masks.
  published: {
    all: { live: 1500, attack: 5623 },
    splits: {
      train: { live: 600, attack: 1800 },
      dev: { live: 300, attack: 900 },
      test: { live: 600, attack: 2923 },
    },
    subjects: 1607,
  },
  subsets: {},
  shortest: 1,
};
