/** What is done already, a line a presentation, so that work that was cut short goes on where it stopped. */
import { access, appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import { writeWhole } from '../../base/files.js';
import { linesIn } from '../../formats/lines.js';
import { sha256 } from '../cropSet.js';
import { MANIFEST } from '../manifest.js';
import type { ClipRecord } from './clip.js';

/** Hidden, so that it is no part of the crop set to anybody else. */
const JOURNAL = '.prepare.jsonl';

export interface Journal {
  /** The record of a presentation that is done: made from files with this stamp, its crops being there unchanged. */
  find(video: string, files: string): Promise<ClipRecord | null>;
  add(record: ClipRecord): Promise<void>;
  /** Leaves the journal in the order of `videos`. Records of others stay behind them: their crops are still there. */
  close(videos: readonly string[]): Promise<void>;
}

/**
 * Opens the journal of the crop set in `folder`, or begins it.
 * @throws UserError when the crops there were made by another recipe, or by something that keeps no journal
 */
export async function openJournal(folder: string, recipe: Readonly<Record<string, unknown>>): Promise<Journal> {
  const file = join(folder, JOURNAL);
  const [first, ...rest] = await readLines(file);
  if (first !== undefined && !isDeepStrictEqual(first, { recipe })) {
    throw new UserError(
      `${folder} was prepared with other settings or programs${differences(first, recipe)}`,
      'name another --out, or remove that folder',
    );
  }
  if (first === undefined && (await isThere(join(folder, MANIFEST)))) {
    throw new UserError(`${folder} already holds another crop set`, 'name another --out, or remove that folder');
  }
  const records = new Map(rest.filter(isRecord).map((record) => [record.video, record]));
  const write = (order: readonly ClipRecord[]) =>
    writeWhole(file, async (handle) => {
      await handle.appendFile(lineOf({ recipe }));
      for (let at = 0; at < order.length; at += linesAtOnce) {
        await handle.appendFile(
          order
            .slice(at, at + linesAtOnce)
            .map(lineOf)
            .join(''),
        );
      }
    });
  // Without a line that was cut short, behind which nothing could be appended.
  await write([...records.values()]);
  return {
    async find(video, files) {
      const record = records.get(video);
      return record?.files === files && (await cropsAreThere(folder, record)) ? record : null;
    },
    async add(record) {
      records.set(record.video, record);
      await appendFile(file, lineOf(record));
    },
    async close(videos) {
      const known = videos.flatMap((video) => records.get(video) ?? []);
      const done = new Set(videos);
      const others = [...records.values()].filter(({ video }) => !done.has(video));
      await write([...known, ...others.sort((a, b) => (a.video < b.video ? -1 : 1))]);
    },
  };
}

/** What of a recipe differs: ` (frames was 8 and is 4)`. */
function differences(line: unknown, recipe: Readonly<Record<string, unknown>>): string {
  const earlier = (line as { recipe?: Record<string, unknown> } | null)?.recipe ?? {};
  const keys = [...new Set([...Object.keys(earlier), ...Object.keys(recipe)])];
  const text = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value));
  const changed = keys.flatMap((key) =>
    isDeepStrictEqual(earlier[key], recipe[key]) ? [] : `${key} was ${text(earlier[key])} and is ${text(recipe[key])}`,
  );
  return changed.length > 0 ? ` (${changed.join('; ')})` : '';
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Whether a line is a record as it was written: what is not is made again. */
function isRecord(line: unknown): line is ClipRecord {
  return recordSchema.safeParse(line).success;
}

const recordSchema = z.object({
  video: z.string(),
  files: z.string(),
  crops: z.array(
    z.object({
      ...{ path: z.string(), frame: z.int(), box: z.array(z.number()), origin: z.string(), hash: z.string() },
      ...{ certainty: z.number().optional(), faces: z.int().optional() },
    }),
  ),
  problems: z.array(z.object({ kind: z.enum(['unreadable', 'short', 'faceless', 'jumping']), reason: z.string() })),
});

/** Records that are held as text at once. */
const linesAtOnce = 10_000;

function lineOf(content: unknown): string {
  return `${JSON.stringify(content)}\n`;
}

/** The lines up to the first that is not whole. */
async function readLines(file: string): Promise<unknown[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines: unknown[] = [];
  for (const line of linesIn(bytes)) {
    try {
      lines.push(JSON.parse(line));
    } catch {
      break;
    }
  }
  return lines;
}

async function cropsAreThere(folder: string, { crops }: ClipRecord): Promise<boolean> {
  const hashes = crops.map(({ path }) => readFile(join(folder, path)).then(sha256, () => null));
  return (await Promise.all(hashes)).every((hash, i) => hash === crops[i]!.hash);
}
