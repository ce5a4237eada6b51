import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { PickleCutShort, type PickleRules, unpickle, type Value } from '../../src/formats/pickle.js';
import { torchRules } from '../../src/formats/torchValues.js';
import { pickle } from './build.js';

const rules: PickleRules = {
  path: 'FILE',
  global: (name) => (name === 'a.f' ? { kind: 'callable', name, call: (args) => args.length } : undefined),
  persistent: (id) => ['persistent', id],
};
const load = (bytes: string | Uint8Array): Value => unpickle(Buffer.from(bytes as string, 'latin1'), 0, rules).value;

describe('values', () => {
  it.each<[string, string, Value]>([
    ['integers', 'J\xff\xff\xff\xff', -1],
    ['bytes as integers', 'K\xff', 255],
    ['two bytes', 'M\x00\x01', 256],
    ['empty long', '\x8a\x00', 0],
    ['negative long', '\x8a\x01\xfe', -2],
    ['long beyond 2^53', '\x8b\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00', 2n ** 63n],
    ['double', 'G\x40\x09\x21\xfb\x54\x44\x2d\x18', Math.PI],
    ['text', 'X\x02\x00\x00\x00\xc3\xbc', 'ü'],
    ['short text', '\x8c\x01a', 'a'],
    ['long text', '\x8d\x01\x00\x00\x00\x00\x00\x00\x00a', 'a'],
    ['text of Python 2', 'U\x01\xfc', 'ü'],
    ['list', '](K\x01K\x02eK\x03a', [1, 2, 3]],
    ['tuples', '(K\x01tK\x02\x86', [[1], 2]],
    [
      'dictionary',
      '}K\x01K\x02s(K\x03K\x04u',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    ['dictionary from a mark', '(K\x01K\x02d', new Map([[1, 2]])],
    ['frozen set', '(K\x01\x91', [1]],
    ['memo', ']\x94h\x00\x86', [[], []]],
    ['frame', '\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01', 1],
    ['stack', 'K\x01K\x020(K\x0312\x86', [1, 1]],
    ['a call', 'ca\nf\n(K\x01K\x02tR', 2],
    ['a call by stack name', '\x8c\x01a\x8c\x01f\x93)\x81', 0],
    ['a persistent identifier', 'K\x07Q', ['persistent', 7]],
  ] as [string, string, Value][])('%s', (_, bytes, value) => {
    expect(load(`\x80\x02${bytes}.`)).toEqual(value);
  });

  it('several in a row', () => {
    const bytes = Buffer.concat([pickle(1), pickle('x')]);
    const first = unpickle(bytes, 0, rules);
    expect([first.value, unpickle(bytes, first.end, rules)]).toEqual([1, { value: 'x', end: bytes.length }]);
  });
});

describe('what is refused', () => {
  it.each([
    ['a name that is not on the list', 'cos\nsystem\n', '"os.system"'],
    ['the same by stack name', '\x8c\x02os\x8c\x06system\x93', '"os.system"'],
    ['a name with control characters', 'co\x1b[2J\nx\n', '\\u001b'],
    ['a name that is none', 'K\x01K\x02\x93', 'without a name'],
    ['INST', '(ios\nsystem\n', 'opcode 0x69'],
    ['OBJ', '(K\x01o', 'opcode 0x6f'],
    ['EXT1', '\x82\x01', 'opcode 0x82'],
    ['NEWOBJ_EX', 'ca\nf\n)}\x92', 'opcode 0x92'],
    ['a call of a number', 'K\x01)R', 'calls a number'],
    ['a call without a tuple', 'ca\nf\nK\x01R', 'with a number'],
    ['attributes of a number', 'K\x01}b', 'attributes on a number'],
    ['an item of a list', ']K\x01K\x02s', 'items of a list'],
    ['appending to text', 'U\x01aK\x01a', 'appends to a string'],
    ['an odd dictionary', '}(K\x01u', 'key without a value'],
    ['an empty stack', '', 'empty stack'],
    ['reaching below a mark', 'K\x01(0', 'empty stack'],
    ['a mark never set', 'K\x01e', 'never opened'],
    ['an empty memo', 'h\x05', 'never remembered'],
    ['protocol 6', '\x80\x06N', 'protocol 6'],
    ['a huge integer', '\x8b\xff\xff\xff\x7f', 'integer of 2147483647 bytes'],
  ])('%s', (_, bytes, message) => {
    expect(() => load(`\x80\x02${bytes}.`)).toThrow(UserError);
    expect(() => load(`\x80\x02${bytes}.`)).toThrow(message);
  });

  it('lengths beyond the end, and no end', () => {
    for (const bytes of ['X\xff\xff\xff\xff', '\x8d\xff\xff\xff\xff\xff\xff\xff\xff', 'K', 'cno end', 'N', '']) {
      expect(() => load(`\x80\x02${bytes}`)).toThrow(PickleCutShort);
    }
  });

  it('what would fill the memory: containers, memo slots, stacked values and marks by the million', () => {
    for (const filler of ['}', ']', ')', 'N\x94', 'N\x85', 'C\x00', 'N', '(', 'G\x00\x00\x00\x00\x00\x00\x00\x00']) {
      const bytes = Buffer.from(filler.repeat(3_000_000), 'latin1');
      expect(() => load(bytes)).toThrow(UserError);
    }
  });

  it('depth and cycles are no danger', () => {
    const deep = load(Buffer.from(`N${'\x85'.repeat(900_000)}.`, 'latin1'));
    expect(Array.isArray(deep)).toBe(true);
    const cycle = load(']q\x00h\x00a.') as Value[];
    expect(cycle[0]).toBe(cycle);
    expect(() => load(Buffer.from(`N${'\x85'.repeat(900_000)}N\x93.`, 'latin1'))).toThrow('without a name');
  });
});

describe('the allow-list of PyTorch', () => {
  it.each([
    'os.system',
    'posix.system',
    'builtins.eval',
    'builtins.getattr',
    '__builtin__.exec',
    'torch.load',
    'torch.hub.load',
    'torch.storage._load_from_bytes',
    'torch._utils._rebuild_tensor_v2.__globals__',
    'torch.FloatStorage.from_file',
    'torch.x.FloatStorage',
    'toString',
    '__proto__.x',
    'constructor',
  ])('holds no %s', (name) => {
    expect(torchRules('FILE').global(name)).toBeUndefined();
  });
});
