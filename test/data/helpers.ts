/** Small crop sets for the tests of this folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import type { Frame } from '../../src/data/manifest.js';

/** A folder that is gone when the tests of the file are done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-data-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file with its folders. */
export async function put(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

let made = 0;

/** A frame of its own video unless told otherwise. */
export function frame(given: Partial<Frame> = {}): Frame {
  const row = ++made + 1;
  const label = given.label ?? 'live';
  return {
    path: `/data/set/crops/${row}.png`,
    domain: 'O',
    split: 'train',
    subject: '1',
    video: `v${row}`,
    frame: 0,
    attackType: label === 'live' ? 'live' : 'print',
    pai: '',
    extra: {},
    manifest: '/data/set/manifest.csv',
    row,
    ...given,
    label,
  };
}

/** What a promise fails with, which has to be something the user can change. */
export async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** The smallest PNG, with `text` behind its end, where no reader looks: real images that differ. */
export function pngWith(text: string): Buffer {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC';
  return Buffer.concat([Buffer.from(png, 'base64'), Buffer.from(text)]);
}
