/**
 * The networks of face-api as ONNX: its tiny face detector (YOLOv2 with separable convolutions and five anchors) and its net of 68 landmarks
 * (dense blocks). Layers and constants are those of the package's sources, `src/tinyYolov2` and `src/faceFeatureExtractor`.
 */
import { encodeOnnx, type OnnxAttribute, type OnnxInitializer, type OnnxNode } from '../../formats/onnx.js';
import type { TfjsTensor } from '../../formats/tfjsWeights.js';

type Weights = ReadonlyMap<string, TfjsTensor>;

/** A cell of the detector's last layer stands for so many pixels across and down. */
export const cellSide = 32;
/** Width and height of each anchor in cells. */
export const anchors = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
] as const;
/** Side of the picture in which landmarks are looked for. */
export const landmarkSide = 112;

/**
 * Input `picture` [1,h,w,3], RGB bytes, sides whole multiples of `cellSide`; output `cells` [1,25,h/32,w/32]: for each anchor the place of a
 * box in its cell (x, y), its size beside the anchor's (w, h), and how sure it is, all before sigmoid and exp.
 */
export function detectorNetwork(weights: Weights): Uint8Array {
  const graph = new Graph(weights, [117.001, 114.697, 97.404]);
  let x = graph.leaky(graph.conv('scaled', 'conv0', { pads: [0, 0, 0, 0] }));
  for (const layer of ['conv1', 'conv2', 'conv3', 'conv4', 'conv5']) {
    x = graph.leaky(graph.separable(graph.pool(x, 2), layer));
  }
  x = graph.conv(graph.pool(x, 1), 'conv8', { pads: [0, 0, 0, 0] });
  return graph.encode(x, { name: 'cells', shape: [1, 5 * anchors.length, 'rows', 'columns'] }, [1, 'height', 'width']);
}

/** Input `picture` [N,112,112,3], RGB bytes; output `points` [N,136]: x and y of 68 landmarks as parts of the side, in the order of dlib's. */
export function landmarkNetwork(weights: Weights): Uint8Array {
  const graph = new Graph(weights, [122.782, 117.001, 104.298]);
  let x = 'scaled';
  for (const block of ['dense0', 'dense1', 'dense2', 'dense3']) {
    const halve = { stride: 2, pads: [0, 0, 1, 1] };
    const first =
      block === 'dense0' ? graph.conv(x, 'dense0/conv0', halve) : graph.separable(x, `${block}/conv0`, halve);
    let sum = graph.relu(first);
    const terms = [sum];
    for (const layer of ['conv1', 'conv2', 'conv3']) {
      terms.unshift(graph.separable(sum, `${block}/${layer}`));
      sum = graph.relu(terms.reduce((total, term) => graph.node('Add', [total, term])));
    }
    x = sum;
  }
  x = graph.node('Flatten', [graph.node('GlobalAveragePool', [x])]);
  x = graph.node('Gemm', [x, graph.weight('fc/weights'), graph.weight('fc/bias')]);
  return graph.encode(x, { name: 'points', shape: ['N', 136] }, ['N', landmarkSide, landmarkSide]);
}

interface Place {
  stride?: number;
  /** Rows above, columns left, rows below, columns right. */
  pads?: number[];
}

/** Writes a graph layer by layer; values are named by number. */
class Graph {
  private readonly nodes: OnnxNode[] = [];
  private readonly initializers: OnnxInitializer[] = [];

  /** Begins with what makes `scaled` [1,3,h,w] of the picture: the mean colour taken away, divided by 255. */
  constructor(
    private readonly weights: Weights,
    mean: readonly number[],
  ) {
    const numbers = this.node('Cast', ['picture'], { to: { int: 1 } });
    const planes = this.node('Transpose', [numbers], { perm: { ints: [0, 3, 1, 2] } });
    const centred = this.node('Sub', [planes, this.constant([3, 1, 1], Float32Array.from(mean))]);
    this.node('Div', [centred, this.constant([], Float32Array.of(255))], {}, 'scaled');
  }

  node(op: string, inputs: string[], attributes: Record<string, OnnxAttribute> = {}, output = this.nextName()): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  conv(x: string, layer: string, place: Place = {}): string {
    return this.filter(x, `${layer}/filters`, `${layer}/bias`, place);
  }

  /** A filter for each channel, then 1 × 1 over them all; nothing between. */
  separable(x: string, layer: string, place: Place = {}): string {
    const each = this.filter(x, `${layer}/depthwise_filter`, null, place);
    return this.filter(each, `${layer}/pointwise_filter`, `${layer}/bias`, { pads: [0, 0, 0, 0] });
  }

  relu(x: string): string {
    return this.node('Relu', [x]);
  }

  leaky(x: string): string {
    return this.node('LeakyRelu', [x], { alpha: { float: 0.1 } });
  }

  /** The largest of 2 × 2; what stands over the edge counts for nothing. */
  pool(x: string, stride: 1 | 2): string {
    const edge: Record<string, OnnxAttribute> =
      stride === 1 ? { pads: { ints: [0, 0, 1, 1] } } : { ceil_mode: { int: 1 } };
    return this.node('MaxPool', [x], {
      kernel_shape: { ints: [2, 2] },
      strides: { ints: [stride, stride] },
      ...edge,
    });
  }

  weight(name: string): string {
    const { shape, data } = this.get(name);
    return this.constant(shape, data);
  }

  /** @param size number, height and width of the pictures */
  encode(last: string, output: { name: string; shape: (number | string)[] }, size: (number | string)[]): Uint8Array {
    this.node('Identity', [last], {}, output.name);
    return encodeOnnx({
      name: output.name,
      producer: { name: 'ldc', version: '' },
      inputs: [{ name: 'picture', dtype: 'U8', shape: [...size, 3] }],
      outputs: [{ ...output, dtype: 'F32' }],
      nodes: this.nodes,
      initializers: this.initializers,
      metadata: {},
    });
  }

  private filter(x: string, filters: string, bias: string | null, { stride = 1, pads = [1, 1, 1, 1] }: Place): string {
    const { shape, data } = this.get(filters);
    const [height, width, inner, outer] = shape as [number, number, number, number];
    const each = filters.endsWith('/depthwise_filter');
    // TensorFlow has [height, width, in, out], ONNX [out, in / groups, height, width]; in depth-wise filters "out" is 1.
    const turned = new Float32Array(data.length);
    const [area, channels] = [height * width, inner * outer];
    for (let at = 0; at < area; at++) {
      for (let channel = 0; channel < channels; channel++) {
        const [i, o] = [Math.floor(channel / outer), channel % outer];
        turned[(each ? channel : o * inner + i) * area + at] = data[at * channels + channel]!;
      }
    }
    const weights = this.constant(each ? [inner, 1, height, width] : [outer, inner, height, width], turned);
    return this.node('Conv', [x, weights, ...(bias === null ? [] : [this.weight(bias)])], {
      strides: { ints: [stride, stride] },
      pads: { ints: pads },
      group: { int: each ? inner : 1 },
    });
  }

  private get(name: string): TfjsTensor {
    const tensor = this.weights.get(name);
    if (!tensor) throw new Error(`the weights have no ${name}`);
    return tensor;
  }

  private constant(shape: number[], data: Float32Array): string {
    const name = this.nextName();
    this.initializers.push({ name, dtype: 'F32', shape, data });
    return name;
  }

  private nextName(): string {
    return `v${this.nodes.length + this.initializers.length}`;
  }
}
