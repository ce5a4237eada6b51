/** Idiap Replay-Attack: 50 clients before a webcam; prints, and photographs and videos on a phone and on a tablet. */
import type { Split } from '../manifest.js';
import { parseBoxes } from './annotations.js';
import { labelOf, type Presentation, type Source } from './source.js';

const splits: Record<string, Split> = { train: 'train', devel: 'dev', test: 'test' };
const folders: Record<Split, string> = { train: 'train', dev: 'devel', test: 'test' };

/** Clients of the two parts whose lists are public; those of the development part are known from the files found. */
const clients: Record<'train' | 'test', readonly string[]> = {
  train: '001 002 004 006 007 008 012 016 018 025 027 103 105 108 110'.split(' '),
  test: '009 011 013 014 019 020 021 023 024 026 028 031 102 104 106 107 109 112 115 117'.split(' '),
};

/** What is held before the camera, and what it shows. */
const instruments = [
  { device: 'print', shows: 'highdef_photo' },
  { device: 'mobile', shows: 'mobile_photo' },
  { device: 'mobile', shows: 'mobile_video' },
  { device: 'highdef', shows: 'highdef_photo' },
  { device: 'highdef', shows: 'highdef_video' },
];
const lights = ['controlled', 'adverse'];
const supports = ['fixed', 'hand'];

const livePath =
  /(?:^|\/)(?:replayattack-)?(train|devel|test)\/real\/client(\d{3})_session(\d\d)_webcam_authenticate_(controlled|adverse)_(\d)$/i;
const attackPath =
  /(?:^|\/)(?:replayattack-)?(train|devel|test)\/(?:attack|attk)\/(fixed|hand)\/attack_(print|mobile|highdef)_client(\d{3})_session(\d\d)_((?:mobile|highdef)_(?:photo|video))_(controlled|adverse)$/i;

export const replay: Source = {
  id: 'replay',
  name: 'Replay-Attack',
  letter: 'I',
  media: 'video',
  extensions: ['mov'],
  present: (path) => presentLive(path.toLowerCase()) ?? presentAttack(path.toLowerCase()),
  annotation: { extension: 'face', eyes: false, parse: parseBoxes },
  // Enrolment videos are for recognition systems under attack; they are no presentations to a detector.
  ownFiles: /(?:^|\/)(?:protocols?\/|enroll\/|face-locations\/enroll\/)/i,
  tree: 'train, devel, test with real/*.mov and attack/{fixed,hand}/*.mov; face-locations with the same folders and *.face',
  published: {
    all: { live: 200, attack: 1000 },
    splits: {
      train: { live: 60, attack: 300 },
      dev: { live: 60, attack: 300 },
      test: { live: 80, attack: 400 },
    },
    subjects: 50,
  },
  expectedPaths: (found) => {
    const devel = new Set(found.filter(({ split }) => split === 'dev').map(({ subject }) => subject));
    return (['train', 'dev', 'test'] as const).flatMap((split) =>
      (split === 'dev' ? [...devel].sort() : clients[split]).flatMap((client) => clientPaths(folders[split], client)),
    );
  },
  subsets: { default: { splits: ['train', 'test'] } },
  developmentPart: ({ split, subject }) =>
    split !== 'dev' ? 'train' : [3, 5, 10].includes(Number(subject)) ? null : 'dev',
  shortest: 100,
};

function presentLive(path: string): Presentation | null {
  const match = livePath.exec(path);
  if (!match) return null;
  const [, folder, subject, session, light, take] = match as unknown as string[];
  return {
    video: `${folder}/real/client${subject}_session${session}_webcam_authenticate_${light}_${take}`,
    split: splits[folder!]!,
    subject: subject!,
    label: 'live',
    attackType: 'live',
    pai: '',
    extra: { light: light!, support: '' },
  };
}

function presentAttack(path: string): Presentation | null {
  const match = attackPath.exec(path);
  if (!match) return null;
  const [, folder, support, device, subject, session, shows, light] = match as unknown as string[];
  // A photograph on a screen is a replay too: what the camera sees is the screen.
  const attackType = device === 'print' ? 'print' : 'replay';
  return {
    video: `${folder}/attack/${support}/attack_${device}_client${subject}_session${session}_${shows}_${light}`,
    split: splits[folder!]!,
    subject: subject!,
    label: labelOf(attackType),
    attackType,
    pai: device === 'print' ? 'print' : shows!.replace('_', '-'),
    extra: { light: light!, support: support! },
  };
}

function clientPaths(folder: string, client: string): string[] {
  const live = lights.flatMap((light) =>
    [1, 2].map((take) => `${folder}/real/client${client}_session01_webcam_authenticate_${light}_${take}.mov`),
  );
  const attacks = supports.flatMap((support) =>
    instruments.flatMap(({ device, shows }) =>
      lights.map(
        (light) => `${folder}/attack/${support}/attack_${device}_client${client}_session01_${shows}_${light}.mov`,
      ),
    ),
  );
  return [...live, ...attacks];
}
