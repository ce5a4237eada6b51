/** What happened to a task last, as a small file that the local backend or the job itself writes. */
import { readFile } from 'node:fs/promises';
import { writeFileWhole } from '../base/files.js';
import type { StudyFolder } from './expand.js';

export interface TaskRecord {
  state: 'running' | 'ended' | 'failed' | 'cancelled' | 'timed-out' | 'interrupted';
  backend: 'local' | 'slurm';
  /** Process number, or job as Slurm writes it: 12_3. */
  job: string;
  /** Exit status, where it ended by itself. */
  status?: number;
}

/** Undefined when nothing was ever started, or the file is damaged: then the run folder alone tells. */
export async function readRecord(folder: StudyFolder, id: string): Promise<TaskRecord | undefined> {
  try {
    return JSON.parse(await readFile(folder.task(id), 'utf8')) as TaskRecord;
  } catch {
    return undefined;
  }
}

/** Replaces the record of a task, whole or not at all. */
export async function writeRecord(folder: StudyFolder, id: string, record: TaskRecord): Promise<void> {
  await writeFileWhole(folder.task(id), `${JSON.stringify(record)}\n`);
}

/** The last error that a task's log tells, else its last line. */
export async function reasonOf(folder: StudyFolder, id: string): Promise<string> {
  const lines = (await readFile(folder.log(id), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line.trim() !== '');
  const error = lines.findLast((line) => line.startsWith('ldc: error: '));
  return error?.slice('ldc: error: '.length) ?? lines.at(-1) ?? 'its log is empty';
}
