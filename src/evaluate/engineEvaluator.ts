/** Scores of images by our own engine. */
import { basename, dirname } from 'node:path';
import { inBatches, loadBatches } from '../data/loader.js';
import { type Frame, relativePath } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import { FrozenWeights } from '../engine/ops/conv2d.js';
import { imagesToFeatures } from '../engine/ops/images.js';
import { scope } from '../engine/tensor.js';
import type { LdcNet } from '../method/ldcnet.js';
import { liveClass } from '../method/losses.js';
import { type Normalization, pixelScaling } from '../method/normalize.js';
import { type Scores, ScoresBuilder } from './scores.js';

export interface ScoringOptions {
  imageSize: number;
  normalize: Normalization;
  batchSize: number;
  workers: number | 'auto';
  onProgress?(done: number): void;
}

/** What the network says about one image. */
export interface ImageScore {
  /** softmax(logits)[live], 0…1. */
  score: number;
  /** [S,S], 0…255. */
  liveMap: Float32Array;
  spoofMap: Float32Array;
}

/**
 * Scores of batches of pixels, one after the other, with weights packed once. Call `release` at the end. The network is put in
 * evaluation mode.
 */
export class EngineScorer {
  private readonly weights = new FrozenWeights();

  constructor(
    private readonly device: Device,
    private readonly net: LdcNet,
    private readonly normalize: Normalization,
  ) {
    net.train(false);
  }

  /** @param pixels [count,size,size,3] */
  async score(pixels: Uint8Array, count: number, size: number): Promise<ImageScore[]> {
    const { logits, liveMap, spoofMap } = scope(() =>
      this.weights.use(() => {
        const images = imagesToFeatures(this.device, pixels, [count, size, size], pixelScaling(this.normalize));
        const { logits, liveMap, spoofMap } = this.net.forward(images);
        return { logits, liveMap, spoofMap };
      }),
    );
    const area = this.net.mapSize ** 2;
    const [values, live, spoof] = await Promise.all([logits.read(), liveMap.read(), spoofMap.read()]);
    for (const tensor of [logits, liveMap, spoofMap]) tensor.release();
    return Array.from({ length: count }, (_, i) => ({
      score: liveProbability(values.subarray(2 * i, 2 * i + 2)),
      liveMap: live.subarray(i * area, (i + 1) * area) as Float32Array,
      spoofMap: spoof.subarray(i * area, (i + 1) * area) as Float32Array,
    }));
  }

  release(): void {
    this.weights.release();
  }
}

/** Scores of `frames` in their order. @throws UserError for an unreadable image */
export async function scoreFrames(
  device: Device,
  net: LdcNet,
  frames: readonly Frame[],
  origin: string,
  options: ScoringOptions,
): Promise<Scores> {
  const { imageSize, batchSize, workers } = options;
  const scorer = new EngineScorer(device, net, options.normalize);
  const rows = new ScoresBuilder(origin);
  let done = 0;
  try {
    for await (const batch of loadBatches(inBatches(frames, batchSize), { size: imageSize, workers })) {
      const scores = await scorer.score(batch.pixels, batch.frames.length, imageSize);
      batch.frames.forEach((frame, i) => {
        rows.add(scoreRow(frame, scores[i]!));
      });
      done += batch.frames.length;
      options.onProgress?.(done);
    }
  } finally {
    scorer.release();
  }
  return rows.build();
}

/** How a frame is called in score files: its crop set's folder and the path in the manifest. */
export function scorePath(frame: Frame): string {
  return `${basename(dirname(frame.manifest))}/${relativePath(frame)}`;
}

function scoreRow(frame: Frame, { score, liveMap, spoofMap }: ImageScore) {
  const { domain, subject, video, label, attackType, pai } = frame;
  return {
    path: scorePath(frame),
    domain,
    subject,
    video,
    frame: frame.frame,
    label,
    attackType,
    score,
    liveMapMean: mean(liveMap),
    spoofMapMean: mean(spoofMap),
    extra: { pai },
  };
}

/** softmax over two classes, in double. */
function liveProbability(logits: ArrayLike<number>): number {
  return 1 / (1 + Math.exp(logits[1 - liveClass]! - logits[liveClass]!));
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
