/** Both networks have the names, order, shapes and roles of the published checkpoints. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { ActivationNet } from '../../src/method/ldcnet/activationNet.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';

const device = openDevice('cpu');
const networks = {
  ldcnet: () => new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: 32, seed: 1 }),
  amodel: () => new ActivationNet(device, { seed: 1 }),
};

describe.each(Object.entries(networks))('%s', (name, create) => {
  it('has the entries of the checkpoint', () => {
    const path = new URL(`../fixtures/${name}_state_dict.json`, import.meta.url);
    const { entries } = JSON.parse(readFileSync(path, 'utf8')) as {
      entries: { name: string; shape: number[]; dtype: string; trainable: boolean; shares_storage_with?: string }[];
    };
    const state = create().state();
    expect(
      state.map(({ name, shape, trainable, counter, sameAs }) => ({
        name,
        shape,
        dtype: counter === undefined ? 'float32' : 'int64',
        trainable,
        shares_storage_with: sameAs,
      })),
    ).toEqual(entries.map((entry) => ({ shares_storage_with: undefined, ...entry })));
  });
});
