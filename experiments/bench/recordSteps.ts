/**
 * Steps of the product as calls of a device, for a program that has no engine: src/native/check replays and times them.
 * `node dist/experiments/bench/recordSteps.js` writes those of experiments/bench/steps, batch 30 at 256 pixels, in float32 and in bf16.
 *
 * A recording has what was called, with tensors by handle, in two parts: what prepares (weights, state) and the step. It holds no
 * values: floats and bytes that are uploaded are replaced by made-up ones of the same range, here as there (`madeUp`).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFolder } from '../../src/base/packageFolder.js';
import { Device } from '../../src/engine/device.js';
import { dryDevice } from '../../src/engine/dryDevice.js';
import { dtypes, type Handle, layouts, type NativeDevice } from '../../src/engine/native.js';
import type { Workload } from './protocol.js';
import { prepareStep } from './workloads.js';

/** Workloads of which a step is recorded. */
export const recorded = ['ldcnet-train', 'activation-train', 'ldcnet-eval', 'grad-cam'] as const satisfies Workload[];

export const stepsFolder = join(packageFolder, 'experiments/bench/steps');

/** A method of the device and its arguments; `create` and `upload` as src/native/check/recorded_step.h has them. */
type Call = readonly [string, ...unknown[]];

const passedOn: ReadonlySet<string> = new Set([
  'description',
  'threads',
  'memory',
  'profile',
  'label',
  'takeTimes',
  'beginStep',
  'endStep',
]);

/** A device that does what `inner` does, with made-up values, and writes down what it is asked for. */
export class Recorder {
  readonly device: Device;
  private readonly setup: Call[] = [];
  private readonly run: Call[] = [];
  private calls = this.setup;
  private uploads = 0;
  private packed: readonly unknown[] = [];
  /** Tensors that can be read, by handle. */
  private readonly live = new Set<Handle>();
  private read: Promise<ArrayBuffer>[] = [];

  constructor(private readonly inner: Device) {
    const native = new Proxy(inner.native, {
      get: (target, name: keyof NativeDevice) => {
        const member = target[name];
        if (typeof member !== 'function') return member;
        const method = member.bind(target) as (...args: unknown[]) => unknown;
        if (passedOn.has(name)) return method;
        return (...args: unknown[]) => this.write(name, args, method);
      },
    });
    this.device = new Device(inner.name, native, {
      convAlgorithm: inner.convAlgorithm,
      precision: inner.precision,
    });
  }

  /** What follows is the step. */
  beginStep(): void {
    this.calls = this.run;
    this.read = [];
  }

  /** One call a line. */
  text(step: string, batch: number, size: number): string {
    const list = (calls: readonly Call[]) => `[\n${calls.map((call) => JSON.stringify(call)).join(',\n')}\n]`;
    const head = JSON.stringify({ step, batch, size }).slice(0, -1);
    return `${head},"setup":${list(this.setup)},"run":${list(this.run)}}\n`;
  }

  /** Of what the step has read and of every tensor that is left: equal where all bits are (`digest` of src/native/check/recorded_step.cc). */
  async digest(): Promise<string> {
    const { native } = this.inner;
    const left = [...this.live].sort((a, b) => a - b).map((handle) => native.download(handle));
    let hash = 0x811c9dc5;
    for (const buffer of await Promise.all([...this.read, ...left])) {
      for (const word of new Uint32Array(buffer)) hash = Math.imul(hash ^ word, 0x01000193);
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }

  private write(name: string, args: readonly unknown[], method: (...args: unknown[]) => unknown): unknown {
    const call = (...values: readonly unknown[]) => void this.calls.push([name, ...values]);
    if (name === 'conv2d_packed_elements') {
      this.packed = args;
      return method(...args);
    }
    if (name === 'create') {
      const handle = method(...args) as Handle;
      const [dtype, layout, shape] = args;
      // How large packed weights are is the device's own matter.
      if (layout === layouts.packed) this.calls.push(['create_packed', handle, ...this.packed]);
      else call(handle, dtype, layout, shape);
      if (layout === layouts.dense && dtype !== dtypes.uint8) this.live.add(handle);
      return handle;
    }
    if (name === 'upload') {
      const [handle, data] = args as [Handle, Float32Array | Int32Array | Uint8Array];
      const values = this.inner.name === 'dry' ? data : madeUp(data, this.uploads);
      this.uploads++;
      if (data instanceof Int32Array) call(handle, [...data]);
      else call(handle, ...rangeOf(data));
      return method(handle, values);
    }
    call(...args);
    if (name === 'release') this.live.delete(args[0] as Handle);
    const result = method(...args);
    if (name === 'download') this.read.push(result as Promise<ArrayBuffer>);
    return result;
  }
}

function rangeOf(data: Float32Array | Uint8Array): [number, number] {
  let [low, high] = [data[0]!, data[0]!];
  for (const value of data) {
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  return [low, high];
}

/** Values between the smallest and the largest of `data`, from the number of the upload; labels stay as they are. */
function madeUp<T extends Float32Array | Int32Array | Uint8Array>(data: T, upload: number): T {
  if (data instanceof Int32Array) return data;
  const [low, high] = rangeOf(data);
  const whole = data instanceof Uint8Array;
  const range = Math.fround(whole ? high + 1 - low : high - low);
  const values = data.slice() as T;
  for (let i = 0; i < values.length; i++) {
    const value = low + range * unit(upload, i);
    values[i] = whole ? Math.floor(value) : value;
  }
  return values;
}

/** In [0, 1), 24 bits of a hash (lowbias32, C. Wellons, 2018). */
function unit(upload: number, index: number): number {
  let x = Math.imul(upload, 0x9e3779b1) + index;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 8) * 2 ** -24;
}

/** Records one step of a workload on `inner`, which does it; of networks that keep packed weights, one when they have them. */
export async function recordStep(workload: Workload, inner: Device, batch: number, size: number): Promise<Recorder> {
  const recorder = new Recorder(inner);
  const step = await prepareStep(workload, recorder.device, batch, size);
  if (!workload.endsWith('-train')) await step();
  recorder.beginStep();
  await step();
  return recorder;
}

/** The file of a workload, without doing the step. */
export async function recording(
  workload: Workload,
  batch: number,
  size: number,
  precision: 'fp32' | 'bf16' = 'fp32',
): Promise<string> {
  const recorder = await recordStep(workload, dryDevice(1, { precision }), batch, size);
  return recorder.text(stepName(workload, precision), batch, size);
}

/** What its file is called: in fp32 and tf32 a device is asked for the same. */
export function stepName(workload: Workload, precision: 'fp32' | 'bf16'): string {
  return precision === 'bf16' ? `${workload}-bf16` : workload;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const workload of recorded) {
    for (const precision of ['fp32', 'bf16'] as const) {
      const path = join(stepsFolder, `${stepName(workload, precision)}.json`);
      await writeFile(path, await recording(workload, 30, 256, precision));
    }
  }
}
