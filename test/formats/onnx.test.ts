import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { decodeOnnx, encodeOnnx, type OnnxModel } from '../../src/formats/onnx.js';
import { adaptiveAveragePool } from '../../src/formats/onnxPooling.js';

/** Reproducible numbers in [-1, 1). */
function noise(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Every operator an exported network needs, small: convolution, pooling, a head with softmax. */
function smallModel(): OnnxModel {
  return {
    name: 'small',
    producer: { name: 'ldcnet', version: '0' },
    inputs: [{ name: 'image', dtype: 'F32', shape: ['N', 2, 8, 8] }],
    outputs: [
      { name: 'score', dtype: 'F32', shape: ['N'] },
      { name: 'map', dtype: 'F32', shape: ['N', 6, 4, 4] },
    ],
    nodes: [
      {
        op: 'Conv',
        inputs: ['image', 'w', 'b'],
        outputs: ['conv'],
        attributes: { kernel_shape: { ints: [3, 3] }, pads: { ints: [1, 1, 1, 1] }, strides: { ints: [1, 1] } },
      },
      { op: 'Relu', inputs: ['conv'], outputs: ['relu'] },
      {
        op: 'MaxPool',
        inputs: ['relu'],
        outputs: ['max'],
        attributes: { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } },
      },
      { op: 'Concat', inputs: ['max', 'max'], outputs: ['map'], attributes: { axis: { int: 1 } } },
      { op: 'GlobalAveragePool', inputs: ['map'], outputs: ['mean'] },
      { op: 'Flatten', inputs: ['mean'], outputs: ['flat'], attributes: { axis: { int: 1 } } },
      {
        op: 'Gemm',
        inputs: ['flat', 'head'],
        outputs: ['logits'],
        attributes: { transB: { int: 1 }, alpha: { float: 0.5 } },
      },
      { op: 'Softmax', inputs: ['logits'], outputs: ['probability'], attributes: { axis: { int: 1 } } },
      { op: 'Gather', inputs: ['probability', 'live'], outputs: ['score'], attributes: { axis: { int: 1 } } },
    ],
    initializers: [
      { name: 'w', dtype: 'F32', shape: [3, 2, 3, 3], data: noise(54, 1) },
      { name: 'b', dtype: 'F32', shape: [3], data: noise(3, 2) },
      { name: 'head', dtype: 'F32', shape: [2, 6], data: noise(12, 3) },
      { name: 'live', dtype: 'I64', shape: [], data: BigInt64Array.of(1n) },
    ],
    metadata: { threshold: '0.5', note: 'ä' },
  };
}

/** The same network from its definition, in double precision. */
function smallScore(image: Float32Array): number {
  const [w, b, head] = [noise(54, 1), noise(3, 2), noise(12, 3)];
  const relu = (c: number, y: number, x: number) => {
    let sum = b[c]!;
    for (let i = 0; i < 2; i++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if (y + dy < 0 || y + dy > 7 || x + dx < 0 || x + dx > 7) continue;
          sum += w[((c * 2 + i) * 3 + dy + 1) * 3 + dx + 1]! * image[(i * 8 + y + dy) * 8 + x + dx]!;
        }
      }
    }
    return Math.max(0, sum);
  };
  const mean = [0, 1, 2].map((c) => {
    let sum = 0;
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 4; x++) {
        const near = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [2 * y + dy, 2 * x + dx] as const));
        sum += Math.max(...near.filter(([v, u]) => v >= 0 && u >= 0).map(([v, u]) => relu(c, v, u)));
      }
    }
    return sum / 16;
  });
  const [spoof, live] = [0, 1].map((k) => {
    return 0.5 * mean.reduce((sum, value, c) => sum + value * (head[k * 6 + c]! + head[k * 6 + 3 + c]!), 0);
  });
  return 1 / (1 + Math.exp(spoof! - live!));
}

describe('a written model', () => {
  it('runs in onnxruntime for any batch size and gives what its graph means', async () => {
    const session = await InferenceSession.create(encodeOnnx(smallModel()), { intraOpNumThreads: 1 });
    for (const batch of [1, 3]) {
      const images = noise(batch * 128, 9);
      const { score, map } = await session.run({ image: new Tensor('float32', images, [batch, 2, 8, 8]) });
      expect(score!.dims).toEqual([batch]);
      expect(map!.dims).toEqual([batch, 6, 4, 4]);
      for (let n = 0; n < batch; n++) {
        expect(score!.data[n]).toBeCloseTo(smallScore(images.subarray(n * 128, (n + 1) * 128)), 6);
      }
    }
    await session.release();
  });

  it('has the same bytes each time and reads back as it was', () => {
    const bytes = encodeOnnx(smallModel());
    expect(Buffer.from(bytes).equals(encodeOnnx(smallModel()))).toBe(true);
    expect(decodeOnnx(bytes, 'small.onnx')).toEqual(smallModel());
  });

  it('is not written when its graph does not hold together', () => {
    const change = (edit: (model: OnnxModel) => void) => () => {
      const model = smallModel();
      edit(model);
      encodeOnnx(model);
    };
    expect(change((m) => m.nodes.reverse())).toThrow('which nothing before it makes');
    expect(change((m) => m.nodes.push(m.nodes[0]!))).toThrow('"conv" twice');
    expect(change((m) => m.outputs.push({ name: 'lost', dtype: 'F32', shape: [1] }))).toThrow(
      'the output needs "lost"',
    );
    expect(change((m) => m.initializers[0]!.shape.push(2))).toThrow('came with 216 bytes');
  });
});

describe('a damaged model is refused', () => {
  it('cut short, text, empty', () => {
    const bytes = encodeOnnx(smallModel());
    for (const damaged of [bytes.subarray(0, bytes.length - 9), Buffer.from('not a model'), new Uint8Array()]) {
      expect(() => decodeOnnx(damaged, 'x.onnx')).toThrow(UserError);
    }
  });
});

describe('adaptive average pooling', () => {
  const sizes: [number, number, string[]][] = [
    [64, 32, ['AveragePool']],
    [32, 32, ['Identity']],
    [16, 32, ['Resize']],
    [8, 32, ['Resize']],
    [56, 32, ['MatMul', 'MatMul']],
    [28, 32, ['MatMul', 'MatMul']],
    [5, 15, ['MatMul', 'MatMul']],
    [1, 32, ['Resize']],
  ];
  it.each(sizes)('%d to %d is %j', async (from, to, ops) => {
    await compare([from, from], [to, to], ops);
  });

  it('takes sides of different length', async () => {
    await compare([64, 32], [32, 32], ['AveragePool']);
    await compare([64, 16], [32, 32], ['MatMul', 'MatMul']);
    await compare([3, 7], [2, 9], ['MatMul', 'MatMul']);
  });
});

async function compare(from: [number, number], to: [number, number], ops: string[]): Promise<void> {
  const part = adaptiveAveragePool({ input: 'x', output: 'y', from, to });
  expect(part.nodes.map((node) => node.op)).toEqual(ops);
  const bytes = encodeOnnx({
    name: 'pool',
    producer: { name: 'ldcnet', version: '0' },
    inputs: [{ name: 'x', dtype: 'F32', shape: ['N', 2, ...from] }],
    outputs: [{ name: 'y', dtype: 'F32', shape: ['N', 2, ...to] }],
    ...part,
    metadata: {},
  });
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const x = noise(2 * 2 * from[0] * from[1], 5);
  const { y } = await session.run({ x: new Tensor('float32', x, [2, 2, ...from]) });
  await session.release();
  expect(y!.dims).toEqual([2, 2, ...to]);
  const got = y!.data as Float32Array;
  let worst = 0;
  for (let k = 0; k < got.length; k++) {
    const plane = Math.floor(k / (to[0] * to[1]));
    const [i, j] = [Math.floor(k / to[1]) % to[0], k % to[1]];
    worst = Math.max(worst, Math.abs(got[k]! - binMean(x, plane, from, to, i, j)));
  }
  expect(worst).toBeLessThan(1e-6);
}

function binMean(x: Float32Array, plane: number, from: number[], to: number[], i: number, j: number): number {
  const bin = (index: number, axis: number) => [
    Math.floor((index * from[axis]!) / to[axis]!),
    Math.ceil(((index + 1) * from[axis]!) / to[axis]!),
  ];
  const [[top, bottom], [left, right]] = [bin(i, 0), bin(j, 1)] as [[number, number], [number, number]];
  let sum = 0;
  for (let v = top; v < bottom; v++) {
    for (let u = left; u < right; u++) sum += x[(plane * from[0]! + v) * from[1]! + u]!;
  }
  return sum / ((bottom - top) * (right - left));
}
