import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readState } from '../../src/formats/stateFile.js';
import { convertTorch } from '../../src/formats/torch.js';

const folder = mkdtempSync(join(tmpdir(), 'ldc-state-'));
afterAll(() => rmSync(folder, { recursive: true }));
const original = join(import.meta.dirname, '../fixtures/files/module_state.tar');

it('reads both kinds of files the same way, whatever their names', async () => {
  const converted = join(folder, 'weights.pth');
  await convertTorch(original, converted);
  const [torch, safe] = [await readState(original), await readState(converted)];
  expect([torch.format, safe.format]).toEqual(['torch', 'safetensors']);
  expect([torch.metadata, safe.metadata]).toEqual([{}, { format: 'pt' }]);
  expect(safe.names).toEqual(torch.names);
  for (const name of torch.names) {
    expect(safe.info(name)).toEqual(torch.info(name));
    expect(await safe.tensor(name)).toEqual(await torch.tensor(name));
  }
  expect([torch.has('0.weight'), safe.has('0.weight'), safe.has('1')]).toEqual([true, true, false]);
});

it('refuses other files', async () => {
  const path = join(folder, 'text.safetensors');
  writeFileSync(path, 'this is a text and not a file of weights');
  await expect(readState(path)).rejects.toThrow('is not a safetensors file or a PyTorch checkpoint: it is a text file');
  await expect(readState(folder)).rejects.toThrow('is not a file');
});
