/** Files that are either whole or absent: written under a temporary name, synced, renamed. */
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

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

/** A folder and those above it that were missing, on the disk as what is in them will be. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    // What Node says of any folder that cannot be made on a read-only file system. Without `recursive` it tells the reason.
    await makeFolder(dirname(folder));
    await mkdir(folder);
    return folder;
  });
  if (first === undefined) return;
  for (let made = resolve(folder); made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
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
