/**
 * metrics.jsonl while it grows: what is new is read, kept as columns, and given out as a curve of as many points as a screen has room for.
 */
import { open } from 'node:fs/promises';

/** A curve of at most `width` stretches of equal length. NaN, which JSON has not, is null. */
export interface Curves {
  /** In all. */
  steps: number;
  version: string;
  /** The last step of each stretch. */
  x: number[];
  /** Mean of each stretch, its lowest and its highest value, by the name of the column. */
  series: Record<string, { mean: (number | null)[]; low: (number | null)[]; high: (number | null)[] }>;
  /** Mean seconds of the newest steps by what they went to. */
  seconds: Record<string, number>;
}

const newest = 200;
/** Read at a time, so that other requests have their turn. */
const chunk = 2 ** 20;

export class MetricsFile {
  private inode = 0;
  private offset = 0;
  private rest = Buffer.alloc(0);
  private columns = new Map<string, number[]>();
  private seconds: Record<string, number>[] = [];
  private steps = 0;
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly path: string) {}

  /** Another one where there is something new. */
  async version(): Promise<string> {
    this.reading = this.reading.then(() => this.read());
    await this.reading;
    return `${this.inode}-${this.offset}`;
  }

  async curves(width: number): Promise<Curves> {
    const version = await this.version();
    const { steps } = this;
    const count = Math.max(1, Math.min(width, steps));
    const ends = Array.from({ length: steps === 0 ? 0 : count }, (_, k) => Math.floor(((k + 1) * steps) / count));
    const x = this.columns.get('step') ?? [];
    const series = [...this.columns].flatMap(([name, values]) =>
      name === 'step' || name === 'epoch' ? [] : [[name, stretched(values, ends)] as const],
    );
    return {
      steps,
      version,
      x: ends.map((end) => x[end - 1]!),
      series: Object.fromEntries(series),
      seconds: meansOf(this.seconds),
    };
  }

  /** What came since the last time. A file that was written anew, by --resume, is read from its beginning. */
  private async read(): Promise<void> {
    const file = await open(this.path, 'r').catch(() => undefined);
    if (file === undefined) return this.forget(0);
    try {
      const { ino, size } = await file.stat();
      if (ino !== this.inode || size < this.offset) this.forget(ino);
      while (this.offset < size) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(chunk), 0, chunk, this.offset);
        if (bytesRead === 0) break;
        this.offset += bytesRead;
        this.take(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  private forget(inode: number): void {
    this.inode = inode;
    this.offset = 0;
    this.steps = 0;
    this.rest = Buffer.alloc(0);
    this.columns = new Map();
    this.seconds = [];
  }

  private take(bytes: Buffer): void {
    const all = Buffer.concat([this.rest, bytes]);
    const end = all.lastIndexOf(10) + 1;
    this.rest = all.subarray(end);
    for (const line of all.toString('utf8', 0, end).split('\n')) {
      if (line === '') continue;
      let row: Record<string, unknown>;
      try {
        row = JSON.parse(line);
      } catch {
        continue;
      }
      this.add(row);
    }
    this.seconds = this.seconds.slice(-newest);
  }

  private add({ seconds, ...row }: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(row)) {
      let column = this.columns.get(name);
      if (column === undefined) {
        column = new Array(this.steps).fill(Number.NaN);
        this.columns.set(name, column);
      }
      column[this.steps] = typeof value === 'number' ? value : Number.NaN;
    }
    this.steps++;
    for (const column of this.columns.values()) if (column.length < this.steps) column.push(Number.NaN);
    if (typeof seconds === 'object' && seconds !== null) this.seconds.push(seconds as Record<string, number>);
  }
}

/** The files of the runs that were looked at last. */
export class MetricsFiles {
  private readonly files = new Map<string, MetricsFile>();
  private readonly most = 8;

  at(path: string): MetricsFile {
    const file = this.files.get(path) ?? new MetricsFile(path);
    this.files.delete(path);
    this.files.set(path, file);
    for (const old of [...this.files.keys()].slice(0, -this.most)) this.files.delete(old);
    return file;
  }
}

function stretched(values: readonly number[], ends: readonly number[]) {
  const [mean, low, high]: (number | null)[][] = [[], [], []];
  let from = 0;
  for (const end of ends) {
    let [sum, count, least, most] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = from; i < end; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      sum += value;
      count++;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    from = end;
    mean!.push(count === 0 ? null : rounded(sum / count));
    low!.push(count === 0 ? null : rounded(least));
    high!.push(count === 0 ? null : rounded(most));
  }
  return { mean: mean!, low: low!, high: high! };
}

/** More digits than a screen shows would only be sent. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function meansOf(rows: readonly Record<string, number>[]): Record<string, number> {
  const names = Object.keys(rows.at(-1) ?? {});
  return Object.fromEntries(
    names.map((name) => [name, rows.reduce((sum, row) => sum + (row[name] ?? 0), 0) / rows.length]),
  );
}
