/** The Slurm backend: shared stages as one job array, the runs of each stage as another that waits for it. Submits and returns. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, UserError, WorkError } from '../../base/errors.js';
import { makeFolder, writeFileWhole } from '../../base/files.js';
import { withLock } from '../../base/lock.js';
import type { Plan, Task } from '../plan.js';
import { jobsOf, queueStates, type Submission } from './queue.js';
import { batchScript } from './script.js';

export interface Submitted {
  /** Job arrays, in the order of submission. */
  jobs: Submission[];
  /** Tasks that Slurm has already, and that were left alone. */
  pending: number;
}

/** Submits every task that is neither done nor with Slurm already. @throws UserError when sbatch is missing or refuses */
export async function submit(plan: Plan): Promise<Submitted> {
  return withLock(plan.folder.path, () => submitOpen(plan));
}

async function submitOpen(plan: Plan): Promise<Submitted> {
  const { folder, tasks } = plan;
  await makeFolder(folder.slurm);
  const known = await jobsOf(folder);
  const states = await queueStates([...known.values()]);
  const active = new Map([...known].filter(([, job]) => ['queued', 'running'].includes(states.get(job) ?? '')));
  const open = tasks.filter(({ id, done }) => !existsSync(done) && !active.has(id));
  const runs = open.filter(({ stage }) => !stage);
  const wanted = new Set(runs.map(({ needs }) => needs));
  const stages = open.filter(({ id, stage }) => stage && wanted.has(id));
  const jobs: Submission[] = [];
  if (stages.length > 0) jobs.push(await submitArray(plan, stages));
  const jobOfStage = new Map(active);
  for (const [i, { id }] of stages.entries()) jobOfStage.set(id, `${jobs[0]!.job}_${i}`);
  const groups = new Map<string | undefined, Task[]>();
  for (const run of runs) {
    const stageJob = run.needs === null ? undefined : jobOfStage.get(run.needs);
    groups.set(stageJob, [...(groups.get(stageJob) ?? []), run]);
  }
  for (const [stageJob, group] of groups) jobs.push(await submitArray(plan, group, stageJob && `afterok:${stageJob}`));
  return { jobs, pending: active.size };
}

async function submitArray(plan: Plan, tasks: readonly Task[], dependency?: string): Promise<Submission> {
  const { folder, study } = plan;
  const script = join(folder.slurm, `${tasks[0]!.id}.sh`);
  await writeFileWhole(script, batchScript(study, folder, tasks, dependency));
  const job = await sbatch(script);
  const submission = { job, tasks: tasks.map(({ id }) => id) };
  await writeFileWhole(join(folder.slurm, `${job}.json`), `${JSON.stringify(submission, null, 2)}\n`);
  return submission;
}

async function sbatch(script: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('sbatch', ['--parsable', script]);
    const [job] = stdout.trim().split(';');
    if (/^\d+$/.test(job!)) return job!;
    throw new WorkError(`sbatch answered ${JSON.stringify(stdout.trim())} instead of a job number`);
  } catch (error) {
    if (error instanceof WorkError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new UserError('sbatch is not here: this machine submits nothing to Slurm', 'use --backend local');
    }
    const { stderr } = error as { stderr?: string };
    const [line] = (stderr || messageOf(error)).trim().split('\n').slice(-1);
    throw new UserError(
      `sbatch refused ${script}: ${line!.replace(/^sbatch: (error: )?/, '')}`,
      'see the section slurm of the study file',
    );
  }
}
