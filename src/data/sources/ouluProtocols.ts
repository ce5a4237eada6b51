/** OULU-NPU's own protocols 1 to 4, read from the release's protocol files. */
import { UserError } from '../../base/errors.js';
import type { Split } from '../manifest.js';
import type { ReleaseProtocols } from './source.js';

const parts: Record<string, Split> = { train: 'train', dev: 'dev', test: 'test' };

/**
 * Reads `Protocols/Protocol_{1,2,3,4}/{Train,Dev,Test}[_1..6].txt`: lines `<sign><number>,<video>`. Only the name is kept; what the
 * video shows is known from it. Protocols 3 and 4 have six folds, named `3/1` … `4/6`. A protocol without all its three
 * parts is left out.
 * @throws UserError for a line that names no video, with file and line
 */
export async function readOuluProtocols(
  paths: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<ReleaseProtocols> {
  const found = new Map<string, Partial<Record<Split, string[]>>>();
  for (const path of [...paths].sort()) {
    const match = /(?:^|\/)protocol_([1-4])\/(train|dev|test)(?:_([1-6]))?\.txt$/i.exec(path);
    if (!match) continue;
    const [, number, part, fold] = match;
    const name = fold === undefined ? number! : `${number}/${fold}`;
    const protocol = found.get(name) ?? {};
    protocol[parts[part!.toLowerCase()]!] = parseVideos(await read(path), path);
    found.set(name, protocol);
  }
  const whole = [...found].filter(([, { train, dev, test }]) => train && dev && test);
  return Object.fromEntries(whole.sort(([a], [b]) => (a < b ? -1 : 1))) as ReleaseProtocols;
}

function parseVideos(text: string, path: string): string[] {
  return text.split(/\r\n|\r|\n/).flatMap((line, i) => {
    if (line.trim() === '') return [];
    const match = /^\s*[+-]\d?\s*,\s*([1-6])_([1-3])_(\d{1,2})_([1-5])\s*$/.exec(line);
    if (!match) throw new UserError(`"${line.trim()}" is not a line of an OULU-NPU protocol, in ${path} line ${i + 1}`);
    const [, phone, session, user, file] = match;
    return [`${phone}_${session}_${user!.padStart(2, '0')}_${file}`];
  });
}
