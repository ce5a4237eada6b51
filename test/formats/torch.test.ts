/** Checkpoints that PyTorch would not write: hostile, damaged, big-endian, compressed. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { convertTorch, readTorch } from '../../src/formats/torch.js';
import { checkpoint, type EntrySketch, opcodes, pickle, type Sketch, tensor, zip } from './build.js';

const folder = mkdtempSync(join(tmpdir(), 'ldc-torch-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(content: Uint8Array): string {
  const path = join(folder, 'made.pth');
  writeFileSync(path, content);
  return path;
}

const read = (content: Uint8Array) => readTorch(fileOf(content));

/** The error of reading and converting `content`, which must be a sentence and leave nothing behind. */
async function refusal(content: Uint8Array): Promise<string> {
  const path = fileOf(content);
  const error = await convertTorch(path, join(folder, 'out', 'x.safetensors')).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toContain(path);
  expect(error.message).not.toContain('\n');
  expect(readdirSync(folder)).toEqual(['made.pth']);
  return error.message.replace(path, 'FILE');
}

const four = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const vector = tensor({ count: 4, shape: [4], stride: [1] });
const values = Float32Array.of(1, 2, 3, 4);
const state = (...entries: [Sketch, Sketch][]) => new Map<Sketch, Sketch>(entries);

describe('where the state dict is', () => {
  const inner = state(['w', vector]);
  it.each<[string, Sketch, string[]]>([
    ['the file itself', inner, ['w']],
    ['an entry of a usual name', state(['epoch', 3], ['model', inner]), ['w']],
    ['within another', state(['model', state(['state_dict', inner])]), ['w']],
    ['beside a tensor', state(['loss', vector], ['state_dict', inner]), ['w']],
    ['the only dictionary of tensors', state(['epoch', 3], ['mine', inner], ['options', state(['a', 1])]), ['w']],
    ['with a prefix that all have', state(['module.a', vector], ['module.b', vector]), ['a', 'b']],
    [
      'with the prefixes of wrappers, one in another',
      state(['module._orig_mod.a', vector], ['module._orig_mod.b', vector]),
      ['a', 'b'],
    ],
    [
      'of Lightning, which keeps the network as an attribute',
      state(['pytorch-lightning_version', '2'], ['state_dict', state(['net._orig_mod.a', vector])]),
      ['a'],
    ],
    ['with a prefix that may be of the network itself', state(['model.a', vector]), ['model.a']],
    ['with a prefix that some have', state(['module.a', vector], ['b', vector]), ['module.a', 'b']],
    ['listed twice', state(['one', { raw: twice(inner) }]), ['w']],
  ])('%s', async (_, root, names) => {
    const file = await read(checkpoint(root, four));
    expect(file.names).toEqual(names);
    expect((await file.tensor(names[0]!)).data).toEqual(values);
  });

  it('says what it passed over, and what is not there', async () => {
    const file = await read(checkpoint(state(['w', vector], ['epoch', 3], [7, vector]), four));
    expect([file.names, file.skipped]).toEqual([['w'], ['epoch', '7']]);
    await expect(file.tensor('epoch')).rejects.toThrow(UserError);
    expect(await refusal(checkpoint(state(['a', inner], ['b', state(['v', vector])]), four))).toContain(
      'several state dicts',
    );
    expect(await refusal(checkpoint(state(['epoch', 3]), four))).toContain('no state dict');
    expect(await refusal(checkpoint(vector, four))).toContain('no state dict');
  });
});

/** `value` once built, remembered and recalled: one object under two names. */
function twice(value: Sketch): Buffer {
  return Buffer.concat([
    opcodes(value),
    Buffer.from('q\x07'),
    opcodes(null),
    Buffer.from('0h\x07\x86', 'latin1'),
    Buffer.from('0h\x07', 'latin1'),
  ]);
}

describe('objects beside the weights', () => {
  const text = (value: string) => Buffer.from(value, 'latin1');
  const weights = (beside: Sketch) => state(['cfg', beside], ['state_dict', state(['w', vector])]);
  /** An EasyDict: made without arguments, then filled as a dictionary and given attributes. */
  const filled = Buffer.concat([
    text('ceasydict\nEasyDict\n)\x81(X\x02\x00\x00\x00lrK\x01u'),
    text('}X\x01\x00\x00\x00aK\x02sb'),
  ]);
  const list = text('cmine\nSizes\n)\x81(K\x01K\x02e');
  it.each<[string, Sketch, string]>([
    ['a path', { call: 'pathlib.PosixPath', args: ['/', 'runs'] }, 'pathlib.PosixPath'],
    ['a date', { call: 'datetime.datetime', args: ['\x07'] }, 'datetime.datetime'],
    ['a dictionary with a class', { raw: filled }, 'easydict.EasyDict'],
    ['a list with a class', { raw: list }, 'mine.Sizes'],
    ['options of a script', { call: '__main__._Options', args: [] }, '__main__._Options'],
    [
      'one in another',
      { call: 'omegaconf.DictConfig', args: [{ call: 'uuid.UUID', args: [] }] },
      'omegaconf.DictConfig',
    ],
  ])('are passed over and named: %s', async (_, beside, name) => {
    const file = await read(checkpoint(weights(beside), four));
    expect(file.names).toEqual(['w']);
    expect((await file.tensor('w')).data).toEqual(values);
    expect(file.passedOver).toContain(name);
  });

  it.each([
    'subprocess.Popen',
    'io.FileIO',
    '_io.FileIO',
    'os.PathLike',
    'types.CodeType',
    'shutil.rmtree',
    'my.function',
  ])('are refused where they act or are functions: %s', async (name) => {
    expect(await refusal(checkpoint(weights({ call: name, args: ['x'] }), four))).toContain(`"${name}"`);
  });

  it('alone are no weights', async () => {
    const object: Sketch = { call: 'mine.Network', args: [] };
    expect(await refusal(checkpoint(object, four))).toBe('FILE holds no state dict, but an object of "mine.Network"');
  });
});

describe('containers', () => {
  it('in big-endian byte order', async () => {
    const swapped = Buffer.from(four).swap32();
    const order: EntrySketch = { name: 'archive/byteorder', data: Buffer.from('big') };
    const path = fileOf(checkpoint(state(['w', vector]), swapped, [order]));
    expect((await (await readTorch(path)).tensor('w')).data).toEqual(values);
    const file = await readTorch(path);
    for await (const piece of file.pieces('w')) expect(Buffer.from(piece)).toEqual(Buffer.from(four));
    order.data = Buffer.from('middle');
    expect(await refusal(checkpoint(state(['w', vector]), four, [order]))).toContain('byte order is "middle"');
  });

  it('zip64 and compressed entries', async () => {
    const entries: EntrySketch[] = [
      { name: 'x/data.pkl', data: pickle(state(['w', vector])) },
      { name: 'x/data/0', data: four },
    ];
    for (const how of [{ zip64: true }, { deflate: true }, { zip64: true, deflate: true }]) {
      const file = await read(zip(entries.map((entry) => ({ ...entry, ...how }))));
      expect((await file.tensor('w')).data).toEqual(values);
    }
  });

  it('a bomb: compressed entries unfold no further than the tensors need', async () => {
    const bomb = (size: number) => {
      const data = { name: 'x/data/0', data: new Uint8Array(2 ** 25), deflate: true, lie: { size } };
      const root = state(['w', tensor({ count: size / 4, shape: [size / 4], stride: [1] })]);
      return zip([{ name: 'x/data.pkl', data: pickle(root) }, data]);
    };
    expect(await refusal(bomb(2 ** 25))).toContain('bytes of tensors out of');
    const path = fileOf(bomb(2 ** 20));
    await expect((await readTorch(path)).tensor('w')).rejects.toThrow('cannot be unpacked');
  });

  it('damaged archives', async () => {
    const pkl: EntrySketch = { name: 'x/data.pkl', data: pickle(state(['w', vector])) };
    const data: EntrySketch = { name: 'x/data/0', data: four };
    const lie = (what: EntrySketch['lie']) => refusal(zip([pkl, { ...data, lie: what }]));
    expect(await lie({ headerAt: 7 })).toContain('not where it should be');
    expect(await lie({ headerAt: 0xfffffff0 })).toContain('cut short');
    expect(await lie({ headerAt: 0xffffffff })).toContain('is missing');
    expect(await lie({ size: 2 ** 30, packedSize: 2 ** 30 })).toContain('has 1073741824 bytes');
    expect(await lie({ packedSize: 12 })).toContain('two different sizes');
    expect(await lie({ flags: 1 })).toContain('encrypted');
    expect(await lie({ method: 93 })).toContain('method 93');
    expect(await lie({ size: 12, packedSize: 12 })).toContain('has 12 bytes, its 4 elements need 16');
    expect(await refusal(zip([pkl, data, data]))).toContain('"x/data/0" twice');
    expect(await refusal(zip([pkl]))).toContain('storage "0" is missing');
    expect(await refusal(zip([data]))).toContain('no data.pkl');
    expect(await refusal(zip([]))).toContain('no data.pkl');
    const whole = zip([pkl, data]);
    expect(await refusal(whole.subarray(0, whole.length - 1))).toContain('directory of its zip archive is missing');
    expect(await refusal(Buffer.from('PK'))).toContain('directory of its zip archive is missing');
  });

  it('names that climb out of the archive find nothing', async () => {
    for (const key of ['../data.pkl', '/etc/passwd', '../../../../etc/passwd']) {
      expect(
        await refusal(checkpoint(state(['w', tensor({ key, count: 4, shape: [4], stride: [1] })]), four)),
      ).toContain('missing');
    }
  });

  it('legacy files whose storages do not fit', async () => {
    const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
    const storage = (count: bigint, bytes: Uint8Array) => {
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(count);
      return Buffer.concat([size, bytes]);
    };
    const legacy = (keys: Sketch, ...rest: Uint8Array[]) =>
      Buffer.concat([magic, ...[1001, new Map(), state(['w', vector]), keys].map(pickle), ...rest]);
    expect((await (await read(legacy(['0'], storage(4n, four)))).tensor('w')).data).toEqual(values);
    expect(await refusal(legacy(['0'], storage(2n ** 63n, four)))).toContain('has 9223372036854775808 elements, not 4');
    expect(await refusal(legacy(['0'], storage(4n, four.subarray(1))))).toContain('cut short inside storage');
    expect(await refusal(legacy([], storage(4n, four)))).toContain('storage "0" is missing');
    expect(await refusal(legacy(['1'], storage(4n, four)))).toContain('unknown storage');
    expect(await refusal(legacy(null, storage(4n, four)))).toContain('list of its storages');
    expect(await refusal(legacy(['0']))).toContain('cut short');
    expect(await refusal(pickle(7))).toContain('not a file of torch.save');
    expect(await refusal(Buffer.concat([magic, pickle(9)]))).toContain('unknown version');
    expect(await refusal(magic)).toContain('cut short inside its pickles');
  });
});

describe('tensors that are not what they say', () => {
  const one = (sketch: Partial<Parameters<typeof tensor>[0]>) =>
    checkpoint(state(['w', tensor({ count: 4, shape: [4], stride: [1], ...sketch })]), four);
  it.each<[string, Uint8Array, string]>([
    [
      'a terabyte of storage',
      one({ count: 2 ** 38, shape: [2 ** 38] }),
      'has 16 bytes, its 274877906944 elements need 1099511627776',
    ],
    ['a terabyte by repetition', one({ shape: [2 ** 38], stride: [0] }), 'asks for 1099511627776 bytes'],
    ['beyond its storage', one({ shape: [5] }), 'needs elements 0 to 5 of a storage of 4'],
    ['beyond by its offset', one({ offset: 1 }), 'needs elements 1 to 5'],
    ['beyond by its stride', one({ shape: [2], stride: [4] }), 'needs elements 0 to 5'],
    ['an offset below zero', one({ offset: -1 }), 'no valid offset'],
    ['a stride below zero', one({ stride: [-1] }), 'no valid shape'],
    ['an extent below zero', one({ shape: [-4] }), 'no valid shape'],
    ['half an element', one({ shape: [0.5] }), 'no valid shape'],
    ['an overflowing shape', one({ shape: [2 ** 40, 2 ** 40], stride: [0, 0] }), 'no valid shape'],
    ['an overflowing stride', one({ shape: [2 ** 50, 2], stride: [2 ** 50, 2 ** 50] }), 'needs elements'],
    ['too many axes', one({ shape: Array(65).fill(1), stride: Array(65).fill(1) }), 'no valid shape'],
    ['strides of another rank', one({ stride: [1, 1] }), 'no valid shape'],
    ['elements of a strange type', one({ type: 'QInt8Storage' }), 'QInt8Storage'],
    ['elements of no type', one({ type: 'toStringStorage' }), 'toStringStorage'],
    ['a storage below zero', one({ count: -4 }), 'not described as PyTorch does'],
  ])('%s', async (_, content, message) => {
    expect(await refusal(content)).toContain(message);
  });

  it('one storage read a thousand times over', async () => {
    const data = new Uint8Array(2 ** 16);
    const whole = tensor({ count: 2 ** 14, shape: [2 ** 14], stride: [1] });
    const many = state(...Array.from({ length: 1000 }, (_, k): [Sketch, Sketch] => [`w${k}`, whole]));
    expect(await refusal(checkpoint(many, data))).toContain('bytes of tensors out of');
  });

  it('a shape that grows after it was looked at', async () => {
    const grown = Buffer.concat([
      opcodes({ global: 'torch._utils._rebuild_tensor_v2' }),
      Buffer.from('('),
      opcodes({ persistent: ['storage', { global: 'torch.FloatStorage' }, '0', 'cpu', 4] }),
      opcodes(0),
      Buffer.from('](K\x04eq\x01(K\x01ttR', 'latin1'),
      Buffer.from('h\x01(M\xff\xffe0', 'latin1'),
    ]);
    const file = await read(checkpoint(state(['w', { raw: grown }]), four));
    expect(file.info('w').shape).toEqual([4]);
  });
});
