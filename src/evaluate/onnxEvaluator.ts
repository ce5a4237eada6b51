/** Scores of images by onnxruntime, from an exported network. */
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import type { PixelScaling } from '../engine/ops/images.js';
import { normalizedPixels } from '../method/normalize.js';
import { openSession, type SessionOptions } from '../onnxruntime/session.js';
import { type ImageScore, type Scorer, splitMaps } from './scorer.js';

export interface OnnxOptions extends SessionOptions {
  /** What the network's input is normalised with. */
  scaling: PixelScaling;
}

export class OnnxScorer implements Scorer {
  private constructor(
    private readonly runtime: typeof import('onnxruntime-node'),
    private readonly session: InferenceSession,
    private readonly scaling: PixelScaling,
  ) {}

  /**
   * @param model bytes of an ONNX file as `ldc export` writes it
   * @param name of the model, for messages
   * @throws UserError when onnxruntime is not installed or refuses the model, or the provider cannot be used
   */
  static async open(model: Uint8Array, name: string, options: OnnxOptions): Promise<OnnxScorer> {
    const { runtime, session } = await openSession(model, name, options);
    return new OnnxScorer(runtime, session, options.scaling);
  }

  async score(pixels: Uint8Array, count: number, size: number): Promise<ImageScore[]> {
    const results = await this.run(normalizedPixels(pixels, count, size, this.scaling), count, size);
    const scores = values(results.score!);
    const { live_map: liveMap, spoof_map: spoofMap } = results;
    if (liveMap === undefined || spoofMap === undefined) return Array.from(scores, (score) => ({ score }));
    const [live, spoof] = [splitMaps(values(liveMap), count), splitMaps(values(spoofMap), count)];
    return Array.from(scores, (score, i) => ({ score, liveMap: live[i]!, spoofMap: spoof[i]! }));
  }

  /** All outputs by name. @param images [count,3,size,size], normalised */
  async run(images: Float32Array, count: number, size: number): Promise<Record<string, OnnxTensor>> {
    const image = new this.runtime.Tensor('float32', images, [count, 3, size, size]);
    return this.session.run({ image });
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

function values(tensor: OnnxTensor): Float32Array {
  return tensor.data as Float32Array;
}
