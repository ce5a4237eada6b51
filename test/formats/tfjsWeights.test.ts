import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTfjsWeights } from '../../src/formats/tfjsWeights.js';

describe('weights of TensorFlow.js', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ldc-tfjs-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const weights = [
    { name: 'a', shape: [2, 2], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.5, min: -1 } },
    { name: 'b', shape: [1], dtype: 'float32' },
  ];
  const bytes = [0, 1, 2, 255, ...new Uint8Array(Float32Array.of(3.25).buffer)];

  async function write(content: readonly number[], list: unknown = [{ paths: ['1.bin', '2.bin'], weights }]) {
    const manifest = join(folder, 'm-weights_manifest.json');
    await writeFile(manifest, JSON.stringify(list));
    await writeFile(join(folder, '1.bin'), Uint8Array.from(content.slice(0, 3)));
    await writeFile(join(folder, '2.bin'), Uint8Array.from(content.slice(3)));
    return readTfjsWeights(manifest);
  }

  it('are read over the borders of their files, quantised or not', async () => {
    const read = await write(bytes);
    expect(read.get('a')).toEqual({ shape: [2, 2], data: Float32Array.of(-1, -0.5, 0, 126.5) });
    expect(read.get('b')).toEqual({ shape: [1], data: Float32Array.of(3.25) });
  });

  it('are refused when bytes are missing or left, or the manifest is another file', async () => {
    await expect(write(bytes.slice(0, -1))).rejects.toThrow('end before b');
    await expect(write([...bytes, 0])).rejects.toThrow('longer than it says');
    await expect(write(bytes, { paths: [] })).rejects.toThrow('no list of weights that is understood');
  });
});
