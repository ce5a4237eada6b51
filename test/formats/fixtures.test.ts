/** The reader cases of the parity fixtures, bit by bit. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { readNpy } from '../../src/formats/npy.js';
import { type FileTensor, readSafetensors, toFloat32 } from '../../src/formats/safetensors.js';
import { convertTorch, readTorch, torchDtypeNames } from '../../src/formats/torch.js';

interface Case {
  id: string;
  op: string;
  attrs: { path: string; descr: string };
  file: string;
  outputs: Record<string, string>;
  stored_dtype: Record<string, string>;
  expect_error?: boolean;
}

const fixtures = join(import.meta.dirname, '../fixtures');
const cases = JSON.parse(readFileSync(join(fixtures, 'manifest.json'), 'utf8')).cases as Case[];
const [good, bad] = [false, true].map((refused) => (op: string) => {
  return cases
    .filter((one) => one.op === op && Boolean(one.expect_error) === refused)
    .map((one) => [one.id, one] as const);
});
const folder = mkdtempSync(join(tmpdir(), 'ldc-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Half types are stored widened among the expected tensors. */
async function expectEqual(got: FileTensor, one: Case, key: string): Promise<void> {
  const want = await (await readSafetensors(join(fixtures, one.file))).tensor(key);
  const widened = want.dtype === got.dtype ? got.data : toFloat32(got);
  expect(got.shape).toEqual(want.shape);
  expect(widened.constructor).toBe(want.data.constructor);
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength);
  expect(bytes(widened).equals(bytes(want.data))).toBe(true);
}

describe('checkpoints', () => {
  it.each(good!('read_checkpoint'))('%s', async (_, one) => {
    const file = await readTorch(join(fixtures, one.attrs.path));
    expect(file.names).toEqual(Object.keys(one.outputs));
    for (const [name, key] of Object.entries(one.outputs)) {
      const tensor = await file.tensor(name);
      expect(torchDtypeNames[tensor.dtype]).toBe(one.stored_dtype[name]);
      await expectEqual(tensor, one, key);
    }
  });

  it.each(good!('read_checkpoint'))('%s converted', async (_, one) => {
    const output = join(folder, 'converted.safetensors');
    await convertTorch(join(fixtures, one.attrs.path), output);
    const file = await readSafetensors(output);
    expect(file.names).toEqual(Object.keys(one.outputs));
    for (const [name, key] of Object.entries(one.outputs)) {
      const tensor = await file.tensor(name);
      expect(torchDtypeNames[tensor.dtype]).toBe(one.stored_dtype[name]);
      await expectEqual(tensor, one, key);
    }
  });

  it.each(bad!('read_checkpoint'))('%s is refused', async (_, one) => {
    const path = join(fixtures, one.attrs.path);
    const output = join(folder, 'refused.safetensors');
    const error = await convertTorch(path, output).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('\n');
    expect(existsSync(output)).toBe(false);
    expect(existsSync('ldc_fixture_executed.txt')).toBe(false);
  });
});

describe('arrays', () => {
  it.each(good!('read_npy'))('%s', async (_, one) => {
    await expectEqual(await readNpy(join(fixtures, one.attrs.path)), one, one.outputs.array!);
  });

  it.each(bad!('read_npy'))('%s is refused', async (_, one) => {
    const path = join(fixtures, one.attrs.path);
    const error = await readNpy(path).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(path);
  });
});
