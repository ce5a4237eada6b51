/** The studies below a folder: how many of their runs are done, and the study itself as `ldc study run` left it there. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { studyFolder } from '../study/expand.js';
import { readKeptStudy, type Study } from '../study/studyFile.js';
import { subfolders } from './runs.js';

export interface StudySummary {
  name: string;
  done: number;
  /** Null for a study that an earlier version ran: it left no copy of its file. */
  of: number | null;
}

const prefix = 'study-';

export async function studiesIn(out: string): Promise<StudySummary[]> {
  const names = (await subfolders(out))
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  return Promise.all(
    names.sort().map(async (name) => {
      const study = await findStudy(out, name, names);
      const results =
        study === undefined ? join(out, `${prefix}${name}`, 'results', 'last-honest') : studyFolder(study, out).results;
      const done = (await readdir(results).catch((): string[] => [])).filter((file) => file.endsWith('.json')).length;
      return { name, done, of: study === undefined ? null : runCount(study) };
    }),
  );
}

/** A study by its name; undefined for whatever is none of `names`. */
export async function findStudy(out: string, name: string, names?: readonly string[]): Promise<Study | undefined> {
  const known = names ?? (await subfolders(out)).map((folder) => folder.replace(/^study-/, ''));
  return known.includes(name) ? readKeptStudy(join(out, `${prefix}${name}`)) : undefined;
}

function runCount({ columns, seeds, variants, grid }: Study): number {
  const protocols = columns.reduce((sum, column) => sum + column.protocols.length, 0);
  const points = Object.values(grid).reduce((product, values) => product * values.length, 1);
  return protocols * seeds.length * Object.keys(variants).length * points;
}
