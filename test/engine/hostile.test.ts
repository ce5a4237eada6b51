/**
 * Wrong calls of the addon: each must throw, or do something harmless, and the device must work afterwards. Every kernel is
 * called once as it should be, then with each argument replaced in turn by things that have no business there. A crash would
 * end the test process.
 */
import { describe, expect, it } from 'vitest';
import { addon, type Handle, type Kernels, type NativeDevice } from '../../src/engine/native.js';

const { Device } = addon();
const device: NativeDevice = new Device('cpu', 2);

const [F32, I32, U8, BF16] = [0, 1, 2, 3];
const [DENSE, FEATURES, PACKED] = [0, 1, 2];

/** Tensors with values: nothing below reads what was never written. */
function create(dtype: number, layout: number, shape: number[]): Handle {
  const handle = device.create(dtype, layout, shape);
  if (layout === DENSE) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    device.upload(handle, dtype === U8 ? new Uint8Array(size) : new Int32Array(size));
  } else if (layout === FEATURES && dtype === F32) {
    device.fill(handle, 0.5);
  }
  return handle;
}

const dense = (...shape: number[]) => create(F32, DENSE, shape);
const maps = (...shape: number[]) => create(F32, FEATURES, shape);
const labels = (...shape: number[]) => create(I32, DENSE, shape);
const bytes = (...shape: number[]) => create(U8, FEATURES, shape);

const conv = { height: 5, width: 6, stride: 1, padding: 1, algorithm: 1, dtype: 0, descriptor: 1, constant: 0.5 };

const freed = dense(3, 4);
device.release(freed);

/** Kinds of arguments. What is listed as wrong must throw; what is listed as odd must not crash. */
const never: unknown[] = ['text', {}, [], Symbol('s'), 5n, () => 0, true];
const huge = [2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e300, Number.POSITIVE_INFINITY];
const badHandles = [...never, freed, 0, -1, 0.5, Number.NaN, ...huge];
const vectors = () => [labels(3), labels(3, 1), dense(3)];
const wrongTensors = () => [
  labels(4),
  create(U8, DENSE, [2, 2, 2, 3]),
  create(F32, PACKED, [7]),
  dense(1, 2, 3, 4, 5),
  maps(5, 7, 11, 13),
];
const badLists = (): unknown[] => [
  ...never.filter((each) => !Array.isArray(each)),
  null,
  undefined,
  1,
  [freed],
  [[dense(2)]],
  [null],
  new Array(1e6),
];
const kinds: Record<string, { wrong: () => unknown[]; odd: unknown[] }> = {
  tensor: { wrong: () => [...badHandles, null, undefined, ...wrongTensors(), dense()], odd: [] },
  // A floating point tensor of any shape.
  free: { wrong: () => [...badHandles, null, undefined, labels(3), create(F32, PACKED, [7])], odd: [] },
  scalar: { wrong: () => [...badHandles, null, undefined, ...wrongTensors(), ...vectors()], odd: [] },
  labels: { wrong: () => [...badHandles, null, undefined, ...wrongTensors(), ...vectors().slice(1)], odd: [] },
  optional: { wrong: () => [...badHandles, ...wrongTensors(), dense()], odd: [null, undefined] },
  optionalScalar: { wrong: () => [...badHandles, ...wrongTensors(), ...vectors()], odd: [null, undefined] },
  list: { wrong: () => [...badLists(), [dense(2, 2, 2)]], odd: [] },
  // Of dense tensors of any shape.
  freeList: { wrong: () => badLists(), odd: [] },
  integer: { wrong: () => [...never, null, undefined, Number.NaN, 0.5, ...huge], odd: [0, -1, 1, 2, 1000] },
  unsigned: { wrong: () => [...never, null, undefined, Number.NaN, 0.5, -1, ...huge.slice(1)], odd: [0, 2 ** 31] },
  number: { wrong: () => [...never, null, undefined], odd: [Number.NaN, ...huge, 0, -1] },
  // Anything is true or false.
  flag: { wrong: () => [], odd: [...never, null, undefined, Number.NaN] },
  triple: {
    wrong: () => [...never, null, undefined, [1, 2], [1, 2, 3, 4], [1, 2, 'c'], 7],
    odd: [[Number.NaN, 0, 1e300]],
  },
  convolution: {
    wrong: () => [
      ...never,
      null,
      undefined,
      3,
      ...Object.keys(conv).flatMap((key) => [
        ...[undefined, null, 'x', {}].map((value) => ({ ...conv, [key]: value })),
        ...(key === 'constant'
          ? []
          : [Number.NaN, -1, 2 ** 31, 2 ** 53, 1e300, 0.5].map((value) => ({ ...conv, [key]: value }))),
      ]),
      { ...conv, stride: 0 },
      { ...conv, height: 0 },
      {
        ...conv,
        get width(): number {
          throw new RangeError('a getter');
        },
      },
    ],
    odd: [
      { ...conv, algorithm: 2 },
      { ...conv, constant: Number.NaN },
    ],
  },
};

const packed = (pass: number) => create(F32, PACKED, [device.conv2d_packed_elements(conv, 3, 2, 3, pass)]);

/** A kernel's arguments: kind and a maker of a valid value. */
type Argument = [kind: keyof typeof kinds, valid: () => unknown];
const tensor = (valid: () => unknown): Argument => ['tensor', valid];
const free = (valid: () => unknown): Argument => ['free', valid];
const optional = (valid: () => unknown): Argument => ['optional', valid];
const list = (valid: () => unknown): Argument => ['list', valid];
const integer = (valid: number): Argument => ['integer', () => valid];
const unsigned = (valid: number): Argument => ['unsigned', () => valid];
const number = (valid: number): Argument => ['number', () => valid];
const flag: Argument = ['flag', () => true];
const triple: Argument = ['triple', () => [1, 2, 3]];
const convolution: Argument = ['convolution', () => conv];

const matrix = () => dense(3, 4);
const image = () => maps(2, 3, 5, 6);
const channels = () => dense(3);
const scalar = () => dense();
const parameters = () => [dense(2, 2), dense(5)];
const heads = () => [dense(1, 4), dense(1, 4)];
const input = () => maps(2, 2, 5, 6);
const weight = () => dense(3, 2, 3, 3);
const pairs = () => dense(3, 2);
const pooled = () => maps(2, 3, 3, 3);
const alike = (...names: (() => unknown)[]) => names.map((name) => tensor(name));

const kernels: Record<keyof Kernels, Argument[]> = {
  fill: [free(image), number(1)],
  scale: [tensor(matrix), number(2), tensor(matrix)],
  add: alike(image, image, image),
  accumulate: alike(image, image),
  multiply: alike(matrix, matrix, matrix),
  multiply_scalar: [tensor(image), ['scalar', scalar], tensor(image)],
  relu_forward: alike(image, image),
  relu_backward: alike(image, image, image),

  to_features: alike(() => dense(2, 3, 5, 6), image),
  to_dense: alike(image, () => dense(2, 3, 5, 6)),
  convert: alike(image, () => create(BF16, FEATURES, [2, 3, 5, 6])),
  images_to_features: [tensor(() => create(U8, DENSE, [2, 5, 6, 3])), triple, triple, tensor(image)],
  copy_channels: [tensor(image), integer(0), tensor(() => maps(2, 4, 5, 6)), integer(1), integer(3)],

  dropout_mask: [free(matrix), number(0.5), unsigned(1), unsigned(4), number(3)],

  conv2d_packed_elements: [convolution, integer(3), integer(2), integer(3), integer(0)],
  conv2d_pack: [
    convolution,
    tensor(weight),
    tensor(pairs),
    tensor(() => dense(1)),
    integer(0),
    tensor(() => packed(0)),
  ],
  conv2d_forward: [convolution, tensor(input), tensor(() => packed(0)), integer(3), optional(channels), tensor(image)],
  conv2d_data_grad: [convolution, tensor(image), tensor(() => packed(1)), integer(3), tensor(input)],
  conv2d_weight_grad: [
    convolution,
    ...alike(input, image, weight, pairs, () => dense(1), weight),
    optional(pairs),
    optional(() => dense(1)),
    optional(channels),
  ],

  batch_norm_moments: [tensor(image), number(1e-5), number(0.1), ...alike(channels, channels, channels, channels)],
  batch_norm_inv_std: [tensor(channels), number(1e-5), tensor(channels)],
  batch_norm_forward: [
    tensor(image),
    ...alike(channels, channels, channels, channels),
    optional(image),
    flag,
    tensor(image),
  ],
  batch_norm_backward: [
    tensor(image),
    optional(image),
    ...alike(image, channels, channels, channels),
    flag,
    tensor(image),
    optional(image),
    ...alike(channels, channels),
  ],

  max_pool2d_forward: [
    tensor(image),
    integer(3),
    integer(2),
    integer(1),
    tensor(pooled),
    tensor(() => bytes(2, 3, 3, 3)),
  ],
  max_pool2d_backward: [
    tensor(pooled),
    tensor(() => {
      const taps = bytes(2, 3, 3, 3);
      device.max_pool2d_forward(image(), 3, 2, 1, pooled(), taps);
      return taps;
    }),
    integer(3),
    integer(2),
    integer(1),
    tensor(image),
  ],
  adaptive_avg_pool2d_forward: [tensor(image), tensor(() => maps(2, 5, 4, 4)), integer(1)],
  adaptive_avg_pool2d_backward: [tensor(() => maps(2, 5, 4, 4)), integer(1), tensor(image)],
  global_avg_pool_forward: alike(image, () => dense(2, 3)),
  global_avg_pool_backward: alike(() => dense(2, 3), image),
  resize_bilinear: alike(image, () => maps(2, 3, 7, 4)),
  rotate: [tensor(image), ['labels', () => labels(3)], tensor(() => dense(3, 2)), flag, tensor(() => maps(3, 3, 5, 6))],
  resized_crop: [tensor(image), tensor(() => labels(4, 6)), tensor(() => maps(4, 3, 7, 4))],
  mix_colours: [tensor(image), tensor(() => dense(2, 10)), tensor(image)],

  linear_forward: [...alike(matrix, () => dense(5, 4)), optional(() => dense(5)), tensor(() => dense(3, 5))],
  linear_data_grad: alike(
    () => dense(3, 5),
    () => dense(5, 4),
    matrix,
  ),
  linear_weight_grad: [
    ...alike(
      matrix,
      () => dense(3, 5),
      () => dense(5, 4),
    ),
    optional(() => dense(5)),
  ],
  feature_norm_forward: alike(matrix, matrix),
  feature_norm_backward: alike(matrix, matrix, matrix),
  l2_normalize_forward: [tensor(matrix), number(1e-12), tensor(matrix)],
  l2_normalize_backward: [tensor(matrix), tensor(matrix), number(1e-12), tensor(matrix)],
  take_rows: [tensor(matrix), tensor(() => labels(2)), tensor(() => dense(2, 4))],
  unit_columns: [free(matrix)],
  align_heads: [list(heads), number(0.9), number(1e-10), ['scalar', scalar]],

  log_softmax_forward: alike(matrix, matrix),
  log_softmax_backward: alike(matrix, matrix, matrix),
  cross_entropy: [tensor(matrix), ['labels', () => labels(3)], ['scalar', scalar], optional(matrix)],
  bce_with_logits: [tensor(channels), ['labels', () => labels(3)], ['scalar', scalar], optional(channels)],
  mse: [tensor(image), tensor(image), ['scalar', scalar], optional(image)],
  triplet: [
    tensor(matrix),
    ['labels', () => labels(3)],
    number(0.1),
    integer(0),
    flag,
    ['scalar', scalar],
    optional(matrix),
  ],
  supcon: [
    tensor(matrix),
    ['labels', () => labels(3)],
    number(0.1),
    number(0.07),
    ['scalar', scalar],
    optional(matrix),
  ],

  grad_cam: alike(image, image, () => maps(2, 1, 5, 6)),
  unit_range: alike(image, image),

  all_finite: [
    ['freeList', parameters],
    ['scalar', scalar],
  ],
  adam: [
    list(parameters),
    list(parameters),
    list(parameters),
    list(parameters),
    ...[1e-3, 0.9, 0.999, 1e-8, 0, 1].map(number),
    ['optionalScalar', scalar],
  ],
  sgd: [
    list(parameters),
    list(parameters),
    list(parameters),
    ...[0.1, 0.9, 0].map(number),
    flag,
    ['optionalScalar', scalar],
  ],
};

/** Where a value of the kind is acceptable after all, by kernel. */
type Loose = (...args: unknown[]) => unknown;
const call = (name: string, args: unknown[]) => (device[name as keyof Kernels] as Loose)(...args);

/** The device still computes. */
async function works(): Promise<boolean> {
  const [x, y] = [dense(2, 2), dense(2, 2)];
  device.upload(x, Float32Array.of(1, 2, 3, 4));
  device.scale(x, 2, y);
  const result = new Float32Array(await device.download(y));
  device.release(x);
  device.release(y);
  return result.join() === '2,4,6,8';
}

describe('kernels', () => {
  it('are all here', () => {
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(device)) as (keyof NativeDevice)[];
    const others = [
      'constructor',
      'create',
      'release',
      'upload',
      'prefetch',
      'download',
      'memory',
      'beginStep',
      'endStep',
      'profile',
      'graphs',
      'label',
      'takeTimes',
      'description',
      'threads',
    ];
    expect(methods.filter((name) => !others.includes(name)).sort()).toEqual(Object.keys(kernels).sort());
  });

  describe.each(Object.entries(kernels))('%s', (name, parameters) => {
    const valid = () => parameters.map(([, make]) => make());

    it('runs as it should', async () => {
      expect(() => call(name, valid())).not.toThrow();
      expect(await works()).toBe(true);
    });

    it('refuses another number of arguments', () => {
      const args = valid();
      expect(() => call(name, [])).toThrow();
      expect(() => call(name, args.slice(0, -1))).toThrow();
      if (name !== 'conv2d_packed_elements') expect(() => call(name, [...args, 1])).toThrow();
    });

    it.each(parameters.map(([kind], position) => ({ kind, position })))(
      'refuses a wrong $kind at $position',
      async ({ kind, position }) => {
        const accepted: unknown[] = [];
        const replace = (value: unknown) =>
          call(
            name,
            valid().map((given, i) => (i === position ? value : given)),
          );
        for (const value of kinds[kind]!.wrong()) {
          try {
            replace(value);
            accepted.push(value);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
        expect(accepted).toEqual([]);
        for (const value of kinds[kind]!.odd) {
          try {
            replace(value);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
        expect(await works()).toBe(true);
      },
    );
  });
});

describe('values', () => {
  const nothing = [Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, 1e-45];

  it('of labels outside of all classes give no number, and touch nothing', async () => {
    for (const label of [-1, 4, 2 ** 31 - 1, -(2 ** 31)]) {
      const [truth, loss] = [labels(3), scalar()];
      device.upload(truth, Int32Array.of(0, label, 1));
      device.cross_entropy(matrix(), truth, loss, matrix());
      expect(new Float32Array(await device.download(loss))[0], `label ${label}`).toBeNaN();
      expect(() => device.triplet(matrix(), truth, 0.1, 0, false, scalar(), matrix())).not.toThrow();
    }
    expect(await works()).toBe(true);
  });

  it('of pooling positions outside of all windows are ignored', async () => {
    const positions = create(U8, FEATURES, [2, 3, 3, 3]); // never written
    const dx = image();
    device.max_pool2d_backward(pooled(), positions, 3, 2, 1, dx);
    const values = dense(2, 3, 5, 6);
    device.to_dense(dx, values);
    expect(new Float32Array(await device.download(values)).every((value) => value >= 0 && value <= 4.5)).toBe(true);
  });

  it.each(nothing)('%f everywhere crash no kernel', async (value) => {
    const filled = (handle: unknown) => {
      if (typeof handle === 'number') {
        try {
          device.fill(handle, value);
        } catch {
          // Labels, bytes and packed weights keep theirs.
        }
      }
      return handle;
    };
    for (const [name, parameters] of Object.entries(kernels)) {
      const tensors = ['tensor', 'free', 'scalar', 'optional'];
      call(
        name,
        parameters.map(([kind, make]) => (tensors.includes(kind) ? filled(make()) : make())),
      );
    }
    expect(await works()).toBe(true);
  });
});

describe('the device', () => {
  const loose = device as unknown as Record<string, Loose>;

  it.each([[], ['gpu'], [5], ['cpu', -1], ['cpu', 5000], ['cpu', Number.NaN], ['cpu', 'two'], ['cpu', null]])(
    'is not made of %j',
    (...args) => {
      expect(() => new (Device as unknown as new (...args: unknown[]) => unknown)(...args)).toThrow();
    },
  );
  it('is made by new', () => expect(() => (Device as unknown as Loose)('cpu')).toThrow());

  it.each([
    [],
    [F32],
    [F32, DENSE],
    [3, DENSE, [2]],
    [-1, DENSE, [2]],
    [F32, 3, [2]],
    [F32, DENSE, 'shape'],
    [F32, DENSE, { length: 2 }],
    [F32, DENSE, [0]],
    [F32, DENSE, [-1]],
    [F32, DENSE, [1.5]],
    [F32, DENSE, [Number.NaN]],
    [F32, DENSE, ['2']],
    [F32, DENSE, [1, 1, 1, 1, 1, 1]],
    [F32, DENSE, new Array(5)],
    [F32, DENSE, new Array(2 ** 31)],
    [F32, FEATURES, [2, 2]],
    [F32, DENSE, [2 ** 53]],
    [F32, DENSE, [2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40]],
    [F32, FEATURES, [2 ** 20, 17, 2 ** 10, 2 ** 9]],
  ])('creates nothing from %j', (...args) => {
    const before = device.memory();
    expect(() => loose.create!(...args)).toThrow();
    expect(device.memory()).toEqual(before);
  });

  it('releases only what lives', () => {
    for (const value of [...badHandles, null, undefined]) expect(() => loose.release!(value)).toThrow();
    expect(() => loose.release!()).toThrow();
    const once = dense(2);
    device.release(once);
    expect(() => device.release(once)).toThrow('not live');
  });

  it('does not know the tensors of another device', () => {
    const other = new Device('cpu', 1);
    expect(() => other.fill(matrix(), 1)).toThrow('not live');
    other.create(F32, DENSE, [2]);
    expect(() => other.fill(matrix(), 1)).toThrow('not live');
  });

  it('takes only bytes that fit', async () => {
    const x = dense(4);
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    const wrong = [
      ...never,
      null,
      undefined,
      new Float32Array(3),
      new Float64Array(4),
      new ArrayBuffer(16),
      new DataView(new ArrayBuffer(16)),
      detached,
    ];
    for (const value of [...wrong, new Float32Array(new SharedArrayBuffer(16))]) {
      expect(() => loose.upload!(x, value)).toThrow();
    }
    for (const handle of [...badHandles, image(), packed(0)])
      expect(() => loose.upload!(handle, new Float32Array(4))).toThrow();
    device.upload(x, new Float32Array([9, 1, 2, 3, 4, 9]).subarray(1, 5));
    expect([...new Float32Array(await device.download(x))]).toEqual([1, 2, 3, 4]);
  });

  it('fetches only arrays ahead', async () => {
    for (const value of [...never, null, undefined, new ArrayBuffer(16), new DataView(new ArrayBuffer(16))]) {
      expect(() => loose.prefetch!(value)).toThrow();
    }
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    loose.prefetch!(detached);
    loose.prefetch!(new Float32Array(0));
    expect(await works()).toBe(true);
  });

  it('keeps what was uploaded when the array changes afterwards', async () => {
    const [x, host] = [dense(3), Float32Array.of(1, 2, 3)];
    device.upload(x, host);
    host.fill(0);
    expect([...new Float32Array(await device.download(x))]).toEqual([1, 2, 3]);
  });

  it('gives only what lives, whole and in its order', async () => {
    for (const value of [...badHandles, null, undefined, image(), packed(0)])
      expect(() => loose.download!(value)).toThrow();
    const x = dense(2);
    const results = [1, 2, 3].map((value) => {
      device.fill(x, value);
      return device.download(x);
    });
    device.release(x); // the copies were asked for before
    expect((await Promise.all(results)).map((buffer) => new Float32Array(buffer)[1])).toEqual([1, 2, 3]);
  });

  it('has methods that stay with it', () => {
    for (const receiver of [{}, undefined, Object.create(device), Device.prototype]) {
      expect(() => device.fill.call(receiver as NativeDevice, dense(1), 1)).toThrow();
      expect(() => device.memory.call(receiver as NativeDevice)).toThrow();
    }
  });

  it('gives NaN for a loss that its labels do not define', async () => {
    const [rows, labels] = [dense(3, 2), create(I32, DENSE, [3])];
    device.upload(labels, Int32Array.of(0, 1, 2)); // no class; a label that stands once
    const losses = [dense(), dense()] as const;
    device.cross_entropy(rows, labels, losses[0], null);
    device.supcon(rows, labels, 0.1, 0.07, losses[1], null);
    for (const loss of losses) expect(new Float32Array(await device.download(loss))[0]).toBeNaN();
  });

  it('survives odd labels and profiling', async () => {
    expect(() => loose.label!(Symbol('s'))).toThrow();
    loose.label!('x'.repeat(1e6));
    loose.label!();
    loose.profile!('yes');
    device.fill(dense(2), 1);
    expect(device.takeTimes().map(({ name }) => name)).toContain('fill');
    device.profile(false);
    device.takeTimes();
    expect(await works()).toBe(true);
  });
});
