/** The local backend: tasks as child processes, a few at a time. What was done before is not done again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkError } from '../base/errors.js';
import { makeFolder, removeLeftovers, writeWhole } from '../base/files.js';
import { holderOf, withLock } from '../base/lock.js';
import { Interrupted, type Progress } from '../run/progress.js';
import { type Gpu, GpuPlaces } from './gpus.js';
import { commandsOf, ldcProgram } from './ldc.js';
import type { Command, Plan, Task } from './plan.js';
import { reasonOf, writeRecord } from './taskRecord.js';

export interface LocalOptions {
  /** Processes at a time. */
  jobs: number;
  /** Those that tasks are spread over, and how many processes at a time each may have (default: 1); none where tasks run on the CPU. */
  gpus?: readonly Gpu[];
  perGpu?: number;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Does every task that is not done.
 * @throws WorkError when some failed (the others are done); Interrupted when the signal fires, after the processes have saved
 */
export async function runLocally(plan: Plan, options: LocalOptions): Promise<void> {
  await withLock(plan.folder.path, () => new LocalStudy(plan, options).run());
}

type Outcome = 'done' | 'failed' | 'interrupted';

class LocalStudy {
  private readonly open: Task[];
  private readonly done: Set<string>;
  private readonly failed = new Set<string>();
  private readonly children = new Set<ChildProcess>();
  private readonly threads: string;
  private readonly places: GpuPlaces;

  constructor(
    private readonly plan: Plan,
    private readonly options: LocalOptions,
  ) {
    this.done = new Set(plan.tasks.filter(({ done }) => existsSync(done)).map(({ id }) => id));
    const open = plan.tasks.filter(({ id }) => !this.done.has(id));
    // A stage is made for runs that are still to be done alone.
    const needed = new Set(open.map(({ needs }) => needs));
    this.open = open.filter(({ id, stage }) => !stage || needed.has(id));
    this.threads = String(Math.max(1, Math.floor(availableParallelism() / options.jobs)));
    this.places = new GpuPlaces(options.gpus ?? [], options.perGpu ?? 1);
  }

  async run(): Promise<void> {
    const { plan, options } = this;
    await makeFolder(plan.folder.logs);
    await removeLeftovers(plan.folder.results);
    await removeLeftovers(plan.folder.tasks);
    const runs = plan.tasks.filter(({ stage }) => !stage);
    const total = runs.length;
    const doneRuns = () => runs.filter(({ id }) => this.done.has(id)).length;
    options.progress.begin(`study ${plan.study.name}`, total, doneRuns(), 'runs');
    const stop = () => {
      for (const child of this.children) child.kill('SIGTERM');
    };
    options.signal.addEventListener('abort', stop);
    const running = new Map<string, Promise<void>>();
    try {
      while (!options.signal.aborted) {
        for (const task of this.ready()) {
          if (running.size === options.jobs) break;
          const onGpu = task.mayUseGpu && this.places.count > 0;
          const gpu = onGpu ? this.places.take() : undefined;
          if (onGpu && gpu === undefined) continue; // until one is given back
          this.open.splice(this.open.indexOf(task), 1);
          const finished = this.perform(task, gpu).then((outcome) => {
            running.delete(task.id);
            if (gpu !== undefined) this.places.give(gpu);
            if (outcome === 'done') this.done.add(task.id);
            if (outcome === 'failed') this.failed.add(task.id);
            options.progress.update(doneRuns());
          });
          running.set(task.id, finished);
        }
        if (running.size === 0) break;
        await Promise.race(running.values());
      }
      await Promise.all(running.values());
    } finally {
      options.signal.removeEventListener('abort', stop);
    }
    if (options.signal.aborted) {
      throw new Interrupted(
        `stopped with ${doneRuns()} of ${total} runs done; everything is saved`,
        'the same command goes on',
      );
    }
    await this.reportFailures(total - doneRuns());
    options.progress.end();
  }

  /** Tasks whose stage is there. */
  private ready(): Task[] {
    return this.open.filter(({ needs }) => needs === null || this.done.has(needs));
  }

  private async perform(task: Task, gpu: Gpu | undefined): Promise<Outcome> {
    const { folder } = this.plan;
    await this.waitForOthers(task);
    const log = await open(folder.log(task.id), 'a');
    try {
      if (gpu !== undefined) await log.write(`on GPU ${gpu.number}: ${gpu.name}\n`);
      const env = gpu === undefined ? process.env : { ...process.env, CUDA_VISIBLE_DEVICES: gpu.visible };
      for (const command of commandsOf(task, this.threads)) {
        if (this.options.signal.aborted) return 'interrupted';
        const { status, job } = await this.start(task, command, log, env);
        const ended = { backend: 'local', job, ...(status === null ? {} : { status }) } as const;
        if (status !== 0) {
          // 130 after a signal that somebody sent to the process itself.
          const state = this.options.signal.aborted || status === 130 || status === null ? 'interrupted' : 'failed';
          await writeRecord(folder, task.id, { state, ...ended });
          if (!this.options.signal.aborted)
            this.options.progress.note(`${task.id}: ${await reasonOf(folder, task.id)}`);
          return this.options.signal.aborted ? 'interrupted' : 'failed';
        }
        await writeRecord(folder, task.id, { state: 'ended', ...ended });
      }
      return 'done';
    } finally {
      await log.close();
    }
  }

  /** A process of a study that was killed may still be saving. */
  private async waitForOthers(task: Task): Promise<void> {
    while (!this.options.signal.aborted && (await holderOf(task.folder))?.alive) await sleep(250);
  }

  private async start(
    task: Task,
    command: Command,
    log: FileHandle,
    env: NodeJS.ProcessEnv,
  ): Promise<{ status: number | null; job: string }> {
    const { stdout } = command;
    if (stdout === undefined) return this.spawn(task, command, env, log.fd, log.fd);
    let ended: { status: number | null; job: string } | undefined;
    const refused = new Error('no result');
    try {
      await writeWhole(stdout, async (file) => {
        ended = await this.spawn(task, command, env, file.fd, log.fd);
        if (ended.status !== 0) throw refused;
      });
    } catch (error) {
      if (error !== refused) throw error;
    }
    return ended!;
  }

  /** In a process group of its own, so that Ctrl-C in a terminal comes to the study alone; the channel tells it when the study dies. */
  private async spawn(task: Task, { args }: Command, env: NodeJS.ProcessEnv, stdout: number, stderr: number) {
    const [node, ldc] = ldcProgram as [string, string];
    const child = spawn(node, [ldc, ...args], { env, stdio: ['ignore', stdout, stderr, 'ipc'], detached: true });
    const exit = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    this.children.add(child);
    const job = String(child.pid);
    await writeRecord(this.plan.folder, task.id, { state: 'running', backend: 'local', job });
    if (this.options.signal.aborted) child.kill('SIGTERM');
    const status = await exit;
    this.children.delete(child);
    return { status, job };
  }

  private async reportFailures(missing: number): Promise<void> {
    if (missing === 0) return;
    const [first] = this.failed;
    throw new WorkError(
      `${this.failed.size} tasks failed and ${missing} of ${this.plan.tasks.filter(({ stage }) => !stage).length} runs are missing; the first: ${first}: ${await reasonOf(this.plan.folder, first!)}`,
      `their logs are in ${this.plan.folder.logs}; the same command tries them again`,
    );
  }
}
