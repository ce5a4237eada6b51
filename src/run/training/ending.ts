/** `ending.json`: how a training ended, as far as it could still say so. Of one that was killed there is none. */
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { hintOf, isOutOfMemory, sentenceOf } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { Diverged } from '../health.js';
import { Interrupted } from '../progress.js';
import type { RunFolder } from '../runFolder.js';

const schema = z.object({
  state: z.enum(['finished', 'interrupted', 'diverged', 'disk-full', 'out-of-memory', 'failed']),
  /** The sentence that the user saw, and its hint. */
  what: z.string(),
  hint: z.string().optional(),
});

export type Ending = z.output<typeof schema>;

function stateOf(error: unknown): Ending['state'] {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (error instanceof Interrupted) return 'interrupted';
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'disk-full';
  if (isOutOfMemory(error)) return 'out-of-memory';
  return error instanceof Diverged ? 'diverged' : 'failed';
}

/** Runs a training and leaves in its folder how it ended. */
export async function withEnding<T>(folder: RunFolder, body: () => Promise<T>): Promise<T> {
  await rm(folder.ending, { force: true });
  const write = (ending: Ending) => writeFileWhole(folder.ending, `${JSON.stringify(ending, null, 2)}\n`);
  try {
    const result = await body();
    await write({ state: 'finished', what: 'all epochs are done' });
    return result;
  } catch (error) {
    // On a full disk there may be no room to say so: what matters is the error.
    await write({ state: stateOf(error), what: sentenceOf(error), hint: hintOf(error) }).catch(() => {});
    throw error;
  }
}

/** Undefined when there is none, or it is damaged. */
export async function readEnding(folder: RunFolder): Promise<Ending | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(folder.ending, 'utf8')));
  } catch {
    return undefined;
  }
}
