/** Adaptive average pooling in ONNX, which has no such operator: in plain ones that mean the same for a known input size. */
import { toFloat16 } from './dtype.js';
import type { OnnxInitializer, OnnxNode, OnnxPart } from './onnx.js';

export interface AdaptivePooling {
  /** Name of a tensor `[N,C,...from]`. */
  input: string;
  /** Name of the result `[N,C,...to]`; other names that the part makes begin with it. */
  output: string;
  /** Height and width. */
  from: readonly [number, number];
  to: readonly [number, number];
  /** Type of input and result; float32 unless told. */
  dtype?: 'F32' | 'F16';
}

/**
 * Bin i of the result averages rows floor(i*from/to) to ceil((i+1)*from/to) - 1, columns likewise (PyTorch's definition, also where the
 * result is the larger one). Three cases need no more than one plain operator: equal sizes (Identity), sizes that divide (AveragePool
 * without overlap), and growth by a power of two (each element repeated: nearest Resize). All others are a product with one averaging
 * matrix a side. Growth by other factors is among them because Resize divides in float32 and may round an index down.
 */
export function adaptiveAveragePool({ input, output, from, to, dtype = 'F32' }: AdaptivePooling): OnnxPart {
  const node = (op: string, attributes: OnnxNode['attributes'], ...more: string[]): OnnxNode => {
    return { op, inputs: [input, ...more], outputs: [output], ...(attributes && { attributes }) };
  };
  if (from.every((extent, axis) => extent === to[axis])) {
    return { nodes: [node('Identity', undefined)], initializers: [] };
  }
  if (from.every((extent, axis) => extent % to[axis]! === 0)) {
    const window = from.map((extent, axis) => extent / to[axis]!);
    return {
      nodes: [node('AveragePool', { kernel_shape: { ints: window }, strides: { ints: window } })],
      initializers: [],
    };
  }
  const factors = to.map((extent, axis) => extent / from[axis]!);
  if (factors.every((factor) => Number.isInteger(Math.log2(factor)) && factor >= 1)) {
    const nearest = {
      mode: { text: 'nearest' },
      coordinate_transformation_mode: { text: 'asymmetric' },
      nearest_mode: { text: 'floor' },
    };
    const scales = `${output}.scales`;
    return {
      nodes: [node('Resize', nearest, '', scales)],
      initializers: [{ name: scales, dtype: 'F32', shape: [4], data: Float32Array.of(1, 1, ...factors) }],
    };
  }
  return byMatrices({ input, output, from, to, dtype });
}

/** rows · input · columns, with broadcasting over images and channels. */
function byMatrices({ input, output, from, to, dtype }: Required<AdaptivePooling>): OnnxPart {
  const [rows, half, columns] = [`${output}.rows`, `${output}.pooled_rows`, `${output}.columns`];
  const matrix = (name: string, shape: number[], values: Float32Array): OnnxInitializer => {
    return { name, dtype, shape, data: dtype === 'F16' ? toFloat16(values) : values };
  };
  return {
    nodes: [
      { op: 'MatMul', inputs: [rows, input], outputs: [half] },
      { op: 'MatMul', inputs: [half, columns], outputs: [output] },
    ],
    initializers: [
      matrix(rows, [to[0], from[0]], averagingMatrix(from[0], to[0], false)),
      matrix(columns, [from[1], to[1]], averagingMatrix(from[1], to[1], true)),
    ],
  };
}

/** `[to,from]`, or its transpose: row i holds 1/n at the n elements of bin i. */
function averagingMatrix(from: number, to: number, transposed: boolean): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let bin = 0; bin < to; bin++) {
    const begin = Math.floor((bin * from) / to);
    const end = Math.ceil(((bin + 1) * from) / to);
    for (let k = begin; k < end; k++) matrix[transposed ? k * to + bin : bin * from + k] = 1 / (end - begin);
  }
  return matrix;
}
