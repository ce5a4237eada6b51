/**
 * Mutated files: a reader returns or says in a UserError what is wrong; it never crashes, hangs or fills the memory. The seed is fixed;
 * LDC_FUZZ sets the number of mutants of each file (default 60) and LDC_FUZZ_SEED another seed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { openNpy, readNpy } from '../../src/formats/npy.js';
import { decodeOnnx, encodeOnnx } from '../../src/formats/onnx.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { readState } from '../../src/formats/stateFile.js';
import { checkpoint, type EntrySketch, pickle, tensor, zip } from './build.js';

const mutants = Number(process.env.LDC_FUZZ ?? 60);
const firstSeed = Number(process.env.LDC_FUZZ_SEED ?? 1);
const slowest = 10_000;
const largestGrowth = 2 ** 30;

const folder = mkdtempSync(join(tmpdir(), 'ldc-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Read = (path: string) => Promise<unknown>;

const readers: Record<string, Read> = {
  '.npy': async (path) => {
    await readNpy(path);
    const file = await openNpy(path);
    if ((file.shape[0] ?? 0) > 0) await file.readRows(0, 1);
  },
  '.pth': readTensors,
  '.tar': readTensors,
  '.safetensors': readTensors,
  '.onnx': async (path) => decodeOnnx(readFileSync(path), path),
};

async function readTensors(path: string): Promise<void> {
  const file = await readState(path);
  for (const name of file.names) await file.tensor(name);
}

/** All good and bad files of the fixtures, and some of kinds that are not among them. */
async function corpus(): Promise<[string, Buffer][]> {
  const files = join(import.meta.dirname, '../fixtures/files');
  const fixtures = readdirSync(files).map((name): [string, Buffer] => [name, readFileSync(join(files, name))]);
  const small = join(folder, 'small.safetensors');
  const x = { name: 'x', dtype: 'F16', shape: [2, 3], data: new Uint16Array(6) } as const;
  const y = { name: 'y', dtype: 'I64', shape: [], data: new BigInt64Array(1) } as const;
  await writeSafetensors(small, [x, y], { format: 'pt' });
  const state = new Map([['w', tensor({ count: 4, shape: [4], stride: [1] })]]);
  const entries = (how: Partial<EntrySketch>) => [
    { name: 'x/data.pkl', data: pickle(state), ...how },
    { name: 'x/data/0', data: new Uint8Array(16), ...how },
  ];
  return [
    ...fixtures,
    ['small.safetensors', readFileSync(small)],
    ['checkpoint.pth', checkpoint(state, new Uint8Array(16))],
    ['zip64.pth', zip(entries({ zip64: true }))],
    ['deflated.pth', zip(entries({ deflate: true }))],
    ['model.onnx', Buffer.from(encodeOnnx(model()))],
  ];
}

function model() {
  return {
    name: 'small',
    producer: { name: 'ldcnet', version: '0' },
    inputs: [{ name: 'x', dtype: 'F32' as const, shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'F32' as const, shape: ['N', 2] }],
    nodes: [
      { op: 'Gemm', inputs: ['x', 'w'], outputs: ['y'], attributes: { transB: { int: 1 }, alpha: { float: 2 } } },
    ],
    initializers: [{ name: 'w', dtype: 'F32' as const, shape: [2, 2], data: new Float32Array(4) }],
    metadata: { a: 'b' },
  };
}

type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Numbers that programs trip over. */
const awkward = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

const mutations: ((bytes: Buffer, random: Random, other: Buffer) => Buffer)[] = [
  (bytes, random) => {
    bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = random(256);
    return bytes;
  },
  (bytes, random) => {
    const at = random(bytes.length);
    const value = awkward[random(awkward.length)]!;
    if (at + 4 <= bytes.length) bytes.writeUInt32LE(value, at);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(16)))]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    const from = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + 1 + random(64)), bytes.subarray(at)]);
  },
  (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, random(bytes.length)), other.subarray(random(other.length))]),
  // A digit of a text header, where sizes and offsets stand.
  (bytes, random) => {
    const digits = [...bytes.keys()].filter((at) => bytes[at]! >= 0x30 && bytes[at]! <= 0x39);
    if (digits.length > 0) bytes[digits[random(digits.length)]!] = 0x30 + random(10);
    return bytes;
  },
];

function mutate(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let k = 1 + random(4); k > 0 && result.length > 0; k--) {
    result = mutations[random(mutations.length)]!(Buffer.from(result), random, other);
  }
  return result;
}

describe('mutants are read or refused', async () => {
  const files = (await corpus()).filter(([, bytes]) => bytes.length > 0);
  it.each(files)('%s', { timeout: 3_600_000 }, async (name, bytes) => {
    const extension = extname(name);
    const path = join(folder, `mutant${extension}`);
    const before = process.memoryUsage.rss();
    let refused = 0;
    for (let k = 0; k < mutants; k++) {
      const seed = firstSeed * 1_000_003 + k;
      const random = randomFrom(seed);
      writeFileSync(path, mutate(bytes, files[random(files.length)]![1], random));
      const start = performance.now();
      try {
        await readers[extension]!(path);
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`seed ${seed} of ${name}`, { cause: error });
        refused++;
      }
      expect(performance.now() - start, `seed ${seed}`).toBeLessThan(slowest);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(largestGrowth);
    expect(refused).toBeGreaterThan(mutants / 10);
  });

  it('and what was not mutated is read', async () => {
    for (const [name, bytes] of files.slice(-5)) {
      writeFileSync(join(folder, name), bytes);
      await readers[extname(name)]!(join(folder, name));
    }
    expect(readdirSync('.')).not.toContain('ldc_fixture_executed.txt');
  });
});
