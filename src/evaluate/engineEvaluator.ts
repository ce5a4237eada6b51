/** Scores of images by our own engine. */
import type { Device } from '../engine/device.js';
import { FrozenWeights } from '../engine/ops/conv2d.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { scope } from '../engine/tensor.js';
import { liveClass } from '../method/ldcnet/losses.js';
import type { LdcNet } from '../method/ldcnet/network.js';
import { type Normalization, pixelScaling } from '../method/normalize.js';
import { type MappedScore, type Scorer, splitMaps } from './scorer.js';

/** Scores by a network on a device, with weights packed once. The network is put in evaluation mode; it stays the caller's. */
export class EngineScorer implements Scorer<MappedScore> {
  private readonly weights = new FrozenWeights();

  constructor(
    private readonly device: Device,
    private readonly net: LdcNet,
    private readonly normalize: Normalization,
  ) {
    net.train(false);
  }

  async score(pixels: Uint8Array, count: number, size: number): Promise<MappedScore[]> {
    const { logits, liveMap, spoofMap } = scope(() =>
      this.weights.use(() => {
        const images = imagesToFeatures(this.device, pixels, [count, size, size], pixelScaling(this.normalize));
        const { logits, liveMap, spoofMap } = this.net.forward(images);
        return { logits, liveMap, spoofMap };
      }),
    );
    const [values, live, spoof] = await Promise.all([logits.read(), liveMap.read(), spoofMap.read()]);
    for (const tensor of [logits, liveMap, spoofMap]) tensor.release();
    const [liveMaps, spoofMaps] = [live, spoof].map((maps) => splitMaps(maps as Float32Array, count));
    return Array.from({ length: count }, (_, i) => ({
      score: liveProbability(values.subarray(2 * i, 2 * i + 2)),
      liveMap: liveMaps![i]!,
      spoofMap: spoofMaps![i]!,
    }));
  }

  release(): void {
    this.weights.release();
  }
}

/** softmax over two classes, in double. */
function liveProbability(logits: ArrayLike<number>): number {
  return 1 / (1 + Math.exp(logits[1 - liveClass]! - logits[liveClass]!));
}
