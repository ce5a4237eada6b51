/**
 * Which kernels a step launches, in which order and on what shapes, and the bits that they compute: whoever changes neither proves it by that
 * (`test/bench/replay.test.ts`). `npm run bench -- replay` prints the calls themselves, for a `diff` between two versions.
 */
import { createHash } from 'node:crypto';
import { Device } from '../../src/engine/device.js';
import { dtypes, type Handle, layouts, type NativeDevice } from '../../src/engine/native.js';
import type { Workload } from './protocol.js';
import { prepareStep } from './workloads.js';

/** One step of each method's training, of evaluation and of stage 1's maps. */
export const replayed = [
  'ldcnet-train',
  'erm-train',
  'ssdg-train',
  'safas-train',
  'ldcnet-eval',
  'grad-cam',
] as const satisfies Workload[];

export const replayBatch = 12;
export const replaySize = 32;

/** A kernel that was launched. */
export interface Launch {
  kernel: string;
  /** Its arguments in words: shapes of tensors, numbers. */
  call: string;
  /** Of all its tensors when it is done, those of more than `largest` elements and packed weights left out. */
  digest: string;
}

/** Larger tensors are the weights of deep layers: they are looked at once, at the end. */
const largest = 65_536;

/** What stands for a tensor where the engine has a handle, so that it is told from a number. */
class Named {
  constructor(
    readonly handle: Handle,
    readonly dtype: number,
    readonly layout: number,
    readonly shape: readonly number[],
  ) {}

  /** The engine makes keys of handles. */
  toString(): string {
    return `tensor ${this.handle}`;
  }
}

/** What a device is asked for that is no kernel: it has no result of its own. */
const others = new Set(['upload', 'download', 'release', 'prefetch', 'memory', 'profile', 'label', 'takeTimes']);
for (const name of ['beginStep', 'endStep', 'conv2d_packed_elements']) others.add(name);

/** Does one step on `inner` and tells each launch; the last entry is the state after it: parameters, statistics, the optimiser's. */
export async function replay(workload: Workload, inner: Device): Promise<Launch[]> {
  const { native } = inner;
  const live = new Set<Named>();
  let launches: { kernel: string; call: string; digest: Promise<string> }[] = [];

  const launch = (kernel: string, args: readonly unknown[]): void => {
    const tensors = [...new Set(args.flat().filter((each) => each instanceof Named))];
    const read = tensors.filter(({ shape, layout }) => layout !== layouts.packed && sizeOf(shape) <= largest);
    launches.push({
      kernel,
      call: args.map(inWords).join(', '),
      digest: digestOf(read.map((each) => bytesOf(native, each))),
    });
  };
  const proxy = new Proxy(native, {
    get: (target, name: keyof NativeDevice & string) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      const method = member.bind(target) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        const result = method(...args.map(unnamed));
        if (name === 'create') {
          const named = new Named(result as Handle, ...(args as [number, number, readonly number[]]));
          live.add(named);
          return named;
        }
        if (name === 'release') live.delete(args[0] as Named);
        if (!others.has(name)) launch(name, args);
        return result;
      };
    },
  });

  const device = new Device(inner.name, proxy, { convAlgorithm: inner.convAlgorithm, precision: inner.precision });
  const step = await prepareStep(workload, device, replayBatch, replaySize);
  if (!workload.endsWith('-train')) await step(); // weights are packed once
  launches = [];
  await step();
  const after = [...live].filter(({ layout, dtype }) => layout === layouts.dense && dtype !== dtypes.uint8);
  const state = {
    kernel: 'state after it',
    call: `${after.length} tensors`,
    digest: digestOf(after.map((each) => bytesOf(native, each))),
  };
  return Promise.all([...launches, state].map(async (each) => ({ ...each, digest: await each.digest })));
}

/** A line a kernel: how often it was launched, a digest of places in the step, shapes and numbers, and one of what was computed. */
export function summary(launches: readonly Launch[]): string {
  const kernels = new Map<string, { launches: number; calls: string[]; results: string[] }>();
  launches.forEach(({ kernel, call, digest }, place) => {
    const entry = kernels.get(kernel) ?? { launches: 0, calls: [], results: [] };
    kernels.set(kernel, entry);
    entry.launches++;
    entry.calls.push(`${place} ${call}`);
    entry.results.push(digest);
  });
  return [...kernels]
    .map(
      ([kernel, { launches, calls, results }]) =>
        `${kernel.padEnd(28)} ${`${launches}`.padStart(4)}  calls ${short(calls)}  results ${short(results)}`,
    )
    .join('\n');
}

function unnamed(argument: unknown): unknown {
  if (argument instanceof Named) return argument.handle;
  return Array.isArray(argument) ? argument.map(unnamed) : argument;
}

const nameOf = (table: Readonly<Record<string, number>>, value: number) =>
  Object.keys(table).find((key) => table[key] === value);

function inWords(argument: unknown): string {
  if (argument instanceof Named) {
    const { dtype, layout, shape } = argument;
    return `${nameOf(dtypes, dtype)} ${nameOf(layouts, layout)} [${shape}]`;
  }
  return Array.isArray(argument) ? `[${argument.map(inWords).join(', ')}]` : JSON.stringify(argument);
}

/** Values in logical order, as float32 where they are features. */
function bytesOf(native: NativeDevice, { handle, layout, dtype, shape }: Named): Promise<ArrayBuffer> {
  if (layout !== layouts.features) return native.download(handle);
  // The taps of max pooling are bytes, which nothing brings out of their layout; the gradient depends on them.
  if (dtype === dtypes.uint8) return Promise.resolve(new ArrayBuffer(0));
  const dense = native.create(dtypes.float32, layouts.dense, shape);
  native.to_dense(handle, dense);
  const bytes = native.download(dense);
  native.release(dense);
  return bytes;
}

async function digestOf(parts: readonly Promise<ArrayBuffer>[]): Promise<string> {
  const hash = createHash('sha1');
  for (const part of await Promise.all(parts)) hash.update(new Uint8Array(part));
  return hash.digest('hex').slice(0, 8);
}

function short(lines: readonly string[]): string {
  return createHash('sha1').update(lines.join('\n')).digest('hex').slice(0, 8);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
