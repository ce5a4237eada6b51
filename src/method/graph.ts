/** Networks as ONNX graphs for evaluation: plain Conv, Relu, pooling and Gemm; descriptors and batch normalisation are folded away. */
import type { StateSource } from '../engine/nn/module.js';
import { toFloat16 } from '../formats/dtype.js';
import type { OnnxAttribute, OnnxNode, OnnxPart } from '../formats/onnx.js';
import { adaptiveAveragePool } from '../formats/onnxPooling.js';
import type { ConvForm } from './descriptiveConv.js';
import { featureSize } from './embedding.js';
import { type ConvNames, foldedConv, tensorOf } from './foldedConv.js';
import { liveClass, type NetworkGraph } from './method.js';
import { stages } from './resnet18.js';

export interface GraphOptions {
  conv: ConvForm;
  /** Height and width of the images. */
  imageSize: number;
  /** Adds the output `feature` [N,512]. */
  feature: boolean;
  /**
   * Convolutions from layer1 on in float16. The stem (which sees the smallest numbers) and the head (which sums squares) stay float32,
   * and so do the input and the outputs.
   */
  half: boolean;
}

/** `TensorProto.DataType` as `Cast` takes it. */
const castTo = { float32: 1, float16: 10 } as const;

/** A value of the graph with its height and width. */
export interface Layer {
  name: string;
  size: number;
}

/**
 * ResNet-18: the outputs of layer1 … layer4.
 * @param nameOf the network's name of what torchvision calls `layer1.0.conv1`
 */
export async function resnetGraph(graph: Graph, nameOf: (name: string) => string): Promise<Layer[]> {
  const stem = { weight: nameOf('conv1.weight'), batchNorm: nameOf('bn1') };
  let size = halved(graph.options.imageSize);
  let x = await graph.conv('image', 'stem', [64, 3, 7], 2, stem, { relu: true, float32: true });
  size = halved(size);
  x = graph.node('MaxPool', [x], 'stem.pool', windows(3, 2, 1));
  x = graph.toBody(x);
  const layers: Layer[] = [];
  let inn = 64;
  for (const [i, [out, stride]] of stages.entries()) {
    for (const j of [0, 1]) {
      x = await basicBlock(graph, nameOf, x, `layer${i + 1}.${j}`, [out, j === 0 ? inn : out], j === 0 ? stride : 1);
    }
    if (stride === 2) size = halved(size);
    inn = out;
    layers.push({ name: x, size });
  }
  return layers;
}

async function basicBlock(
  graph: Graph,
  nameOf: (name: string) => string,
  x: string,
  name: string,
  [out, inn]: readonly [number, number],
  stride: number,
): Promise<string> {
  const prefix = nameOf(name);
  const names = (i: 1 | 2) => ({
    weight: `${prefix}.conv${i}.weight`,
    descriptor: { mask: `${prefix}.learnable_mask${i}`, theta: `${prefix}.theta${i}` },
    batchNorm: `${prefix}.bn${i}`,
  });
  let y = await graph.conv(x, `${name}.conv1`, [out, inn, 3], stride, names(1), { relu: true });
  y = await graph.conv(y, `${name}.conv2`, [out, out, 3], 1, names(2));
  let shortcut = x;
  if (stride !== 1 || inn !== out) {
    const down = { weight: `${prefix}.downsample.0.weight`, batchNorm: `${prefix}.downsample.1` };
    shortcut = await graph.conv(x, `${name}.downsample`, [out, inn, 1], stride, down);
  }
  return graph.node('Relu', [graph.node('Add', [y, shortcut], `${name}.sum`)], name);
}

/** Collects nodes and constants. Values are named after what makes them. */
export class Graph {
  readonly nodes: OnnxPart['nodes'] = [];
  readonly initializers: OnnxPart['initializers'] = [];

  constructor(
    readonly state: StateSource,
    readonly options: GraphOptions,
  ) {}

  /** Adds a node with one output and returns the output's name. */
  node(op: string, inputs: string[], output: string, attributes?: OnnxNode['attributes']): string {
    this.nodes.push({ op, inputs, outputs: [output], ...(attributes && { attributes }) });
    return output;
  }

  constant(name: string, shape: number[], values: ArrayLike<number>, half = false): void {
    const data = Float32Array.from(values);
    this.initializers.push(
      half ? { name, dtype: 'F16', shape, data: toFloat16(data) } : { name, dtype: 'F32', shape, data },
    );
  }

  /** A convolution that keeps the size (at stride 1), folded. @param shape [O,I,K] */
  async conv(
    x: string,
    name: string,
    [out, inn, kernel]: readonly [number, number, number],
    stride: number,
    names: ConvNames,
    { relu = false, float32 = false } = {},
  ): Promise<string> {
    const half = this.options.half && !float32;
    const { weight, bias } = await foldedConv(this.state, this.options.conv, [out, inn, kernel], names);
    const inputs = [x, `${name}.weight`];
    this.constant(`${name}.weight`, [out, inn, kernel, kernel], weight, half);
    if (bias !== undefined) {
      inputs.push(`${name}.bias`);
      this.constant(`${name}.bias`, [out], bias, half);
    }
    const padding = (kernel - 1) / 2;
    this.node('Conv', inputs, name, windows(kernel, stride, padding));
    return relu ? this.node('Relu', [name], `${name}.relu`) : name;
  }

  /** Adaptive average pooling to size × size. */
  pool({ name, size }: Layer, output: string, to: number): string {
    const dtype = this.options.half ? 'F16' : 'F32';
    const part = adaptiveAveragePool({ input: name, output, from: [size, size], to: [to, to], dtype });
    this.nodes.push(...part.nodes);
    this.initializers.push(...part.initializers);
    return output;
  }

  /** The mean over pixels [N,512] of layer4. */
  mean({ name }: Layer, output = 'mean.flat'): string {
    const mean = this.node('GlobalAveragePool', [this.toFloat32(name)], 'mean');
    return this.node('Flatten', [mean], output, { axis: { int: 1 } });
  }

  /** x Wᵀ + b with constants of these values. @param shape [O,I] */
  linear(
    x: string,
    name: string,
    shape: readonly [number, number],
    weight: ArrayLike<number>,
    bias: ArrayLike<number> | undefined,
    output = name,
  ): string {
    this.constant(`${name}.weight`, [...shape], weight);
    if (bias !== undefined) this.constant(`${name}.bias`, [shape[0]], bias);
    const inputs = [x, `${name}.weight`, ...(bias === undefined ? [] : [`${name}.bias`])];
    return this.node('Gemm', inputs, output, { transB: { int: 1 } });
  }

  /** The linear layer of that name in the state. @param shape [O,I] */
  async layer(
    x: string,
    name: string,
    inState: string,
    shape: readonly [number, number],
    output = name,
  ): Promise<string> {
    const weight = await tensorOf(this.state, `${inState}.weight`, shape);
    return this.linear(x, name, shape, weight, await tensorOf(this.state, `${inState}.bias`, [shape[0]]), output);
  }

  /** x / max(‖x‖₂, 1e-12) by rows; `root`: x / √(2 · max(‖x‖₂, 1e-12)). */
  normalized(x: string, output: string, { root }: { root: boolean }): string {
    this.constant('smallest_norm', [], [1e-12]);
    const norm = this.node('ReduceL2', [x], 'norm', { axes: { ints: [1] }, keepdims: { int: 1 } });
    const clamped = this.node('Max', [norm, 'smallest_norm'], 'norm.clamped');
    if (!root) return this.node('Div', [x, clamped], output);
    this.constant('two', [], [2]);
    const doubled = this.node('Mul', [clamped, 'two'], 'norm.doubled');
    return this.node('Div', [x, this.node('Sqrt', [doubled], 'norm.root')], output);
  }

  /** The output `score` [N] from logits [N,2]. */
  softmaxScore(logits: string): void {
    this.node('Softmax', [logits], 'probability', { axis: { int: 1 } });
    this.initializers.push({ name: 'live', dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(liveClass)) });
    this.node('Gather', ['probability', 'live'], 'score', { axis: { int: 1 } });
  }

  /** The finished graph with its outputs: `score`, those of `more`, and `feature` [N,512] where it is wanted. */
  finished(more: NetworkGraph['outputs'] = []): NetworkGraph {
    const { imageSize, feature } = this.options;
    return {
      inputs: [{ name: 'image', dtype: 'F32', shape: ['N', 3, imageSize, imageSize] }],
      outputs: [
        { name: 'score', dtype: 'F32', shape: ['N'] },
        ...more,
        ...(feature ? [{ name: 'feature', dtype: 'F32' as const, shape: ['N', featureSize] }] : []),
      ],
      nodes: this.nodes,
      initializers: this.initializers,
    };
  }

  /** Enters the part of the network that may be float16. */
  toBody(x: string): string {
    return this.options.half ? this.node('Cast', [x], `${x}.half`, { to: { int: castTo.float16 } }) : x;
  }

  /** Leaves it. */
  toFloat32(x: string): string {
    return this.options.half ? this.node('Cast', [x], `${x}.float`, { to: { int: castTo.float32 } }) : x;
  }
}

function windows(kernel: number, stride: number, padding: number): Record<string, OnnxAttribute> {
  return {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: [padding, padding, padding, padding] },
  };
}

/** Size behind a layer of stride 2 with padding (K − 1) / 2. */
function halved(size: number): number {
  return Math.ceil(size / 2);
}
