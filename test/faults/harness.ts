/**
 * Kills and damages: a scenario starts a command, kills it at a random operation on the disk, perhaps damages one of its files, and
 * so on; then the command runs to its end, and what it leaves must be bit-identical to what an undisturbed run left.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Philox } from '../../src/engine/random.js';
import { type Workload, workloads } from './workloads.js';

const saboteur = pathToFileURL(fileURLToPath(new URL('./saboteur.js', import.meta.url))).href;

export interface Tally {
  name: string;
  scenarios: number;
  kills: number;
  damages: number;
  fullDisks: number;
  /** Scenarios that did not end, or ended with other files; each said in a sentence. */
  lost: string[];
}

interface Outcome {
  status: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

function run(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, NODE_OPTIONS: `--import=${saboteur}`, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('close', (status, signal) => resolve({ status, signal, stderr }));
  });
}

/** Runs at least `points` kills, damages and full disks over the named workloads, by their weights. */
export async function harness(
  points: number,
  seed: number,
  names: readonly string[] | undefined,
  say: (text: string) => void,
): Promise<Tally[]> {
  const base = await mkdtemp(join(tmpdir(), 'ldc-faults-'));
  const chosen = workloads.filter(({ name }) => names === undefined || names.includes(name));
  const weights = chosen.reduce((sum, { weight }) => sum + weight, 0);
  const shared = join(base, 'shared');
  await mkdir(shared);
  const tallies: Tally[] = [];
  try {
    for (const [i, workload] of chosen.entries()) {
      const wanted = Math.ceil((points * workload.weight) / weights);
      const tally = await sabotage(workload, wanted, new Philox(seed, i), base, shared);
      tallies.push(tally);
      const { name, scenarios, kills, damages, fullDisks, lost } = tally;
      say(
        `${name}: ${scenarios} scenarios, ${kills} kills, ${damages} damaged files, ${fullDisks} full disks, lost: ${lost.length}`,
      );
      for (const sentence of lost) say(`  ${sentence}`);
    }
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  return tallies;
}

async function sabotage(
  workload: Workload,
  points: number,
  random: Philox,
  base: string,
  shared: string,
): Promise<Tally> {
  const tally: Tally = { name: workload.name, scenarios: 0, kills: 0, damages: 0, fullDisks: 0, lost: [] };
  await workload.shared?.(shared, async (args, cwd) => {
    const { status, stderr } = await run(args, cwd);
    if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  });
  const reference = join(base, workload.name, 'reference');
  const counted = join(base, workload.name, 'count');
  const killed = join(base, workload.name, 'killed');
  await begin(workload, reference, shared);
  const undisturbed = await run(workload.args(reference, shared, false), reference, { LDC_FAULT_COUNT: counted });
  if (undisturbed.status !== 0) throw new Error(`${workload.name} fails by itself: ${undisturbed.stderr}`);
  const operations = Math.max(...(await readFile(counted, 'utf8')).split('\n').map(Number));
  const expected = await filesOf(workload, reference);
  const below = (limit: number) => Math.floor(random.uniform() * limit);
  const done = () => tally.kills + tally.damages + tally.fullDisks;
  while (done() < points) {
    const folder = join(base, workload.name, String(++tally.scenarios));
    await begin(workload, folder, shared);
    const story: string[] = [];
    const fail = (why: string) => tally.lost.push(`${story.join(', ')}: ${why}`);
    for (let round = 1 + below(3); round > 0; round--) {
      const env = {
        LDC_FAULT_AT: String(1 + below(operations)),
        LDC_FAULT: below(5) === 0 ? 'full' : 'kill',
        LDC_FAULT_HALF: String(below(2)),
        LDC_FAULT_LOG: killed,
      };
      await rm(killed, { force: true });
      const outcome = await run(workload.args(folder, shared, story.length > 0), folder, env);
      const what = `${env.LDC_FAULT}${env.LDC_FAULT_HALF === '1' ? ' halfway' : ''} at ${env.LDC_FAULT_AT} of ${operations}`;
      const kills = (await readFile(killed, 'utf8').catch(() => '')).split('\n').length - 1;
      if (kills > 0) {
        tally.kills += kills;
        story.push(what);
        if (outcome.signal !== 'SIGKILL' && !workload.children) fail(`survived with ${outcome.status}`);
      } else if (env.LDC_FAULT === 'full' && outcome.status !== 0 && !workload.finished?.test(outcome.stderr)) {
        tally.fullDisks++;
        story.push(what);
        if (!/the disk is full/.test(outcome.stderr) || /\n\s+at /.test(outcome.stderr)) fail(outcome.stderr);
      } else if (outcome.status !== 0 && !workload.finished?.test(outcome.stderr)) {
        fail(`ended with ${outcome.status}: ${outcome.stderr}`);
      }
      if (below(2) === 0) {
        const damage = await damageOne(workload, folder, below);
        if (damage !== undefined) {
          tally.damages++;
          story.push(damage);
        }
      }
    }
    const last = await run(workload.args(folder, shared, true), folder);
    if (last.status !== 0 && !workload.finished?.test(last.stderr))
      fail(`the last run ended with ${last.status ?? last.signal}: ${last.stderr}`);
    else {
      const difference = differenceOf(expected, await filesOf(workload, folder));
      if (difference !== undefined) fail(difference);
    }
    await rm(folder, { recursive: true, force: true });
  }
  return tally;
}

async function begin(workload: Workload, folder: string, shared: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await workload.begin?.(folder, shared);
}

/** Flips a bit of one of the two newest fragile files, which are a checkpoint's pair, or cuts it. */
async function damageOne(
  { fragile, result }: Workload,
  folder: string,
  below: (limit: number) => number,
): Promise<string | undefined> {
  if (!fragile) return undefined;
  const top = join(folder, result);
  const names = (await readdir(top, { recursive: true }).catch((): string[] => [])).filter((name) =>
    fragile.test(name),
  );
  const dated = await Promise.all(names.map(async (name) => ({ name, time: (await stat(join(top, name))).mtimeMs })));
  const newest = dated.sort((a, b) => b.time - a.time).slice(0, 2);
  if (newest.length === 0) return undefined;
  const { name } = newest[below(newest.length)]!;
  const bytes = await readFile(join(top, name));
  if (below(3) === 0) {
    const length = below(bytes.length);
    await truncate(join(top, name), length);
    return `${name} cut at ${length}`;
  }
  const place = below(bytes.length);
  bytes[place]! ^= 1 << below(8);
  await writeFile(join(top, name), bytes);
  return `${name} flipped at ${place}`;
}

/** Hashes by path, whatever the folder of the scenario is called; what was put aside as damaged is no result. */
async function filesOf({ result, ignore }: Workload, folder: string): Promise<Map<string, string>> {
  const top = join(folder, result);
  const files = new Map<string, string>();
  for (const entry of await readdir(top, { recursive: true, withFileTypes: true })) {
    const path = relative(top, join(entry.parentPath, entry.name));
    if (!entry.isFile() || path.endsWith('.damaged') || ignore?.test(path)) continue;
    const content = (await readFile(join(top, path), 'latin1')).replaceAll(folder, 'FOLDER');
    files.set(path, createHash('sha256').update(content, 'latin1').digest('hex'));
  }
  return files;
}

function differenceOf(expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string | undefined {
  for (const [path, hash] of expected) {
    if (!found.has(path)) return `${path} is missing`;
    if (found.get(path) !== hash) return `${path} is another`;
  }
  const more = [...found.keys()].find((path) => !expected.has(path));
  return more === undefined ? undefined : `${more} was left behind`;
}
