/** `protocols.json`: the protocols that came with a release, as lists of the crop set's videos. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import type { CropSet } from '../cropSet.js';
import { type Frame, type Split, splits } from '../manifest.js';
import type { ReleaseProtocols, Source } from '../sources/source.js';
import type { Survey } from './survey.js';

const PROTOCOLS = 'protocols.json';

/** One protocol of a release, or one fold of it. */
export interface ProtocolFrames {
  /** `1`, `2`, `3/1` … */
  name: string;
  frames: Record<Split, Frame[]>;
  /** Videos that the protocol names and the crop set does not have. */
  missing: Record<Split, string[]>;
}

/** Keeps the release's protocols beside its crops; a release without any leaves no file. */
export async function writeProtocols(source: Source, root: string, folder: string, { own }: Survey): Promise<void> {
  const protocols = await source.protocols?.(own, (path) => readFile(join(root, path), 'utf8'));
  if (!protocols || Object.keys(protocols).length === 0) return;
  await writeFileWhole(join(folder, PROTOCOLS), `${JSON.stringify(protocols)}\n`);
}

/**
 * The frames of each part of one of a crop set's own protocols.
 * @param name `1`, or `3/2` for a fold of a protocol that has folds
 * @throws UserError when the set has no such protocol, and when one of its parts has no frames
 */
export async function protocolFrames(set: CropSet, name: string): Promise<ProtocolFrames> {
  const protocols = await readProtocols(set);
  const protocol = protocols[name];
  if (!protocol) {
    throw new UserError(
      `${set.name} in ${set.dir} has no protocol ${name}`,
      `it has ${Object.keys(protocols).join(', ')}`,
    );
  }
  const frames = {} as Record<Split, Frame[]>;
  const missing = {} as Record<Split, string[]>;
  for (const split of splits) {
    const videos = new Set(protocol[split]);
    frames[split] = set.frames.filter(({ video }) => videos.has(video));
    const there = new Set(frames[split].map(({ video }) => video));
    missing[split] = protocol[split].filter((video) => !there.has(video));
    if (there.size === 0) {
      throw new UserError(`protocol ${name} of ${set.name} has no ${split} videos in ${set.dir}`);
    }
  }
  return { name, frames, missing };
}

async function readProtocols(set: CropSet): Promise<ReleaseProtocols> {
  const file = join(set.dir, PROTOCOLS);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ReleaseProtocols;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
    const hint = 'put the Protocols folder of the release beside its videos and prepare again';
    throw new UserError(`${set.name} in ${set.dir} has no protocols of its own`, hint);
  }
}
