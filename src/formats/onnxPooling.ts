/** Adaptive average pooling in ONNX, which has no such operator: in plain ones that mean the same for a known input size. */
import type { OnnxInitializer, OnnxNode } from './onnx.js';

/** Part of a graph. */
export interface OnnxPart {
  nodes: OnnxNode[];
  initializers: OnnxInitializer[];
}

export interface AdaptivePooling {
  /** Name of a float32 tensor `[N,C,...from]`. */
  input: string;
  /** Name of the result `[N,C,...to]`; other names that the part makes begin with it. */
  output: string;
  /** Height and width. */
  from: readonly [number, number];
  to: readonly [number, number];
}

/**
 * Bin i of the result averages rows floor(i*from/to) to ceil((i+1)*from/to) - 1, columns likewise (PyTorch's definition, also where the
 * result is the larger one). Three cases need no more than one plain operator: equal sizes (Identity), sizes that divide (AveragePool
 * without overlap), and growth by a power of two (each element repeated: nearest Resize). All others are a product with one averaging
 * matrix a side. Growth by other factors is among them because Resize divides in float32 and may round an index down.
 */
export function adaptiveAveragePool({ input, output, from, to }: AdaptivePooling): OnnxPart {
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
  return byMatrices({ input, output, from, to });
}

/** rows · input · columns, with broadcasting over images and channels. */
function byMatrices({ input, output, from, to }: AdaptivePooling): OnnxPart {
  const [rows, half, columns] = [`${output}.rows`, `${output}.pooled_rows`, `${output}.columns`];
  return {
    nodes: [
      { op: 'MatMul', inputs: [rows, input], outputs: [half] },
      { op: 'MatMul', inputs: [half, columns], outputs: [output] },
    ],
    initializers: [
      { name: rows, dtype: 'F32', shape: [to[0], from[0]], data: averagingMatrix(from[0], to[0], false) },
      { name: columns, dtype: 'F32', shape: [from[1], to[1]], data: averagingMatrix(from[1], to[1], true) },
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
