/** Small ONNX models that ldc did not write: the means of the channels, a linear layer, and what the model itself applies to it. */
import { encodeOnnx, type OnnxModel, type OnnxValue } from '../../../src/formats/onnx.js';

export interface MeanModel {
  size: number | 'free';
  layout: 'nchw' | 'nhwc';
  dtype?: 'F32' | 'F16' | 'U8';
  /** Free unless told. */
  batch?: number;
  /** [3][K] and [K]. */
  weight: number[][];
  bias: number[];
  head?: 'Softmax' | 'Sigmoid';
  input?: string;
  output?: string;
  /** The means, as an output that stands before the one that counts. */
  first?: string;
  /** Type of the outputs. */
  half?: boolean;
}

export function meanModel(model: MeanModel): Uint8Array {
  const { layout, dtype = 'F32', batch, weight, bias, head, input = 'pixels', output = 'output', first } = model;
  const side = model.size === 'free' ? ['height', 'width'] : [model.size, model.size];
  const n = batch ?? 'N';
  const classes = bias.length;
  const last = head === undefined && !model.half ? output : 'logits';
  const value = (name: string, count: number): OnnxValue => ({
    name,
    dtype: model.half ? 'F16' : 'F32',
    shape: [n, count],
  });
  const nodes: OnnxModel['nodes'] = [
    { op: 'Cast', inputs: [input], outputs: ['wide'], attributes: { to: { int: 1 } } },
    {
      op: 'ReduceMean',
      inputs: ['wide'],
      outputs: ['means'],
      attributes: { axes: { ints: layout === 'nchw' ? [2, 3] : [1, 2] }, keepdims: { int: 0 } },
    },
    { op: 'Gemm', inputs: ['means', 'weight', 'bias'], outputs: [last] },
  ];
  if (head !== undefined) nodes.push({ op: head, inputs: ['logits'], outputs: [model.half ? 'single' : output] });
  if (model.half) {
    nodes.push({
      op: 'Cast',
      inputs: [head ? 'single' : 'logits'],
      outputs: [output],
      attributes: { to: { int: 10 } },
    });
  }
  if (first !== undefined) nodes.push({ op: 'Identity', inputs: ['means'], outputs: [first] });
  return encodeOnnx({
    name: 'means',
    producer: { name: 'somebody', version: '1' },
    inputs: [{ name: input, dtype, shape: layout === 'nchw' ? [n, 3, ...side] : [n, ...side, 3] }],
    outputs: [...(first === undefined ? [] : [{ ...value(first, 3), dtype: 'F32' as const }]), value(output, classes)],
    nodes,
    initializers: [
      { name: 'weight', dtype: 'F32', shape: [3, classes], data: Float32Array.from(weight.flat()) },
      { name: 'bias', dtype: 'F32', shape: [classes], data: Float32Array.from(bias) },
    ],
    metadata: {},
  });
}
