/** Reads byte ranges of a file that may be larger than memory, and says in one sentence why it cannot. */
import { type FileHandle, open } from 'node:fs/promises';
import { UserError, WorkError } from '../base/errors.js';

/** Bytes moved at a time when a range is too long to be held as a whole. */
const pieceBytes = 4 * 1024 * 1024;

/** Bytes that can be asked for by position: a file, or a part of one. */
export interface ByteRange {
  size: number;
  /** The `length` bytes from `at`, in a buffer of their own. */
  bytes(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same in pieces of at most 4 MiB, for ranges of any length. A piece is valid until the next one is asked for. */
  pieces(at: number, length: number): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** A file known by path and size. It holds no descriptor between calls, so there is nothing to close. */
export interface ByteFile extends ByteRange {
  path: string;
}

/** @throws UserError when there is no such file, it is a folder, or it may not be read */
export async function openBytes(path: string): Promise<ByteFile> {
  const file = await openForReading(path);
  let seen: Awaited<ReturnType<FileHandle['stat']>>;
  try {
    seen = await file.stat();
  } finally {
    await file.close();
  }
  if (!seen.isFile()) throw new UserError(`${path} is not a file`);

  /** Opens the file anew and makes sure that it is still the one whose size and header were looked at. */
  async function reopen(at: number, length: number): Promise<FileHandle> {
    if (!(at >= 0 && length >= 0 && at + length <= seen.size)) {
      throw new UserError(`${path} is cut short: it ends at byte ${seen.size}, byte ${at + length} is needed`);
    }
    const handle = await openForReading(path);
    const now = await handle.stat();
    if (now.ino !== seen.ino || now.size !== seen.size || now.mtimeMs !== seen.mtimeMs) {
      await handle.close();
      throw new UserError(`${path} changed while it was read`, 'run the command again');
    }
    return handle;
  }

  return {
    path,
    size: seen.size,
    async bytes(at, length) {
      const handle = await reopen(at, length);
      try {
        const into = allocate(path, length);
        await fill(handle, path, into, at);
        return into;
      } finally {
        await handle.close();
      }
    },
    async *pieces(at, length) {
      const handle = await reopen(at, length);
      try {
        const piece = new Uint8Array(Math.min(pieceBytes, length));
        for (let done = 0; done < length; done += piece.length) {
          const part = piece.subarray(0, Math.min(piece.length, length - done));
          await fill(handle, path, part, at + done);
          yield part;
        }
      } finally {
        await handle.close();
      }
    },
  };
}

/** `length` zero bytes for content of `path`. */
export function allocate(path: string, length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch {
    throw new WorkError(`there is no memory for ${length} bytes of ${path}`);
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new UserError(`there is no file ${path}`);
    if (code === 'EACCES' || code === 'EPERM') throw new UserError(`${path} may not be read`, 'check its permissions');
    throw error;
  }
}

/** A single read moves at most 2 GiB and may return less than asked. */
async function fill(handle: FileHandle, path: string, into: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, 2 ** 30), at + done);
    if (bytesRead === 0) throw new UserError(`${path} became shorter while it was read`);
    done += bytesRead;
  }
}
