/** HKBU-MARs V2: 12 people and their 3D masks before seven cameras in six lights. How files are named is documented nowhere. */
import { labelOf, type Source } from './source.js';

const kinds: Record<string, 'live' | 'mask'> = { real: 'live', attack: 'mask', mask: 'mask' };

export const hkbu: Source = {
  id: 'hkbu',
  name: 'HKBU-MARs',
  letter: 'H',
  media: 'video',
  extensions: ['avi', 'mp4', 'mov', 'mkv'],
  present(path) {
    const parts = path.split('/');
    const at = parts.findIndex((part) => part.toLowerCase() in kinds);
    if (at < 0 || at === parts.length - 1) return null;
    const attackType = kinds[parts[at]!.toLowerCase()]!;
    return {
      // Folders above tell files of one name apart.
      video: path,
      split: 'train',
      // Who it is would be guessed; unknown people are said to be unknown, and held out by video.
      subject: '',
      label: labelOf(attackType),
      attackType,
      pai: attackType === 'mask' ? '3d-mask' : '',
      extra: {},
    };
  },
  annotation: null,
  ownFiles: /^$/,
  tree: 'folders named real and attack (or mask), with videos at any depth below them',
  published: { all: { live: 504, attack: 504 }, splits: {}, subjects: 12 },
  subsets: {},
  shortest: 50,
};
