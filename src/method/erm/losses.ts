/** The objective of ERM (methods, section 4): the mean cross entropy over all rows. */
import { crossEntropy } from '../../engine/ops/losses.js';
import type { Tensor } from '../../engine/tensor.js';
import type { ErmOutput } from './network.js';

/** @param classes 1 live, 0 attack */
export function ermLoss({ logits }: ErmOutput, classes: readonly number[]): { loss: Tensor } {
  return { loss: crossEntropy(logits, classes) };
}
