/** Scores of images by onnxruntime, from an exported network. */
import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import { messageOf, UserError } from '../base/errors.js';
import type { PixelScaling } from '../engine/ops/images.js';
import { normalizedPixels } from '../method/normalize.js';
import { checkProvider, loadRuntime, type Provider } from './onnxProvider.js';
import { type MappedScore, type Scorer, splitMaps } from './scorer.js';

export interface OnnxOptions {
  /** What the network's input is normalised with. */
  scaling: PixelScaling;
  provider?: Provider;
  /** 'auto' or undefined: all processors this process may use. */
  threads?: number | 'auto';
  /** onnxruntime's rewriting of the graph. */
  optimization?: 'disabled' | 'basic' | 'all';
}

/** Only warnings of the graph's author concern nobody here; errors are thrown. */
const logErrors = 3;

export class OnnxScorer implements Scorer<MappedScore> {
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
    const { scaling, provider = 'cpu', threads = 'auto', optimization = 'all' } = options;
    const runtime = await loadRuntime();
    await checkProvider(provider);
    try {
      const session = await runtime.InferenceSession.create(model, {
        executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
        intraOpNumThreads: threads === 'auto' ? availableParallelism() : threads,
        graphOptimizationLevel: optimization,
        logSeverityLevel: logErrors,
      });
      return new OnnxScorer(runtime, session, scaling);
    } catch (error) {
      throw new UserError(`onnxruntime cannot run ${name} with the provider ${provider}: ${messageOf(error)}`);
    }
  }

  async score(pixels: Uint8Array, count: number, size: number): Promise<MappedScore[]> {
    const results = await this.run(normalizedPixels(pixels, count, size, this.scaling), count, size);
    const scores = values(results.score!);
    const liveMaps = splitMaps(values(results.live_map!), count);
    const spoofMaps = splitMaps(values(results.spoof_map!), count);
    return Array.from(scores, (score, i) => ({ score, liveMap: liveMaps[i]!, spoofMap: spoofMaps[i]! }));
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
