/** The worker of our own engine (protocol.ts): `node worker.js WORKLOAD BATCH SIZE THREADS fp32|bf16|onnxruntime`, then a number of steps a line. */
import { createInterface } from 'node:readline';
import { openDevice } from '../../src/engine/device.js';
import type { StepTime, Workload } from './protocol.js';
import { prepareOnnxruntime, prepareStep } from './workloads.js';

const [workload, ...numbers] = process.argv.slice(2, 6) as [Workload, ...string[]];
const [batch, size, threads] = numbers.map(Number) as [number, number, number];
const engine = process.argv[6] as 'fp32' | 'bf16' | 'onnxruntime';
const step =
  engine === 'onnxruntime'
    ? await prepareOnnxruntime(threads, batch, size)
    : await prepareStep(workload, openDevice('cpu', { threads, precision: engine }), batch, size);
answer('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [usage, start] = [process.resourceUsage(), performance.now()];
  const steps = Number(line);
  for (let i = 0; i < steps; i++) await step();
  const ms = (performance.now() - start) / steps;
  const after = process.resourceUsage();
  const time: StepTime = {
    ms,
    cpu_ms: (after.userCPUTime - usage.userCPUTime + after.systemCPUTime - usage.systemCPUTime) / 1000 / steps,
    peak_rss_mb: after.maxRSS / 1024,
    page_faults: Math.round((after.minorPageFault - usage.minorPageFault) / steps),
  };
  answer(time);
}
process.exit();

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
