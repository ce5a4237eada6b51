/**
 * `bench serve`: what a training loses while `ldc serve` shows it. The same small training by turns alone and beside a server whose pages are
 * asked for as often as an open browser asks; all must end in the same bits.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { synthesise } from '../../src/data/synth/synthesise.js';
import { ldcProgram } from '../../src/study/ldc.js';

const protocol = 'O&C&I-to-M';
const settings = [
  ...['data.image_size=64', 'model.map_size=16', 'activation.epochs=1', 'activation.batch_size=12'],
  ...['train.per_domain={live: 2, spoof: 2}', 'train.save_every=1000'],
].flatMap((setting) => ['--set', setting]);

/** Of a training: seconds by the clock, and of processor time of all its threads. */
export interface TrainingTimes {
  clock: number;
  cpu: number;
}

export interface ServedRound {
  alone: TrainingTimes;
  served: TrainingTimes;
  /** Answers that the pages got meanwhile, and seconds of processor time that the server took for them. */
  answers: number;
  server: number;
}

export interface ServedOptions {
  rounds: number;
  epochs: number;
  threads: number;
}

/** @throws Error where two trainings end in other bits */
export async function* servedRounds({ rounds, epochs, threads }: ServedOptions): AsyncGenerator<ServedRound> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-served-'));
  const train = async (name: string): Promise<TrainingTimes> => {
    const own = ['--name', name, '--epochs', String(epochs), '--threads', String(threads), '--quiet'];
    return timed(folder, ['train', '--protocol', protocol, ...settings, ...own]);
  };
  try {
    await synthesise({ out: join(folder, 'data'), seed: 0, subjects: 16, frames: 1, size: 64 });
    await train('first'); // with the activation network, which the others find there
    const bits = await bitsOf(folder, 'first', epochs);
    for (let round = 0; round < rounds; round++) {
      const names = [`alone-${round}`, `served-${round}`] as const;
      // Which comes first changes, so that a drift of the machine counts for neither.
      const alone = round % 2 === 0 ? await train(names[0]) : null;
      const page = await openPage(folder, `${protocol}/${names[1]}`);
      const served = await train(names[1]);
      const cost = await page.close();
      yield { alone: alone ?? (await train(names[0])), served, ...cost };
      for (const name of names) {
        if ((await bitsOf(folder, name, epochs)) !== bits) throw new Error(`${name} has other bits than the first`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timed(folder: string, args: readonly string[]): Promise<TrainingTimes> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@"';
  const { stderr } = await promisify(execFile)('bash', ['-c', script, 'bash', ...ldcProgram, ...args], { cwd: folder });
  const [clock, user, system] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { clock: clock!, cpu: user! + system! };
}

async function bitsOf(folder: string, name: string, epochs: number): Promise<string> {
  const file = `epoch-${String(epochs).padStart(4, '0')}.safetensors`;
  const content = await readFile(join(folder, 'runs', protocol, name, 'checkpoints', file));
  return createHash('sha256').update(content).digest('hex');
}

/** A server, and a client that asks as the scripts of the page Runs and of a run's page do. */
async function openPage(folder: string, id: string) {
  const [node, ...program] = ldcProgram;
  const server = spawn(node!, [...program, 'serve', '--json'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of server.stdout) {
    said += chunk;
    if (said.includes('}')) break;
  }
  const { address } = JSON.parse(said) as { address: string };
  const entered = await fetch(address, { redirect: 'manual' });
  const cookie = entered.headers.get('set-cookie')!.split(';')[0]!;
  const get = (path: string, headers: Record<string, string> = {}) => {
    const url = new URL(path, address);
    url.searchParams.delete('token');
    return fetch(url, { headers: { cookie, ...headers } });
  };
  // What the first look costs, modules above all, is not what an open page costs.
  const warm = new URLSearchParams({ id: `${protocol}/first` }).toString();
  for (const path of ['/', `/run?${warm}`, `/curves?${warm}&width=600`]) await (await get(path)).text();
  const before = await processorTime(server.pid!);
  const stop = new AbortController();
  let answers = 0;
  const poll = async (path: string, milliseconds: number) => {
    let tag = '';
    let version = '';
    while (!stop.signal.aborted) {
      const response = await get(path + (version && `&version=${version}`), tag ? { 'if-none-match': tag } : {});
      tag = response.headers.get('etag') ?? '';
      const text = await response.text();
      if (response.status === 200 && path.startsWith('/curves'))
        version = (JSON.parse(text) as { version: string }).version;
      answers++;
      await sleep(milliseconds, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const query = new URLSearchParams({ id }).toString();
  const polls = [poll('/', 3000), poll(`/run?${query}`, 3000), poll(`/curves?${query}&width=600`, 2000)];
  return {
    async close(): Promise<Pick<ServedRound, 'answers' | 'server'>> {
      stop.abort();
      await Promise.all(polls);
      const cpu = (await processorTime(server.pid!)) - before;
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
      return { answers, server: cpu };
    },
  };
}

/** Seconds that a process has had; Linux counts hundredths. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
