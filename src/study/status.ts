/** Where every run of a study stands, from what it left on the disk and, where it is Slurm's, from the queue. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { holderOf } from '../base/lock.js';
import { checkpointNames } from '../run/checkpoint.js';
import { expand, type StudyFolder, type StudyRun, studyFolder } from './expand.js';
import { externalModelTasks } from './external.js';
import { type JobState, jobsOf, queueStates } from './slurm/queue.js';
import type { Study } from './studyFile.js';
import { readRecord, reasonOf, type TaskRecord } from './taskRecord.js';

export type State =
  | 'done'
  | 'running'
  | 'queued'
  | 'waiting'
  | 'blocked'
  | 'interrupted'
  | 'cancelled'
  | 'timed-out'
  | 'failed';

export interface TaskStatus {
  id: string;
  state: State;
  /** Process number or Slurm's job id, where it was started. */
  job?: string;
  /** Why it failed, or what it waits for. */
  why?: string;
}

export interface RunStatus extends TaskStatus {
  protocol: string;
  variant: string;
  seed: number;
  run: string;
  /** Epochs in checkpoints, of those that it will have. */
  epochs: { saved: number; of: number };
}

export interface StudyStatus {
  study: string;
  folder: string;
  runs: RunStatus[];
  /** Shared stages that were started and are not done. */
  stages: TaskStatus[];
  /** Models of others under each protocol. */
  external: TaskStatus[];
  counts: Partial<Record<State, number>>;
}

/** Looks at results, records, locks, checkpoints and, where jobs were submitted, at Slurm's queue; changes nothing. */
export async function studyStatus(study: Study, out: string): Promise<StudyStatus> {
  const folder = studyFolder(study, out);
  const submitted = await jobsOf(folder);
  const queue = submitted.size > 0 ? await queueStates([...submitted.values()]) : new Map<string, JobState>();
  const localAlive = (await holderOf(folder.path))?.alive ?? false;
  const look = async (id: string, done: boolean): Promise<TaskStatus> => {
    if (done) return { id, state: 'done' };
    const record = await readRecord(folder, id);
    const job = submitted.get(id);
    const state = stateOf(record, { job, queued: job === undefined ? undefined : queue.get(job), localAlive });
    const name = record?.backend === 'local' ? record.job : (job ?? record?.job);
    const why = state === 'failed' ? await reasonOf(folder, id) : undefined;
    return { id, state, ...(name === undefined ? {} : { job: name }), ...(why === undefined ? {} : { why }) };
  };
  const stages: TaskStatus[] = [];
  for (const id of await startedStages(folder, submitted)) {
    const record = await readRecord(folder, id);
    const status = await look(id, record?.state === 'ended');
    if (status.state !== 'done') stages.push(status);
  }
  const runs = await Promise.all(expand(study, out).map((run) => runStatus(run, folder, look)));
  const others = await externalModelTasks(study, folder);
  const external = await Promise.all(others.map(({ id }) => look(id, existsSync(folder.result(id)))));
  const counts: StudyStatus['counts'] = {};
  for (const { state } of runs) counts[state] = (counts[state] ?? 0) + 1;
  return { study: study.name, folder: folder.path, runs, stages, external, counts };
}

async function runStatus(
  run: StudyRun,
  folder: StudyFolder,
  look: (id: string, done: boolean) => Promise<TaskStatus>,
): Promise<RunStatus> {
  const status = await look(run.id, existsSync(folder.result(run.id)));
  const saved = (await checkpointNames(run.folder.checkpoints)).at(-1);
  return {
    ...status,
    protocol: run.protocol.name,
    variant: run.variant,
    seed: run.seed,
    run: run.folder.path,
    epochs: { saved: saved === undefined ? 0 : Number(saved.slice('epoch-'.length)), of: run.config.train.epochs },
  };
}

interface Signs {
  /** Its job at Slurm, if one was submitted. */
  job: string | undefined;
  /** What Slurm says of that job; undefined when it knows it no more. */
  queued: JobState | undefined;
  /** A local study of this name is at work. */
  localAlive: boolean;
}

/** What Slurm did to a job it knows best; how a job ended by itself, its record says. */
function stateOf(record: TaskRecord | undefined, { job, queued, localAlive }: Signs): State {
  const own = record !== undefined && (record.backend === 'local' || job === undefined || record.job === job);
  if (queued !== undefined && queued !== 'failed') return queued;
  if (own && record.state !== 'running') return record.state === 'ended' ? 'interrupted' : record.state;
  if (queued === 'failed') return queued;
  if (own && record.backend === 'local') return localAlive ? 'running' : 'interrupted';
  // Left the queue without a word: its node died, or it was killed at once.
  if (own) return 'interrupted';
  return job === undefined ? 'waiting' : 'blocked';
}

async function startedStages(folder: StudyFolder, submitted: ReadonlyMap<string, string>): Promise<string[]> {
  const files = existsSync(folder.tasks) ? await readdir(folder.tasks) : [];
  const ids = [...files.flatMap((file) => /^(.*)\.json$/.exec(file)?.[1] ?? []), ...submitted.keys()];
  return [...new Set(ids)].filter((id) => id.includes('--stage1-')).sort();
}
