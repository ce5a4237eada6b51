/** Scores of images by our own engine. */
import type { Device } from '../engine/device.js';
import { FrozenWeights } from '../engine/ops/conv2d.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { scope, type Tensor } from '../engine/tensor.js';
import type { Network, Outputs } from '../method/method.js';
import { type Normalization, pixelScaling } from '../method/normalize.js';
import { type ImageScore, type Scorer, splitMaps } from './scorer.js';

/** A network with what its method makes of its outputs. */
export interface ScoringNetwork {
  network: Network;
  /** In evaluation mode. @param images features [N,3,S,S], normalised */
  outputs(images: Tensor): Outputs;
  /** @param values one image's row of `Outputs.values` */
  score(values: ArrayLike<number>): number;
}

/** Scores by a network on a device, with weights packed once. The network is put in evaluation mode; it stays the caller's. */
export class EngineScorer implements Scorer {
  private readonly weights = new FrozenWeights();

  constructor(
    private readonly device: Device,
    private readonly net: ScoringNetwork,
    private readonly normalize: Normalization,
  ) {
    net.network.train(false);
  }

  async score(pixels: Uint8Array, count: number, size: number): Promise<ImageScore[]> {
    const { values, maps } = scope(() =>
      this.weights.use(() => {
        const images = imagesToFeatures(this.device, pixels, [count, size, size], pixelScaling(this.normalize));
        return this.net.outputs(images);
      }),
    );
    const tensors = [values, ...(maps === undefined ? [] : [maps.live, maps.spoof])];
    const [rows, live, spoof] = await Promise.all(tensors.map((tensor) => tensor.read()));
    for (const tensor of tensors) tensor.release();
    const width = rows!.length / count;
    const [liveMaps, spoofMaps] = [live, spoof].map((each) => each && splitMaps(each as Float32Array, count));
    return Array.from({ length: count }, (_, i) => ({
      score: this.net.score(rows!.subarray(i * width, (i + 1) * width)),
      ...(liveMaps && spoofMaps && { liveMap: liveMaps[i]!, spoofMap: spoofMaps[i]! }),
    }));
  }

  release(): void {
    this.weights.release();
  }
}
