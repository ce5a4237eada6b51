/** Devices in worker threads: each environment has devices of its own, and may end at any time. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { addonPath } from '../../src/engine/native.js';
import { linear } from '../../src/engine/ops/linear.js';
import { tensor } from '../../src/engine/tensor.js';
import { uniform } from './helpers.js';

const n = 96;
const rounds = 20;

/** x → x wᵀ, `rounds` times, on a device of the worker's own; posts the result. Plain JavaScript: it runs as it stands. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { addon, x, w, n, rounds, pending } = workerData;
const device = new (require(addon).Device)('cpu', 2);
const make = (values) => {
  const handle = device.create(0, 0, [n, n]);
  if (values) device.upload(handle, values);
  return handle;
};
const weight = make(w);
let [from, to] = [make(x), make()];
for (let i = 0; i < rounds; i++) {
  device.linear_forward(from, weight, null, to);
  [from, to] = [to, from];
}
const result = device.download(from);
if (pending) parentPort.postMessage('waiting');
result.then((buffer) => parentPort.postMessage(new Float32Array(buffer)));
`;

interface Task {
  x: Float32Array;
  rounds: number;
  pending?: boolean;
}

const w = uniform(n * n, 1).map((value) => value / 4);

function start(task: Task): Worker {
  return new Worker(program, { eval: true, workerData: { addon: addonPath(), w, n, ...task } });
}

/** The same on this thread. */
async function expected(x: Float32Array): Promise<Float32Array> {
  const device = openDevice('cpu', { threads: 2 });
  const weight = tensor(device, w, [n, n]);
  let y = tensor(device, x, [n, n]);
  for (let i = 0; i < rounds; i++) y = linear(y, weight);
  return (await y.read()) as Float32Array;
}

it('two workers and the main thread compute side by side', async () => {
  const inputs = [2, 3].map((seed) => uniform(n * n, seed));
  const workers = inputs.map((x) => start({ x, rounds }));
  const exits = workers.map((worker) => once(worker, 'exit'));
  const results = workers.map(async (worker) => {
    const [result] = await once(worker, 'message');
    return result as Float32Array;
  });
  const here = await Promise.all(inputs.map(expected));
  expect(await Promise.all(results)).toEqual(here);
  expect(here[0]).not.toEqual(here[1]);
  // Nothing keeps them alive any more.
  expect(await Promise.all(exits)).toEqual([[0], [0]]);
});

it('a worker that is ended while work and a download are pending takes nothing with it', async () => {
  for (let i = 0; i < 5; i++) {
    const worker = start({ x: uniform(n * n, 4), rounds: 200, pending: true });
    await once(worker, 'message');
    expect(await worker.terminate()).toBe(1);
  }
  const x = uniform(n * n, 5);
  const worker = start({ x, rounds });
  const [result] = await once(worker, 'message');
  expect(result).toEqual(await expected(x));
});

it('a process with two devices may simply come to its end', async () => {
  const program = `const { Device } = require(process.argv[1]); globalThis.devices = [new Device('cpu', 2), new Device('cpu', 2)];`;
  await promisify(execFile)(process.execPath, ['-e', program, addonPath()]);
});
