/** Scores of images by somebody else's ONNX model in onnxruntime: from pixels to its input, and from its output to a live score. */
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import { messageOf, UserError } from '../base/errors.js';
import { toFloat16, toFloat32 } from '../formats/dtype.js';
import { type OpenSession, openSession, type SessionOptions } from '../onnxruntime/session.js';
import type { ImageScore, Scorer } from './scorer.js';

export const layouts = ['nchw', 'nhwc'] as const;
export const colours = ['rgb', 'bgr'] as const;
export const activations = ['none', 'softmax', 'sigmoid'] as const;
type Triple = readonly [number, number, number];

/** How pixels become the input and the output a score. */
export interface ForeignRecipe {
  /** What is fed: x = (pixel · scale − mean) / std by channel in the order of `colour`, pixels being 0…255. */
  input: {
    name: string;
    /** Side of the square that images are resized to. */
    size: number;
    layout: (typeof layouts)[number];
    colour: (typeof colours)[number];
    scale: number;
    mean: Triple;
    std: Triple;
  };
  output: {
    name: string;
    /** Index of live among the values of an image. Of one value: 1, it is for live, or 0, for an attack. */
    live: number;
    /** What is applied to the values first. */
    activation: (typeof activations)[number];
  };
}

/** An input or output of a model; sizes that are free have a name, or none. */
export interface Port {
  name: string;
  type: string;
  shape: readonly (number | string)[];
}

/** Element types that images are given in. */
export const inputTypes = ['float32', 'float16', 'float64', 'uint8'] as const;
/** Element types that scores are read from. */
export const outputTypes = ['float32', 'float16', 'float64'] as const;
type InputType = (typeof inputTypes)[number];
type Values = Float32Array | Uint16Array | Float64Array | Uint8Array;

/** The tensors among the inputs or outputs of a session. */
export function portsOf(metadata: readonly InferenceSession.ValueMetadata[]): Port[] {
  return metadata.map((each) => (each.isTensor ? each : { name: each.name, type: 'no tensor', shape: [] }));
}

/** A model open in onnxruntime, of which nothing is known but its graph. */
export class ForeignSession {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];

  private constructor(
    private readonly open: OpenSession,
    readonly path: string,
  ) {
    this.inputs = portsOf(open.session.inputMetadata);
    this.outputs = portsOf(open.session.outputMetadata);
  }

  /** @throws UserError as `openSession` does */
  static async open(path: string, options: SessionOptions): Promise<ForeignSession> {
    return new ForeignSession(await openSession(path, path, options), path);
  }

  /** @param recipe fits the graph */
  scorer(recipe: ForeignRecipe): ForeignScorer {
    return new ForeignScorer(this.open, this.path, recipe, this.inputs.find(({ name }) => name === recipe.input.name)!);
  }

  async release(): Promise<void> {
    await this.open.session.release();
  }
}

/** Releasing it releases the session. */
export class ForeignScorer implements Scorer {
  private readonly tables: readonly Values[];
  /** Images that the model takes at once, where it says so. */
  private readonly batch: number | null;

  constructor(
    private readonly open: OpenSession,
    private readonly path: string,
    private readonly recipe: ForeignRecipe,
    private readonly port: Port,
  ) {
    this.tables = channelTables(recipe.input, port.type as InputType);
    const [batch] = port.shape;
    this.batch = typeof batch === 'number' && batch > 0 ? batch : null;
  }

  async score(pixels: Uint8Array, count: number, size: number): Promise<ImageScore[]> {
    const area = 3 * size * size;
    const atOnce = this.batch ?? count;
    const scores: ImageScore[] = [];
    for (let from = 0; from < count; from += atOnce) {
      const images = Math.min(atOnce, count - from);
      const values = await this.run(pixels.subarray(from * area, (from + images) * area), images, atOnce, size);
      const each = values.length / atOnce;
      checkLive(this.recipe.output, each, this.path);
      for (let i = 0; i < images; i++) {
        scores.push({ score: this.liveScore(values.subarray(i * each, (i + 1) * each)) });
      }
    }
    return scores;
  }

  release(): Promise<void> {
    return this.open.session.release();
  }

  /** The values of `atOnce` images, of which `images` are there; behind them the input is 0. */
  private async run(pixels: Uint8Array, images: number, atOnce: number, size: number) {
    const { input, output } = this.recipe;
    const data = new (this.tables[0]!.constructor as new (length: number) => Values)(atOnce * 3 * size * size);
    fill(data, pixels, images, size, input, this.tables);
    const shape = input.layout === 'nchw' ? [atOnce, 3, size, size] : [atOnce, size, size, 3];
    const tensor = new this.open.runtime.Tensor(this.port.type as 'float32', data as Float32Array, shape);
    const results = await this.open.session.run({ [input.name]: tensor }, [output.name]).catch((error: unknown) => {
      throw new UserError(`onnxruntime cannot run ${this.path}: ${messageOf(error)}`);
    });
    return numbersOf(results[output.name]!);
  }

  private liveScore(values: Float32Array | Float64Array): number {
    const score = liveValue(values, this.recipe.output);
    if (Number.isFinite(score)) return score;
    throw new UserError(`${this.path} gives a score that is not finite (${score}) for an image`);
  }
}

/** @param values an image, where they are known @throws UserError when the index of live is none of them, or the activation says nothing */
export function checkLive({ live, name, activation }: ForeignRecipe['output'], values: number, path: string): void {
  const has = `output ${name} of ${path} has ${values} ${values === 1 ? 'value' : 'values'} an image`;
  if (!Number.isInteger(values) || values === 0 || live >= Math.max(values, 2)) {
    throw new UserError(`the card says output.live ${live}, but the ${has}`);
  }
  if (values === 1 && activation === 'softmax') {
    throw new UserError(`the card says output.activation softmax, which of one value is always 1, and the ${has}`);
  }
}

/** The live score of the values of one image, in double. */
function liveValue(values: ArrayLike<number>, { live, activation }: ForeignRecipe['output']): number {
  const active = activated(values, activation);
  if (active.length > 1) return active[live]!;
  return live === 1 ? active[0]! : 1 - active[0]!;
}

function activated(values: ArrayLike<number>, activation: ForeignRecipe['output']['activation']): number[] {
  const plain = Array.from(values);
  if (activation === 'none') return plain;
  if (activation === 'sigmoid') return plain.map((value) => 1 / (1 + Math.exp(-value)));
  const most = Math.max(...plain);
  const powers = plain.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** What each pixel value becomes, by channel of the input. */
function channelTables({ scale, mean, std }: ForeignRecipe['input'], type: InputType): Values[] {
  return mean.map((_, channel) => {
    const values = Float64Array.from({ length: 256 }, (_, pixel) => (pixel * scale - mean[channel]!) / std[channel]!);
    if (type === 'float64') return values;
    if (type === 'uint8') return Uint8Array.from(values);
    const single = Float32Array.from(values);
    return type === 'float16' ? toFloat16(single) : single;
  });
}

/** Pixels [images,size,size,3], red first, to the model's layout and order of channels. */
function fill(
  into: Values,
  pixels: Uint8Array,
  images: number,
  size: number,
  { layout, colour }: ForeignRecipe['input'],
  tables: readonly Values[],
): void {
  const area = size * size;
  for (let channel = 0; channel < 3; channel++) {
    const from = colour === 'rgb' ? channel : 2 - channel;
    const table = tables[channel]!;
    for (let image = 0; image < images; image++) {
      const start = layout === 'nchw' ? (3 * image + channel) * area : 3 * image * area + channel;
      const step = layout === 'nchw' ? 1 : 3;
      for (let k = 0; k < area; k++) into[start + k * step] = table[pixels[3 * (image * area + k) + from]!]!;
    }
  }
}

function numbersOf({ type, data }: OnnxTensor): Float32Array | Float64Array {
  if (type !== 'float16') return data as Float32Array | Float64Array;
  const { buffer, byteOffset, length } = data as Uint16Array;
  return toFloat32({ dtype: 'F16', data: new Uint16Array(buffer, byteOffset, length) });
}
