/** Files that are either whole or absent: written under a temporary name, synced, renamed. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WorkError } from './errors.js';

let counter = 0;

/**
 * Calls `write` with a file that gets the name `path` only when it is complete and on the disk. Missing folders are made.
 * When `write` throws, nothing stays behind; what a killed process leaves, `removeLeftovers` finds.
 */
export async function writeWhole(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = `${path}.${process.pid}.${counter++}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** `writeWhole` for content that is at hand. */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeWhole(path, (file) => file.writeFile(content));
}

/**
 * The lines of a file, which may be longer than the longest string; none where it is not there.
 * @throws the system's error for a file that cannot be read
 */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    yield* file.readLines({ encoding: 'utf8' });
  } finally {
    // Whoever looks at the first lines alone leaves it open else.
    await file.close();
  }
}

/** A file that is on the disk when this returns, in a folder that nobody looks into yet: its name may be there before its content. */
export async function writeSynced(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * A folder and those above it that were missing, on the disk as what is in them will be. Made one by one: Node's recursive mkdir tries for
 * ever where a folder that is there takes no other (/proc, a working directory that was removed).
 */
export async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  let made = await makeOne(folder);
  if (made === 'no parent' && parent !== folder) {
    await makeFolder(parent);
    made = await makeOne(folder);
  }
  if (made === 'no parent') throw new WorkError(`the folder ${folder} cannot be made in ${parent}`);
  if (made) await syncFolder(parent);
}

/** Whether the folder was made; it may be there already, or another process may be faster. */
async function makeOne(folder: string): Promise<boolean | 'no parent'> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'no parent';
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return false;
    throw error;
  }
}

/** Removes what `writeWhole` of a process that was killed left in `folder`. Only for who alone may write there. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (/\.\d+\.\d+\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** A rename is on the disk only when its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
