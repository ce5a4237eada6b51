/** WMCA: 72 people before several cameras, of which the colour one is used; prints, replays, masks of many kinds, glasses. */
import { UserError } from '../../base/errors.js';
import { type Split, splits } from '../manifest.js';
import { type Described, labelOf, type Presentation, type Source } from './source.js';

/** The main protocol, which is published as a list of its own: it says what type of attack a recording is, and of which part. */
const protocolFile = /(?:^|\/)protocol-grandtest\.csv$/i;

/** The day is a folder's name, or stands before the recording's. */
const recordingPath = /(?:^|\/)(?:(\d\d[.-]\d\d[.-]\d\d)[/_])?((\d+)_(\d+)_(\d+)_(\d+)_(\d+))$/;

const parts: Record<string, Split> = { train: 'train', dev: 'dev', eval: 'test', test: 'test' };

export const wmca: Source = {
  id: 'wmca',
  name: 'WMCA',
  letter: 'W',
  media: 'hdf5',
  extensions: ['hdf5', 'h5'],
  present(path) {
    const match = recordingPath.exec(path);
    if (!match) return null;
    const [, date, name, client, session, presenter, type, pai] = match as unknown as string[];
    // What the other types are is documented nowhere that could be checked: without the protocol they are told apart by number.
    const attackType = Number(type) === 0 ? 'live' : `type${Number(type)}`;
    return {
      // One name may stand for recordings of several days.
      video: date ? `${date.replaceAll('-', '.')}_${name}` : name!,
      split: 'train',
      subject: client!,
      label: labelOf(attackType),
      attackType,
      pai: attackType === 'live' ? '' : `${type}-${pai}`,
      extra: { session: session!, presenter: presenter! },
    };
  },
  annotation: null,
  ownFiles: /\.(?:csv|txt|json)$/i,
  tree: 'DATE/CLIENT_SESSION_PRESENTER_TYPE_PAI.hdf5; PROTOCOL-grandtest.csv',
  published: { all: { live: 347, attack: 1332 }, splits: {}, subjects: 72 },
  describe: readProtocol,
  subsets: {},
  shortest: 10,
};

/** The recordings that the protocol names, their parts and the types of their attacks. Without its file nothing is known of them. */
async function readProtocol(own: readonly string[], read: (path: string) => Promise<string>): Promise<Described> {
  const known = new Map<string, { split: Split; attackType: string }>();
  const paths: string[] = [];
  for (const file of own.filter((path) => protocolFile.test(path))) {
    const lines = (await read(file)).split(/\r\n|\r|\n/);
    for (const [i, line] of lines.entries()) {
      const [path = '', , attack = '', part = ''] = line
        .split(',')
        .map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
      const presentation = wmca.present(path.replace(/\.(?:hdf5|h5)$/i, ''));
      const split = parts[part.toLowerCase()];
      if (presentation && split) {
        known.set(presentation.video, { split, attackType: attackTypeOf(attack) });
        paths.push(path);
      } else if (i > 0 && line.trim() !== '') {
        throw new UserError(
          `"${line.trim().slice(0, 80)}" is not a line of WMCA's protocol, in ${file} line ${i + 1}`,
          `lines are path,label,attack,set; sets are ${splits.join(', ')} or eval`,
        );
      }
    }
  }
  const complete = (presentation: Presentation): Presentation => {
    const found = known.get(presentation.video);
    if (!found) return presentation;
    const { split, attackType } = found;
    // What is live stands in a recording's own name.
    return presentation.label === 'live' ? { ...presentation, split } : { ...presentation, split, attackType };
  };
  return { complete, paths };
}

/** `prints` → `print`, and every kind of mask → `mask`; others are called as the protocol calls them. */
function attackTypeOf(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]+/g, '');
  if (/^prints?$/.test(plain)) return 'print';
  if (/^(?:replay|video)/.test(plain)) return 'replay';
  return /mask|fakehead/.test(plain) ? 'mask' : plain || 'unknown';
}
