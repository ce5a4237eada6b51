/** Checkpoints saved by real PyTorch, where there is one. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { bytesOf } from '../../src/formats/dtype.js';
import { readSafetensors } from '../../src/formats/safetensors.js';
import { readState } from '../../src/formats/stateFile.js';
import { convertTorch, readTorch, torchDtypeNames } from '../../src/formats/torch.js';
import { pythonWith, titled } from '../peers.js';

const { python, noPython } = pythonWith('torch');

describe.skipIf(noPython)(titled('checkpoints of real PyTorch', noPython), () => {
  const folder = mkdtempSync(join(tmpdir(), 'ldc-torch-'));
  let expected: Record<string, Record<string, [string, number[], string]>> = {};
  beforeAll(() => {
    const made = spawnSync(python, [join(import.meta.dirname, 'torch_files.py'), folder], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('read bit by bit, and so do they when converted', async () => {
    expect(Object.keys(expected).length).toBeGreaterThan(14);
    for (const [name, tensors] of Object.entries(expected)) {
      const output = join(folder, 'converted.safetensors');
      await convertTorch(join(folder, name), output);
      for (const file of [await readTorch(join(folder, name)), await readSafetensors(output)]) {
        expect(file.names, name).toEqual(Object.keys(tensors));
        for (const [key, [dtype, shape, hex]] of Object.entries(tensors)) {
          const tensor = await file.tensor(key);
          expect([torchDtypeNames[tensor.dtype], tensor.shape], `${name} ${key}`).toEqual([dtype, shape]);
          expect(Buffer.from(bytesOf(tensor.data)).toString('hex'), `${name} ${key}`).toBe(hex);
        }
      }
      const [original, converted] = [await readState(join(folder, name)), await readState(output)];
      expect([original.format, converted.format]).toEqual(['torch', 'safetensors']);
      expect(converted.names).toEqual(original.names);
    }
  });

  it.each([
    ['refused_module.pth', /holds no state dict, but an object of "torch\.nn\.modules\.container\.Sequential"/],
    ['refused_tensor.pth', /holds no state dict/],
    ['refused_several.pth', /several state dicts, such as "a" and "b"/],
    ['refused_complex.pth', /ComplexFloatStorage/],
    ['refused_script.pth', /refers to "__torch__/],
  ])('%s is refused', async (name, message) => {
    const error = await readTorch(join(folder, name)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });
});
