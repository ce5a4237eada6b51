/** What the run directories say of every run, read anew only where something changed: there is no other record of state. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Level } from '../evaluate/levels.js';
import { type Evaluation, isKnown } from '../evaluate/results.js';
import { type Diagnosis, endOf } from '../run/doctor/run.js';
import { type RunFacts, RunFolder, readFacts } from '../run/runFolder.js';

export interface RunSummary {
  /** `PROTOCOL/NAME`, the folder below `out`. */
  id: string;
  folder: RunFolder;
  state: Diagnosis['state'];
  /** How it ended, or who works on it, and what to do next. */
  what: string;
  hint?: string;
  facts: RunFacts | null;
  /** Epochs begun, of those that the configuration asks for. */
  epochs: { at: number; of: number };
  /** The newest step in metrics.jsonl. */
  last: MetricsRow | null;
  /** Seconds until the last epoch, of a run at work; null where nothing is known yet. */
  left: number | null;
  result: RunResult | null;
}

/** The figures of eval.json at the level of the run's configuration. */
export interface RunResult {
  level: Level;
  convention: Evaluation['convention'];
  checkpoint: string | null;
  auc: number;
  /** At source-dev-eer. */
  hter: number | null;
}

export interface MetricsRow {
  epoch: number;
  step: number;
  loss: number;
  images_per_s: number;
  seconds: Record<string, number>;
}

/** Bytes at the end of metrics.jsonl that tell loss and pace. */
const tail = 4096;

/** Milliseconds after which a change of a folder has a time of its own. */
const tick = 2000;

interface Known {
  signature: string;
  run: RunSummary;
}

/** The runs below a folder, by id. */
export class Runs {
  private known = new Map<string, Known>();
  private looking: Promise<RunSummary[]> | undefined;

  constructor(readonly out: string) {}

  /** All runs, those that began last first. Who asks while somebody looks already gets the same answer. */
  all(): Promise<RunSummary[]> {
    this.looking ??= this.lookAtAll().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookAtAll(): Promise<RunSummary[]> {
    const protocols = await subfolders(this.out);
    const ids = (
      await Promise.all(
        protocols.map(async (protocol) => {
          if (protocol.startsWith('study-')) return [];
          return (await subfolders(join(this.out, protocol))).map((name) => `${protocol}/${name}`);
        }),
      )
    ).flat();
    const entries = await Promise.all(ids.map(async (id) => [id, await this.look(id)] as const));
    this.known = new Map(entries.flatMap(([id, known]) => (known === undefined ? [] : [[id, known]])));
    return [...this.known.values()]
      .map(({ run }) => run)
      .sort((a, b) => startOf(b) - startOf(a) || (a.id < b.id ? -1 : 1));
  }

  /** One of them; undefined for whatever is none. What somebody asks for is looked up, never made a path of. */
  async find(id: string): Promise<RunSummary | undefined> {
    if (!this.known.has(id)) await this.all();
    const known = this.known.has(id) ? await this.look(id) : undefined;
    if (known !== undefined) this.known.set(id, known);
    return known?.run;
  }

  private async look(id: string): Promise<Known | undefined> {
    const folder = new RunFolder(join(this.out, id));
    const before = this.known.get(id);
    // Whatever ends or begins a run, or evaluates it, renames a file into its folder; only the end of a killed one leaves no trace.
    const touched = (await stat(folder.path).catch(() => undefined))?.mtimeMs ?? 0;
    const signature = String(touched);
    // Of two changes within a tick of the file system's clock the second leaves no trace either.
    const settled = Date.now() - touched > tick && before?.run.state !== 'running';
    if (before !== undefined && before.signature === signature && settled) return before;
    if (!existsSync(folder.config)) return undefined;
    return { signature, run: await summaryOf(id, folder) };
  }
}

/** Tells one state of a list from another. */
export function digestOf(content: string): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}

async function summaryOf(id: string, folder: RunFolder): Promise<RunSummary> {
  const [end, facts, evaluation, config, rows] = await Promise.all([
    endOf(folder, true),
    readFacts(folder).catch(() => null),
    json<Evaluation>(folder.evaluation),
    readFile(folder.config, 'utf8').catch(() => ''),
    lastRows(folder.metrics),
  ]);
  const last = rows.at(-1) ?? null;
  const of = numberOf(config, 'train', 'epochs');
  const level: Level = /^eval:\n(?: .*\n)*? {2}level: frame/m.test(config) ? 'frame' : 'video';
  return {
    id,
    folder,
    ...end,
    facts,
    epochs: { at: last?.epoch ?? 0, of },
    last,
    left: end.state === 'running' ? secondsLeft(rows, of) : null,
    result: resultOf(evaluation, level),
  };
}

/** The configuration is as `ldc train` wrote it; parsing hundreds of them as YAML would take longer than the page may. */
function numberOf(yaml: string, section: string, key: string): number {
  return Number(new RegExp(`^${section}:\\n(?: .*\\n)*? {2}${key}: (\\d+)$`, 'm').exec(yaml)?.[1] ?? 0);
}

/** Null where there is none, or what is there is no evaluation: one damaged file may not take the page of all runs. */
function resultOf(evaluation: Evaluation | null, level: Level): RunResult | null {
  const rates = evaluation?.levels?.[level];
  const source = rates?.thresholds?.['source-dev-eer'];
  if (!evaluation || !rates || !source) return null;
  const { convention, checkpoint } = evaluation;
  return { level, convention, checkpoint, auc: rates.auc, hter: isKnown(source) ? source.hter : null };
}

/** By the pace of the newest steps. How many an epoch has is known from the second one on. */
function secondsLeft(rows: readonly MetricsRow[], of: number): number | null {
  const last = rows.at(-1);
  if (last === undefined || last.epoch < 2) return null;
  const turn = rows.findLast(({ epoch }, i) => epoch !== rows[i - 1]?.epoch && i > 0);
  const perEpoch = turn === undefined ? last.step / (last.epoch - 0.5) : (turn.step - 1) / (turn.epoch - 1);
  const pace = rows.reduce((sum, row) => sum + secondsOf(row), 0) / rows.length;
  return Math.max(0, (perEpoch * of - last.step) * pace);
}

function secondsOf({ seconds: { wait, forward, backward, optimizer } }: MetricsRow): number {
  return (wait ?? 0) + (forward ?? 0) + (backward ?? 0) + (optimizer ?? 0);
}

async function lastRows(path: string): Promise<MetricsRow[]> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tail);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return rowsOf(buffer.toString('utf8', 0, bytesRead), from > 0);
  } finally {
    await file.close();
  }
}

/** Whole lines; the first of a part is none, and the last may still be being written. */
function rowsOf(text: string, cut: boolean): MetricsRow[] {
  return text
    .split('\n')
    .slice(cut ? 1 : 0)
    .flatMap((line) => {
      try {
        const row = JSON.parse(line) as MetricsRow;
        return typeof row?.seconds === 'object' && row.seconds !== null ? [row] : [];
      } catch {
        return [];
      }
    });
}

function startOf({ facts }: RunSummary): number {
  return facts === null ? Number.POSITIVE_INFINITY : Date.parse(facts.started);
}

async function json<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Whether it is a file, and no link, which may lead out of the folder. */
export async function isOwnFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() === true;
}

/** Links are passed over: they may lead out of the folder. */
export async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}
