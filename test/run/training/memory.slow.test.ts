/** The memory that a training is predicted to take, beside what it takes; and what happens when there is not enough. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../data/helpers.js';

const base = await temporaryFolder();
const ldc = fileURLToPath(new URL('../../../bin/ldc.js', import.meta.url));
const minutes = 60_000;
/** Tells the peak of the process on stderr when it ends. */
const peak = `data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS*1024))`;

function run(args: string[], shell = ''): { status: number | null; stderr: string } {
  const command = `${shell} exec "$0" "$@"`;
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', command, process.execPath, '--import', peak, ldc, ...args, '--quiet'],
    {
      cwd: base,
      encoding: 'utf8',
    },
  );
  return { status, stderr };
}

const train = (name: string, ...settings: string[]) => [
  ...['train', '--protocol', 'O&C&I-to-M', '--epochs', '1', '--threads', '2', '--name', name, '--out', name],
  ...['activation.epochs=1', ...settings].flatMap((setting) => ['--set', setting]),
];

beforeAll(() => {
  expect(run(['synth', '--out', 'data', '--subjects', '7', '--frames', '1', '--size', '64']).status).toBe(0);
}, 5 * minutes);

it.each([
  ['small', 'data.image_size=64', 'activation.batch_size=9', 'train.per_domain={live: 1, spoof: 1}'],
  ['large', 'data.image_size=224'],
])(
  '%s: the prediction is no less than what is taken, and a quarter more at most',
  { timeout: 10 * minutes },
  (...args) => {
    const [name, ...settings] = args as [string, ...string[]];
    const refused = run([...train(name, ...settings), '--memory-limit', '10M']);
    expect(refused.status).toBe(2);
    const told =
      /^ldc: error: training would take about ([\d.]+) (MiB|GiB) \(.*\), more than the limit of 10 MiB\nhint: /;
    const [, size, unit] = told.exec(refused.stderr) ?? [];
    expect([refused.stderr, existsSync(join(base, name))]).toEqual([expect.stringMatching(told), false]);
    const predicted = Number(size) * (unit === 'GiB' ? 2 ** 30 : 2 ** 20);

    const done = run([...train(name, ...settings), '--memory-limit', '16G']);
    expect(done.status).toBe(0);
    const taken = Number(/^peak (\d+)$/m.exec(done.stderr)?.[1]);
    console.info(`${name}: predicted ${predicted / 2 ** 20} MiB, taken ${taken / 2 ** 20} MiB`);
    expect(predicted / taken).toBeGreaterThan(0.98);
    expect(predicted / taken).toBeLessThan(1.25);
  },
);

it('out of memory ends in a sentence, and the doctor knows', { timeout: 5 * minutes }, () => {
  const { status, stderr } = run(train('starved', 'data.image_size=512'), 'ulimit -v 3000000;');
  expect(stderr).toMatch(/^ldc: error: .*out of memory.*\nhint: less memory is needed with smaller/m);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(status).toBe(1);
  const doctor = spawnSync(process.execPath, [ldc, 'doctor', '--run', join(base, 'starved', 'O&C&I-to-M', 'starved')]);
  expect(doctor.stdout.toString()).toContain(': out-of-memory\n');
});
