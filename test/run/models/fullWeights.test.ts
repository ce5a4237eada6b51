import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { readSafetensors, type SafetensorsFile } from '../../../src/formats/safetensors.js';
import { LdcNet } from '../../../src/method/ldcnet/network.js';
import { saveModel } from '../../../src/run/checkpoint.js';
import { convertFull } from '../../../src/run/models/fullWeights.js';
import { temporaryFolder } from '../../data/helpers.js';

const table = fileURLToPath(new URL('../../fixtures/ldcnet_state_dict.json', import.meta.url));

it("our checkpoint in full has the released network's names, shapes and types, with constants and second names", async () => {
  const folder = await temporaryFolder();
  const [ours, full] = [join(folder, 'ours.safetensors'), join(folder, 'full.safetensors')];
  const net = new LdcNet(await openDevice('cpu'), { conv: { kind: 'ldc', theta: 0.7 }, mapSize: 32, seed: 3 });
  await saveModel(ours, net, {});
  net.dispose();
  expect(await convertFull(ours, full, () => {})).toMatchObject({ tensors: 218, ignored: [] });
  const [written, saved] = [await readSafetensors(full), await readSafetensors(ours)];
  const { entries } = JSON.parse(await readFile(table, 'utf8'));
  const wanted = entries.map(({ name, shape, dtype }: { name: string; shape: number[]; dtype: string }) => {
    return [name, { shape, dtype: dtype === 'int64' ? 'I64' : 'F32' }];
  });
  expect(written.names.map((name) => [name, written.info(name)])).toEqual(wanted);
  // Millions of values: compared as bytes, not one by one.
  const bytesOf = async (file: SafetensorsFile, name: string) => {
    const { data } = await file.tensor(name);
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  };
  const same = async (name: string, source: string) =>
    (await bytesOf(written, name)).equals(await bytesOf(saved, source));
  for (const name of saved.names) expect(await same(name, name), name).toBe(true);
  expect(await same('backbone.bottleneck_layer.0.weight', 'backbone.bottleneck_layer_fc.weight')).toBe(true);
  const { data } = await written.tensor('backbone.layer1.0.base_mask1');
  expect((data as Float32Array).every((value) => value === 1)).toBe(true);
});

it('between vanilla and cdc the file does not decide, and nor do its names', async () => {
  const folder = await temporaryFolder();
  const [foreign, full] = [join(folder, 'foreign.safetensors'), join(folder, 'full.safetensors')];
  const net = new LdcNet(await openDevice('cpu'), { conv: { kind: 'cdc', theta: 0.7 }, mapSize: 32, seed: 3 });
  const names = net.state().map(({ name }) => name);
  await saveModel(foreign, net, {});
  net.dispose();
  expect(await convertFull(foreign, full, () => {})).toMatchObject({ tensors: names.length, ignored: [] });
  expect((await readSafetensors(full)).names.toSorted()).toEqual(names.toSorted());
});
