/** Any single changed byte of a sealed file is noticed, wherever it is. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js';
import { checkSeal, writeSealed } from '../../src/formats/sealed.js';

const folder = await mkdtemp(join(tmpdir(), 'ldc-sealed-'));
afterAll(() => rm(folder, { recursive: true }));
const path = join(folder, 'x.safetensors');
const tensors = [
  { name: 'w', dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  { name: 'n', dtype: 'I64', shape: [], data: BigInt64Array.of(7n) },
] as const;
const metadata = { epoch: '3', network: 'ldcnet' };

it('every changed byte is noticed, and a file without a seal is let through', async () => {
  const seal = await writeSealed(path, tensors, metadata);
  expect(await checkSeal(await readSafetensors(path))).toBe(seal);
  const bytes = await readFile(path);
  let harmless = 0;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << (at % 8);
    await writeFile(path, changed);
    try {
      await checkSeal(await readSafetensors(path));
      harmless++;
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  }
  // A letter of the seal's own name makes it another entry: then nothing is known; blanks of the padding mean nothing.
  expect(harmless).toBeLessThan(24);
  for (const cut of [9, 100, bytes.length - 1]) {
    await writeFile(path, bytes.subarray(0, cut));
    await expect(readSafetensors(path)).rejects.toThrow(UserError);
  }
  await writeSafetensors(path, tensors, metadata);
  expect(await checkSeal(await readSafetensors(path))).toBeUndefined();
});

it('equal content has equal seals, and what differs has not', async () => {
  const seal = (name: string, value: string) =>
    writeSealed(path, [{ ...tensors[0], name }], { ...metadata, epoch: value });
  expect(await seal('w', '3')).toBe(await seal('w', '3'));
  expect(await seal('w', '4')).not.toBe(await seal('w', '3'));
  expect(await seal('v', '3')).not.toBe(await seal('w', '3'));
});
