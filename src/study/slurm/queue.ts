/** What Slurm knows of a study's jobs: squeue, and sacct where the cluster keeps accounts. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StudyFolder } from '../expand.js';

export type JobState = 'queued' | 'running' | 'interrupted' | 'cancelled' | 'timed-out' | 'failed';

/** One sbatch: the array's job number, and the task of each index. */
export interface Submission {
  job: string;
  tasks: string[];
}

const run = promisify(execFile);

/** The newest job of every task that was ever submitted, as Slurm writes it: 12_3. */
export async function jobsOf(folder: StudyFolder): Promise<Map<string, string>> {
  const jobs = new Map<string, string>();
  const files = existsSync(folder.slurm) ? await readdir(folder.slurm) : [];
  const submissions = await Promise.all(
    files
      .filter((file) => /^\d+\.json$/.test(file))
      .map(async (file) => JSON.parse(await readFile(join(folder.slurm, file), 'utf8')) as Submission),
  );
  for (const { job, tasks } of submissions.sort((a, b) => Number(a.job) - Number(b.job))) {
    for (const [i, task] of tasks.entries()) jobs.set(task, `${job}_${i}`);
  }
  return jobs;
}

/**
 * The states of those of `jobs` that Slurm still knows. Where there is no Slurm, or it does not answer, there are none: then the
 * records of the jobs tell.
 */
export async function queueStates(jobs: readonly string[]): Promise<Map<string, JobState>> {
  const wanted = new Set(jobs);
  const states = new Map<string, JobState>();
  const note = (text: string) => {
    for (const line of text.split('\n')) {
      const [job, word] = line.split('|');
      const state = word === undefined ? undefined : stateOfWord(word);
      if (wanted.has(job!) && state !== undefined) states.set(job!, state);
    }
  };
  // Jobs that ended stay there for some minutes (MinJobAge).
  note(await output('squeue', ['--me', '-h', '-r', '-t', 'all', '-o', '%F_%K|%T']));
  const gone = [...wanted].filter((job) => !states.has(job));
  if (gone.length > 0) note(await output('sacct', ['-n', '-P', '-X', '-o', 'JobID,State', '-j', gone.join(',')]));
  return states;
}

/** Slurm's words for a job's state; undefined for COMPLETED: then the result is there, or the job's record says why not. */
export function stateOfWord(word: string): JobState | undefined {
  const [state] = word.trim().split(/[\s+]/);
  if (['PENDING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'SPECIAL_EXIT', 'RESV_DEL_HOLD'].includes(state!))
    return 'queued';
  if (
    ['RUNNING', 'COMPLETING', 'CONFIGURING', 'SUSPENDED', 'STOPPED', 'SIGNALING', 'RESIZING', 'STAGE_OUT'].includes(
      state!,
    )
  )
    return 'running';
  if (state === 'CANCELLED' || state === 'REVOKED') return 'cancelled';
  if (state === 'TIMEOUT' || state === 'DEADLINE') return 'timed-out';
  if (state === 'PREEMPTED' || state === 'NODE_FAIL' || state === 'BOOT_FAIL') return 'interrupted';
  if (state === 'FAILED' || state === 'OUT_OF_MEMORY') return 'failed';
  return undefined;
}

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, [...args], { maxBuffer: 1 << 28 })).stdout;
  } catch {
    return '';
  }
}
