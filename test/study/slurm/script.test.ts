/** Batch scripts: what Slurm is asked for, what the shell does with hostile names, and the words of the queue. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StudyFolder } from '../../../src/study/expand.js';
import type { Task } from '../../../src/study/plan.js';
import { stateOfWord } from '../../../src/study/slurm/queue.js';
import { batchScript, quoted } from '../../../src/study/slurm/script.js';
import { readStudy } from '../../../src/study/studyFile.js';
import { writeStudy } from '../helpers.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ldc it's-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A script whose `ldc` is a shell line: the commands of a task are replaced by it. */
async function runScript(line: string, index: number, signal?: NodeJS.Signals) {
  const { file } = await writeStudy('protocols: [OCI-to-M]\nslurm: {time: "1:00:00", gpus: 1, options: [--exclusive]}');
  const study = await readStudy(file);
  const at = new StudyFolder(folder, 'last-honest');
  const tasks: Task[] = [0, 1].map((i) => ({
    id: `O&C--${i}`,
    folder,
    stage: false,
    needs: null,
    done: '',
    threadsFree: true,
    mayUseGpu: true,
    commands: [{ args: ['eval', '--run', "it's $HOME & so"], stdout: at.result(`O&C--${i}`) }],
  }));
  const text = batchScript(study, at, tasks, 'afterok:7_1');
  const script = join(folder, 'script.sh');
  await writeFile(script, text.replaceAll(/run \S*node\S* \S*ldc\.js/g, `run bash -c '${line}' bash`));
  const parent = signal ? `(sleep 0.7; kill -${signal.slice(3)} $$) & . "$0"` : '. "$0"';
  const env = { ...process.env, SLURM_ARRAY_JOB_ID: '12', SLURM_ARRAY_TASK_ID: String(index) };
  const { status } = spawnSync('bash', ['-c', parent, script], { env });
  const record = JSON.parse(await readFile(at.task(`O&C--${index}`), 'utf8'));
  const result = await readFile(at.result(`O&C--${index}`), 'utf8').catch(() => null);
  return { text, status, record, result };
}

describe('a batch script', () => {
  it('asks for what the study file says, and waits for its stage', async () => {
    const { text } = await runScript('echo', 0);
    for (const line of ['--array=0-1', '--time=1:00:00', '--gres=gpu:1', '--exclusive', '--signal=B:USR1@120'])
      expect(text).toContain(`#SBATCH ${line}\n`);
    expect(text).toContain('#SBATCH --dependency=afterok:7_1\n#SBATCH --kill-on-invalid-dep=yes\n');
  });

  it.each([
    ['gpus: 0', []],
    ['gres: 0', []],
    ['gpus: 2', ['--gres=gpu:2']],
    ['gres: 3', ['--gres=gpu:3']],
    ['gres: "gpu:a100:1"', ['--gres=gpu:a100:1']],
    ['gpus: 2, gres: false', ['--gpus=2']],
    ['gpus: 0, gres: false', []],
    ['options: ["--gpus=1"]', ['--gpus=1']],
  ])('asks for GPUs once, as the cluster wants it: %s', async (slurm, lines) => {
    const { file } = await writeStudy(`protocols: [OCI-to-M]\nslurm: {${slurm}}`);
    const text = batchScript(await readStudy(file), new StudyFolder(folder, 'gpus'), []);
    expect(text.match(/--(?:gres|gpus)\S*/g) ?? []).toEqual(lines);
  });

  it.each(['gpus: 1, gres: 1', 'gpus: 1, options: ["--gpus=1"]', 'gres: "gpu:1", options: ["--gres=gpu:1"]'])(
    'never asks twice: %s',
    async (slurm) => {
      const { file } = await writeStudy(`protocols: [OCI-to-M]\nslurm: {${slurm}}`);
      await expect(readStudy(file)).rejects.toThrow(/^slurm: asks for GPUs in more than one way/);
    },
  );

  it('passes names as they are, and puts the output in place when it is whole', async () => {
    expect(await runScript('echo "$@"', 1)).toMatchObject({
      status: 0,
      record: { state: 'ended', backend: 'slurm', job: '12_1', status: 0 },
      result: "eval --run it's $HOME & so\n",
    });
  });

  it('leaves no result of a task that fails, and says so', async () => {
    await rm(join(folder, 'results'), { recursive: true, force: true });
    expect(await runScript('echo half; exit 3', 0)).toMatchObject({
      status: 3,
      record: { state: 'failed', job: '12_0', status: 3 },
      result: null,
    });
  });

  it('passes the warning before the end of its time on, and records it', async () => {
    const child = 'trap "exit 130" TERM; for i in $(seq 100); do sleep 0.1; done';
    expect(await runScript(child, 0, 'SIGUSR1')).toMatchObject({
      status: 130,
      record: { state: 'timed-out', status: 130 },
      result: null,
    });
  });

  it('records a cancellation, whose signal comes to every process by itself', async () => {
    expect(await runScript('sleep 1.5; exit 130', 0, 'SIGTERM')).toMatchObject({
      status: 130,
      record: { state: 'cancelled', status: 130 },
    });
  });
});

describe('words for the shell', () => {
  it.each(['plain', "it's", '$HOME `id` "x"', 'a&b;c|d', '', '-n', 'ö\n\\'])('keep %j', (word) => {
    expect(spawnSync('bash', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' }).stdout).toBe(word);
  });
});

it.each([
  ['PENDING', 'queued'],
  ['RUNNING', 'running'],
  ['COMPLETING', 'running'],
  ['CANCELLED by 0', 'cancelled'],
  ['CANCELLED+', 'cancelled'],
  ['TIMEOUT', 'timed-out'],
  ['NODE_FAIL', 'interrupted'],
  ['OUT_OF_MEMORY', 'failed'],
  ['COMPLETED', undefined],
])("reads Slurm's %s", (word, state) => expect(stateOfWord(word)).toBe(state));
