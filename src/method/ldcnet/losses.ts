/** The objective of stage 2 (method, section 4): L = CE + γ (MSE(live map) + MSE(spoof map)) + β L_triplet. */
import type { Mining } from '../../engine/native.js';
import { add, scale } from '../../engine/ops/elementwise.js';
import { crossEntropy, mse, triplet } from '../../engine/ops/losses.js';
import type { Tensor } from '../../engine/tensor.js';
import type { LdcNetOutput } from './network.js';

/** Labels of the triplet loss: the material, pooled over all source domains. */
export const materials = { print: 0, live: 1, replay: 2 } as const;

export interface LossOptions {
  gamma: number;
  beta: number;
  margin: number;
  mining: Mining;
  squared: boolean;
}

export interface Targets {
  /** 1 live, 0 attack. */
  classes: readonly number[];
  materials: readonly number[];
  /** Features [N,1,S,S], 0…255: a live image's CAM is its live map and its spoof map is 0; the other way round for a spoof. */
  liveMap: Tensor;
  spoofMap: Tensor;
}

/** Scalars, on the device. */
export interface LossTerms {
  loss: Tensor;
  ce: Tensor;
  triplet: Tensor;
  liveMap: Tensor;
  spoofMap: Tensor;
}

/**
 * The terms and their weighted sum: logits and feature of a batch of N images, maps [N,1,S,S] in 0…255 on both sides (method, section 4).
 * Differentiable with respect to all of `output`.
 */
export function ldcNetLoss(output: LdcNetOutput, targets: Targets, options: LossOptions): LossTerms {
  const { gamma, beta, margin, mining, squared } = options;
  const ce = crossEntropy(output.logits, targets.classes);
  const liveMap = mse(output.liveMap, targets.liveMap);
  const spoofMap = mse(output.spoofMap, targets.spoofMap);
  const mined = triplet(output.feature, targets.materials, { margin, mining, squared });
  const attention = scale(add(liveMap, spoofMap), gamma);
  const loss = add(add(ce, attention), scale(mined, beta));
  return { loss, ce, triplet: mined, liveMap, spoofMap };
}
