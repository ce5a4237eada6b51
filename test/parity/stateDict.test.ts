/** All networks have the names, order, shapes and roles of the published checkpoints. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { ErmNet } from '../../src/method/erm/network.js';
import { ActivationNet } from '../../src/method/ldcnet/activationNet.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';
import { SafasNet } from '../../src/method/safas/network.js';
import { SsdgNet } from '../../src/method/ssdg/network.js';

const device = openDevice('cpu');
const networks = {
  ldcnet: () => new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: 32, seed: 1 }),
  amodel: () => new ActivationNet(device, { seed: 1 }),
  erm: () => new ErmNet(device, { seed: null }),
  ssdg: () => new SsdgNet(device, { seed: null }),
  safas: () => new SafasNet(device, { heads: 3, seed: null }),
};

describe.each(Object.entries(networks))('%s', (name, create) => {
  it('has the entries of the checkpoint', () => {
    const folder = ['ldcnet', 'amodel'].includes(name) ? 'fixtures' : 'fixtures-methods';
    const path = new URL(`../${folder}/${name}_state_dict.json`, import.meta.url);
    const { entries } = JSON.parse(readFileSync(path, 'utf8')) as {
      entries: { name: string; shape: number[]; dtype: string; trainable: boolean; shares_storage_with?: string }[];
    };
    const state = create().state();
    expect(
      state.map(({ name, shape, trainable, counter, sameAs, unused }) => ({
        name,
        shape,
        dtype: counter === undefined ? 'float32' : 'int64',
        trainable,
        shares_storage_with: sameAs,
        unused,
      })),
    ).toEqual(entries.map((entry) => ({ shares_storage_with: undefined, unused: undefined, ...entry })));
  });
});
