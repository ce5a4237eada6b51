/** LDCNet as an ONNX graph for evaluation: plain Conv, Relu, pooling and Gemm; descriptors and batch normalisation are folded away. */
import type { StateSource } from '../../engine/nn/module.js';
import { toFloat16 } from '../../formats/dtype.js';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxPart } from '../../formats/onnx.js';
import { adaptiveAveragePool } from '../../formats/onnxPooling.js';
import type { ConvForm } from '../descriptiveConv.js';
import { featureSize } from '../embedding.js';
import { type ConvNames, foldedConv, tensorOf } from '../foldedConv.js';
import { liveClass } from '../method.js';
import { stages } from '../resnet18.js';
import { catChannels } from './network.js';

export interface GraphOptions {
  conv: ConvForm;
  /** Height and width of the images. */
  imageSize: number;
  mapSize: number;
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

/**
 * The graph: input `image` [N,3,S,S], normalised; outputs `score` [N] (live), `live_map` and `spoof_map` [N,1,M,M], 0…255.
 * @param state LDCNet's tensors by the names of the released checkpoints
 * @throws UserError when a tensor is missing or has another shape
 */
export async function ldcNetGraph(
  state: StateSource,
  options: GraphOptions,
): Promise<Pick<OnnxModel, 'inputs' | 'outputs' | keyof OnnxPart>> {
  const { imageSize, mapSize } = options;
  const graph = new Graph(state, options);
  const maps = { dtype: 'F32', shape: ['N', 1, mapSize, mapSize] } as const;

  const layers = await backbone(graph);
  const pooled = layers.slice(0, 3).map((layer, i) => graph.pool(layer, `catfeat.layer${i + 1}`));
  graph.node('Concat', pooled, 'catfeat', { axis: { int: 1 } });
  await estimator(graph, 'LiveEstor', 'live_map');
  await estimator(graph, 'SpoofEstor', 'spoof_map');
  await head(graph, layers[3]!.name, options.feature ? 'feature' : 'f');
  return {
    inputs: [{ name: 'image', dtype: 'F32', shape: ['N', 3, imageSize, imageSize] }],
    outputs: [
      { name: 'score', dtype: 'F32', shape: ['N'] },
      { name: 'live_map', ...maps, shape: [...maps.shape] },
      { name: 'spoof_map', ...maps, shape: [...maps.shape] },
      ...(options.feature ? [{ name: 'feature', dtype: 'F32' as const, shape: ['N', featureSize] }] : []),
    ],
    nodes: graph.nodes,
    initializers: graph.initializers,
  };
}

/** A value of the graph with its height and width. */
interface Layer {
  name: string;
  size: number;
}

/** ResNet-18: the outputs of layer1 … layer4. */
async function backbone(graph: Graph): Promise<Layer[]> {
  const stem = { weight: 'backbone.conv1.weight', batchNorm: 'backbone.bn1' };
  let size = halved(graph.options.imageSize);
  let x = await graph.conv('image', 'stem', [64, 3, 7], 2, stem, { relu: true, float32: true });
  size = halved(size);
  x = graph.node('MaxPool', [x], 'stem.pool', windows(3, 2, 1));
  x = graph.toBody(x);
  const layers: Layer[] = [];
  let inn = 64;
  for (const [i, [out, stride]] of stages.entries()) {
    for (const j of [0, 1]) {
      x = await basicBlock(graph, x, `layer${i + 1}.${j}`, [out, j === 0 ? inn : out], j === 0 ? stride : 1);
    }
    if (stride === 2) size = halved(size);
    inn = out;
    layers.push({ name: x, size });
  }
  return layers;
}

async function basicBlock(
  graph: Graph,
  x: string,
  name: string,
  [out, inn]: readonly [number, number],
  stride: number,
): Promise<string> {
  const prefix = `backbone.${name}`;
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

/** LE or SE: `catfeat` to a map. */
async function estimator(graph: Graph, name: string, output: string): Promise<void> {
  const names = (i: number) => ({
    weight: `${name}.conv.${i}.conv.weight`,
    descriptor: { mask: `${name}.conv.${i}.learnable_mask`, theta: `${name}.conv.${i}.learnable_theta` },
  });
  const layer = (i: number) => ({ ...names(i), batchNorm: `${name}.conv.${i + 1}` });
  let x = await graph.conv('catfeat', `${name}.0`, [128, catChannels, 3], 1, layer(0), { relu: true });
  x = await graph.conv(x, `${name}.3`, [64, 128, 3], 1, layer(3), { relu: true });
  x = graph.toFloat32(await graph.conv(x, `${name}.6`, [1, 64, 3], 1, names(6)));
  graph.node('Relu', [x], output);
}

/** Global average, linear layer, the feature's normalisation, classifier with unit columns, softmax. */
async function head(graph: Graph, layer4: string, feature: string): Promise<void> {
  const { state } = graph;
  const [fc, classifier] = ['backbone.bottleneck_layer_fc', 'classifier.classifier_layer'];
  const mean = graph.node('GlobalAveragePool', [graph.toFloat32(layer4)], 'mean');
  const flat = graph.node('Flatten', [mean], 'mean.flat', { axis: { int: 1 } });
  graph.constant('fc.weight', [featureSize, 512], await tensorOf(state, `${fc}.weight`, [featureSize, 512]));
  graph.constant('fc.bias', [featureSize], await tensorOf(state, `${fc}.bias`, [featureSize]));
  const linear = graph.node('Gemm', [flat, 'fc.weight', 'fc.bias'], 'fc', { transB: { int: 1 } });
  const f = graph.node('Relu', [linear], 'fc.relu');
  // f / √(2 · max(‖f‖₂, 1e-12))
  graph.constant('smallest_norm', [], [1e-12]);
  graph.constant('two', [], [2]);
  const norm = graph.node('ReduceL2', [f], 'norm', { axes: { ints: [1] }, keepdims: { int: 1 } });
  const clamped = graph.node('Max', [norm, 'smallest_norm'], 'norm.clamped');
  const root = graph.node('Sqrt', [graph.node('Mul', [clamped, 'two'], 'norm.doubled')], 'norm.root');
  graph.node('Div', [f, root], feature);
  const weight = unitColumns(await tensorOf(state, `${classifier}.weight`, [2, featureSize]));
  graph.constant('classifier.weight', [2, featureSize], weight);
  graph.constant('classifier.bias', [2], await tensorOf(state, `${classifier}.bias`, [2]));
  const logits = [feature, 'classifier.weight', 'classifier.bias'];
  graph.node('Gemm', logits, 'logits', { transB: { int: 1 } });
  graph.node('Softmax', ['logits'], 'probability', { axis: { int: 1 } });
  graph.initializers.push({ name: 'live', dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(liveClass)) });
  graph.node('Gather', ['probability', 'live'], 'score', { axis: { int: 1 } });
}

/** The classifier's weight [2,512] as a forward pass would leave it: each column over its L2 norm. */
function unitColumns(weight: ArrayLike<number>): Float32Array {
  const unit = new Float32Array(weight.length);
  for (let column = 0; column < featureSize; column++) {
    const [a, b] = [weight[column]!, weight[featureSize + column]!];
    const norm = Math.hypot(a, b);
    unit[column] = a / norm;
    unit[featureSize + column] = b / norm;
  }
  return unit;
}

/** Collects nodes and constants. Values are named after what makes them. */
class Graph {
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

  /** Adaptive average pooling to the size of the maps. */
  pool({ name, size }: Layer, output: string): string {
    const { mapSize, half } = this.options;
    const dtype = half ? 'F16' : 'F32';
    const part = adaptiveAveragePool({ input: name, output, from: [size, size], to: [mapSize, mapSize], dtype });
    this.nodes.push(...part.nodes);
    this.initializers.push(...part.initializers);
    return output;
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
