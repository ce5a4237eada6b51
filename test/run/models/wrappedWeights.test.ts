import { describe, expect, it } from 'vitest';
import type { ModelFile } from '../../../src/run/checkpoint.js';
import { unwrapped } from '../../../src/run/models/wrappedWeights.js';

const file = (names: string[], taken = ''): ModelFile => ({
  origin: 'FILE',
  names,
  metadata: {},
  taken,
  shape: (name) => [names.indexOf(name)],
  values: async (name) => [names.indexOf(name)],
});
const wanted = new Set(['fc.weight', 'conv.weight']);

describe('a network that somebody wrapped', () => {
  it.each<[string, string[], string]>([
    ['not at all', ['conv.weight', 'fc.weight'], ''],
    ['once', ['model.conv.weight', 'model.fc.weight'], 'model.'],
    [
      'in something of any name, among other things',
      ['loss.centre', 'spoof_net.a.conv.weight', 'spoof_net.a.fc.weight'],
      'spoof_net.a.',
    ],
    ['beside a smaller one', ['head.fc.weight', 'net.conv.weight', 'net.fc.weight'], 'net.'],
  ])('%s', async (_, names, prefix) => {
    const notes: string[] = [];
    const own = unwrapped(file(names), wanted, (text) => notes.push(text));
    expect([...own.names].sort()).toEqual(['conv.weight', 'fc.weight']);
    expect(await own.values('fc.weight')).toEqual([names.indexOf(`${prefix}fc.weight`)]);
    expect(own.shape('conv.weight')).toEqual([names.indexOf(`${prefix}conv.weight`)]);
    expect(notes).toEqual(prefix === '' ? [] : [`FILE: "${prefix}" in front of the names is taken off`]);
  });

  it('says what was taken off when the file was opened as well', () => {
    const notes: string[] = [];
    unwrapped(file(['model.fc.weight'], 'module.'), wanted, (text) => notes.push(text));
    expect(notes).toEqual(['FILE: "module.model." in front of the names is taken off']);
  });

  it('and that is there twice, or not at all', () => {
    const two = file(['model.fc.weight', 'ema.fc.weight']);
    expect(() => unwrapped(two, wanted, () => {})).toThrow('several such networks, behind "model." and "ema."');
    const none = file(['other.weight']);
    expect(unwrapped(none, wanted, () => {})).toBe(none);
  });
});
