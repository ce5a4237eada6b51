/** Links in a crop set: it may come from a stranger, and must not make a command read what lies elsewhere on this machine. */
import { readdir, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
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
  const firstOutside = async ([parent, own]: [string, Frame[]]) => {
    if (await leadsOut(parent)) return own[0];
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
    const links = new Set(entries.flatMap((entry) => (entry.isSymbolicLink() ? [entry.name] : [])));
    if (links.size === 0) return undefined;
    for (const frame of own) if (links.has(nameIn(frame.path)) && (await leadsOut(frame.path))) return frame;
    return undefined;
  };
  const folders = [...byFolder(frames)];
  for (let at = 0; at < folders.length; at += foldersAtOnce) {
    const found = await Promise.all(folders.slice(at, at + foldersAtOnce).map(firstOutside));
    const first = found.find((frame) => frame !== undefined);
    if (first) throw outside(first);
  }
}

/** Enough that waiting for one's answer is no time lost. */
const foldersAtOnce = 32;

/** Frames by the folder that their image is in, in the order of the folders' first frames. */
export function byFolder(frames: readonly Frame[]): Map<string, Frame[]> {
  const folders = new Map<string, Frame[]>();
  let folder = '';
  let own: Frame[] = [];
  for (const frame of frames) {
    const { path } = frame;
    const end = path.lastIndexOf(sep);
    // Mostly that of the frame before.
    if (end !== folder.length || !path.startsWith(folder)) {
      folder = path.slice(0, end);
      own = folders.get(folder) ?? [];
      folders.set(folder, own);
    }
    own.push(frame);
  }
  return folders;
}

/** The name of an image in its folder. */
export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf(sep) + 1);
}

function outside(frame: Frame): UserError {
  return new UserError(
    `${frame.manifest} line ${frame.row} has the path "${relativePath(frame)}", which a link leads out of the folder of the manifest`,
    'where the set is to be trusted: --follow (in a configuration data.follow: true)',
  );
}
