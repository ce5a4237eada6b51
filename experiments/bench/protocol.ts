/**
 * How a benchmark talks to what it measures: a worker is a process that prepares one workload, says `ready`, and runs as many steps as
 * each line it reads says. So ours, PyTorch and onnxruntime can take turns, each with memory and settings of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WorkError } from '../../src/base/errors.js';

export const workloads = [
  'ldcnet-train',
  'activation-train',
  'erm-train',
  'ssdg-train',
  'safas-train',
  'ldcnet-eval',
  'grad-cam',
  'predict',
] as const;
export type Workload = (typeof workloads)[number];

export interface Task {
  workload: Workload;
  batch: number;
  /** Side of the images, pixels. */
  size: number;
  threads: number;
  precision: 'fp32' | 'bf16';
}

/** What a worker answers to one line: means over its steps. */
export interface StepTime {
  /** Milliseconds that passed. */
  ms: number;
  /** Milliseconds of processor time of all threads: what other jobs on the machine disturb least. */
  cpu_ms: number;
  peak_rss_mb: number;
  /** Pages mapped afresh in a step. */
  page_faults: number;
}

/** One running worker. */
export class Worker {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly answers: AsyncIterator<string>;
  private errors = '';

  constructor(command: string, args: readonly string[], environment: Record<string, string> = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.on('error', (error) => {
      this.errors += error.message;
    });
    this.child.stdin!.on('error', () => {}); // A worker that has died answers through its exit.
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.lines = createInterface({ input: this.child.stdout! });
    this.answers = this.lines[Symbol.asyncIterator]();
  }

  /** Waits until the workload is prepared. @throws WorkError with what the worker printed when it ends instead */
  async ready(): Promise<void> {
    await this.answer();
  }

  async step(steps = 1): Promise<StepTime> {
    this.child.stdin!.write(`${steps}\n`);
    return (await this.answer()) as StepTime;
  }

  /** Ends the worker and waits until its memory is free. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.pid === undefined) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin!.end();
    await ended;
  }

  private async answer(): Promise<unknown> {
    const { value, done } = await this.answers.next();
    if (done) throw new WorkError(`the worker ended: ${this.reason()}`);
    return JSON.parse(value);
  }

  /** The line of stderr that names the error, in either language. */
  private reason(): string {
    const lines = this.errors.trim().split('\n');
    return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? (lines.pop() || 'without a word');
  }
}

/** The worker of our own engine, or of onnxruntime (ldcnet-eval only), in this language. */
export function ourWorker({ workload, batch, size, threads, precision }: Task, engine?: 'onnxruntime'): Worker {
  const program = fileURLToPath(new URL('worker.js', import.meta.url));
  return new Worker(process.execPath, [program, workload, `${batch}`, `${size}`, `${threads}`, engine ?? precision]);
}
