/** Studies as a user has them: killed while they run, and on a real Slurm of one node. No figure may differ from those of a quiet study. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { State, StudyStatus } from '../../src/study/status.js';
import { titled, without } from '../peers.js';
import { meanModel } from '../run/models/meanModel.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const cluster = fileURLToPath(new URL('slurmCluster.sh', import.meta.url));
const minute = 60_000;

/** Two runs that share a stage. */
const yaml = (more = '', name = 'small') => `
name: ${name}
synth: {subjects: 8, frames: 1, size: 32}
settings:
  data: {image_size: 32}
  model: {map_size: 8}
  activation: {epochs: 1, batch_size: 12}
  train: {epochs: 4, per_domain: {live: 2, spoof: 2}, keep: 1}
protocols: [O&C&I-to-M]
variants: {vanilla: {model: {conv: {kind: vanilla}}}, ldc: {}}
report: {published: false}
${more}`;

let folder: string;
let quiet: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-study-'));
  const { status, stderr } = await finished(study('quiet', ['run', await file('quiet'), '--quiet']));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  quiet = await figures('quiet');
  expect(quiet.size).toBe(2);
}, 10 * minute);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, more = '', studyName = 'small'): Promise<string> {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, yaml(more, studyName));
  return path;
}

function study(out: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [binary, 'study', ...args, '--out', out], { cwd: folder, detached: true });
}

function finished(child: ChildProcess): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout!.on('data', (text) => {
      stdout += text;
    });
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** The results of a study by run, as text: equal means equal to the last digit. */
async function figures(out: string): Promise<Map<string, string>> {
  const results = join(folder, out, 'study-small', 'results', 'last-honest');
  const names = (await readdir(results)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(results, name), 'utf8')] as const)),
  );
}

async function statusOf(name: string, out = name): Promise<StudyStatus> {
  const { stdout } = await finished(study(out, ['status', join(folder, `${name}.yaml`), '--json']));
  return JSON.parse(stdout) as StudyStatus;
}

async function until<T>(what: string, look: () => Promise<T | false>, limit = 5 * minute): Promise<T> {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(300)) {
    const found = await look();
    if (found !== false) return found;
  }
  throw new Error(`waited in vain for ${what}`);
}

/** The steps in metrics.jsonl of a run. */
async function steps(out: string, run: string): Promise<number> {
  const path = join(folder, out, 'O&C&I-to-M', run, 'metrics.jsonl');
  return existsSync(path) ? (await readFile(path, 'utf8')).split('\n').length - 1 : 0;
}

describe('a model of somebody else in a study', () => {
  it('is evaluated beside the runs, once, and stands in table, plot and paired tests', {
    timeout: 2 * minute,
  }, async () => {
    const weights = { weight: [[3], [-2], [0.5]], bias: [-0.4] };
    await writeFile(join(folder, 'means.onnx'), meanModel({ size: 32, layout: 'nchw', ...weights }));
    const card = 'input:\n  colour: rgb\n  scale: 1/255\noutput:\n  activation: sigmoid\n';
    await writeFile(join(folder, 'means.card.yaml'), card);
    const path = await file('with-external', 'external: {means: {model: means.onnx}}');
    const first = await finished(study('quiet', ['run', path, '--json', '--quiet']));
    expect(first.stderr).toBe('');
    const { external } = JSON.parse(first.stdout) as StudyStatus;
    expect(external).toMatchObject([{ state: 'done' }]);
    const report = await finished(study('quiet', ['report', path, '--json']));
    const { files, external: results } = JSON.parse(report.stdout);
    expect(results).toMatchObject([{ name: 'means (external)', evaluation: { engine: 'onnx', synthetic: true } }]);
    const [page, paired] = await Promise.all(
      [files.html, files['paired.csv']].map((name) => readFile(join(folder, name), 'utf8')),
    );
    expect(page!).toContain('SYNTHETIC, external, source-dev-eer, video');
    expect(paired!.split('\n').filter((line) => line.includes('means (external),source-dev-eer'))).toHaveLength(2);
    const made = await figures('quiet');
    expect(made.size).toBe(3);
    await finished(study('quiet', ['run', path, '--quiet']));
    expect(await figures('quiet')).toEqual(made);
    await rm(join(folder, 'quiet/study-small/results/last-honest', `${external[0]!.id}.json`));
  });
});

describe('a study that is killed', () => {
  it('goes on where it was, with the same figures', { timeout: 10 * minute }, async () => {
    const path = await file('killed');
    const first = study('killed', ['run', path]);
    const stopped = finished(first);
    await until('steps of the first run', async () => (await steps('killed', 'small-vanilla-seed0')) >= 2);
    first.kill('SIGTERM');
    const { status, stderr } = await stopped;
    expect(status).toBe(130);
    expect(stderr).toMatch(/stopped with \d of 2 runs done; everything is saved\nhint: the same command goes on/);
    expect((await statusOf('killed')).counts.interrupted).toBe(1);

    const second = study('killed', ['run', path]);
    const dead = finished(second);
    await until('steps of the second run', async () => (await steps('killed', 'small-ldc-seed0')) >= 2);
    second.kill('SIGKILL');
    await dead;

    // At once: the process that the dead study leaves may still be saving.
    const third = await finished(study('killed', ['run', path, '--json']));
    expect(third.status).toBe(0);
    expect((JSON.parse(third.stdout) as StudyStatus).counts).toEqual({ done: 2 });
    expect(await figures('killed')).toEqual(quiet);
  });

  it(
    'makes the shared stage once, and nothing twice',
    async () => {
      const folders = await readdir(join(folder, 'quiet', 'O&C&I-to-M'));
      expect(folders.filter((name) => name.startsWith('stage1-'))).toHaveLength(1);
      const again = await finished(study('quiet', ['run', join(folder, 'quiet.yaml'), '--json']));
      expect(again.status).toBe(0);
      expect(again.stderr).not.toContain('steps in');
      expect(await figures('quiet')).toEqual(quiet);
    },
    minute,
  );

  it(
    'refuses a variant that became another, and names what changed',
    async () => {
      const path = join(folder, 'changed.yaml');
      await writeFile(path, yaml().replace('ldc: {}', 'ldc: {train: {lr: 0.01}}'));
      const { status, stderr } = await finished(study('quiet', ['run', path]));
      expect(status).toBe(2);
      expect(stderr).toMatch(
        /variant ldc of the study small was run with another configuration \(now train\.lr: 0\.01\)/,
      );
    },
    minute,
  );
});

const noSlurm =
  without('sbatch', 'slurmctld', 'slurmd', 'munged') ?? (process.getuid?.() === 0 ? null : 'slurmd must run as root');

describe.skipIf(noSlurm)(titled('a study on Slurm', noSlurm), () => {
  let slurm: string;

  beforeAll(async () => {
    slurm = await mkdtemp(join(tmpdir(), 'ldc-slurm-'));
    execFileSync(cluster, ['start', slurm], { stdio: 'pipe' });
    process.env.SLURM_CONF = join(slurm, 'slurm.conf');
  }, minute);

  afterAll(async () => {
    execFileSync(cluster, ['stop', slurm], { stdio: 'pipe' });
    await rm(slurm, { recursive: true, force: true });
  }, minute);

  const submit = async (name: string, out = name) => {
    const path = join(folder, `${name}.yaml`);
    const { status, stdout, stderr } = await finished(study(out, ['run', path, '--backend', 'slurm', '--json']));
    expect(stderr).not.toContain('error');
    expect(status).toBe(0);
    return JSON.parse(stdout) as { jobs: { job: string; tasks: string[] }[]; pending: number };
  };
  const reached = (name: string, id: string, state: State, out = name) =>
    until(
      `${id} to be ${state}`,
      async () => {
        const { runs } = await statusOf(name, out);
        const run = runs.find((each) => each.id.endsWith(id))!;
        if (state !== 'failed' && run.state === 'failed') throw new Error(`${id} failed: ${run.why}`);
        return run.state === state && run;
      },
      8 * minute,
    );

  it('gives the same figures as on this machine; a cancelled job is shown as such and resumed', {
    timeout: 15 * minute,
  }, async () => {
    await file('batch');
    const first = await submit('batch');
    expect(first.jobs.map(({ tasks }) => tasks.length)).toEqual([1, 2]);
    expect((await statusOf('batch')).counts).toEqual({ queued: 2 });
    expect((await submit('batch')).jobs).toEqual([]);

    await reached('batch', 'ldc-seed0', 'running');
    await until('steps', async () => (await steps('batch', 'small-ldc-seed0')) >= 2);
    const { job } = await reached('batch', 'ldc-seed0', 'running');
    execFileSync('scancel', [job!]);
    await reached('batch', 'ldc-seed0', 'cancelled');
    const record = JSON.parse(
      await readFile(join(folder, 'batch/study-small/tasks/O&C&I-to-M--ldc-seed0.json'), 'utf8'),
    );
    expect(record).toMatchObject({ state: 'cancelled', backend: 'slurm', job, status: 130 });
    expect(await steps('batch', 'small-ldc-seed0')).toBeGreaterThanOrEqual(2);
    await reached('batch', 'vanilla-seed0', 'done');

    const again = await submit('batch');
    expect(again.jobs.flatMap(({ tasks }) => tasks)).toEqual(['O&C&I-to-M--ldc-seed0']);
    await reached('batch', 'ldc-seed0', 'done');
    expect(await figures('batch')).toEqual(quiet);
    const log = await readFile(join(folder, 'batch/study-small/logs/O&C&I-to-M--ldc-seed0.log'), 'utf8');
    expect(log).toContain('resumed after');
  });

  it('shows a job whose time is up as such, and resumes it', { timeout: 15 * minute }, async () => {
    // A minute is Slurm's shortest limit: the stage of the study before, which is the same, is there already.
    const path = await file('late', 'slurm: {time: "1", grace: 5}', 'late');
    await writeFile(path, (await readFile(path, 'utf8')).replace('epochs: 4', 'epochs: 400'));
    const first = await submit('late', 'batch');
    expect(first.jobs.map(({ tasks }) => tasks.length)).toEqual([2]);
    await reached('late', 'vanilla-seed0', 'timed-out', 'batch');
    const before = await steps('batch', 'late-vanilla-seed0');
    expect(before).toBeGreaterThan(0);
    const again = await submit('late', 'batch');
    expect(again.jobs.flatMap(({ tasks }) => tasks)).toContain('O&C&I-to-M--vanilla-seed0');
    await until('the job to go on', async () => (await steps('batch', 'late-vanilla-seed0')) > before);
    for (const { job } of again.jobs) execFileSync('scancel', [job]);
    const log = await readFile(join(folder, 'batch/study-late/logs/O&C&I-to-M--vanilla-seed0.log'), 'utf8');
    expect(log).toContain('resumed after');
  });

  it('blocks the runs of a stage that fails, and says why', { timeout: 5 * minute }, async () => {
    await file('broken', 'slurm: {time: "5"}');
    const path = join(folder, 'broken.yaml');
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace('batch_size: 12', 'batch_size: 12, weights: missing.safetensors'),
    );
    await submit('broken');
    const { stages } = await until('the stage to fail', async () => {
      const status = await statusOf('broken');
      return status.stages.some(({ state }) => state === 'failed') && status;
    });
    expect(stages[0]!.why).toContain('missing.safetensors');
    await until('its runs', async () => {
      const { runs } = await statusOf('broken');
      return runs.every(({ state }) => state === 'cancelled' || state === 'blocked');
    });
  });
});
