/** Links in a crop set: it may come from a stranger, and must not make a command read what lies elsewhere on this machine. */
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import { UserError } from '../base/errors.js';
import { type Frame, relativePath } from './manifest.js';

/**
 * That the set's folder itself is a link is the user's own affair.
 * @throws UserError for the first image that lies outside of the set's folder once links are followed
 */
export async function refuseLinksOut(folder: string, frames: readonly Frame[]): Promise<void> {
  const root = await realpath(folder);
  // What is not there is told where it is read.
  const leadsOut = async (path: string) => {
    const real = await realpath(path).catch(() => root);
    return real !== root && !real.startsWith(root + sep);
  };
  const links = new Map<string, Set<string>>();
  for (const frame of frames) {
    const parent = dirname(frame.path);
    let known = links.get(parent);
    if (known === undefined) {
      if (await leadsOut(parent)) throw outside(frame);
      const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
      known = new Set(entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name));
      links.set(parent, known);
    }
    if (known.has(basename(frame.path)) && (await leadsOut(frame.path))) throw outside(frame);
  }
}

function outside(frame: Frame): UserError {
  return new UserError(
    `${frame.manifest} line ${frame.row} has the path "${relativePath(frame)}", which a link leads out of the folder of the manifest`,
    'where the set is to be trusted: --follow (in a configuration data.follow: true)',
  );
}
