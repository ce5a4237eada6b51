/** The objective of SA-FAS (methods, section 3.2): L = (1/K) Σ BCE of each source by its own head + λ SupCon over all views. */
import { add, scale } from '../../engine/ops/elementwise.js';
import { l2Normalize } from '../../engine/ops/linear.js';
import { perHeadBce, supCon } from '../../engine/ops/losses.js';
import type { Tensor } from '../../engine/tensor.js';
import type { SafasOutput } from './network.js';

export interface SafasLossOptions {
  /** 0: there is no contrastive loss, as in the control heads_only. */
  supconWeight: number;
  temperature: number;
  baseTemperature: number;
  /** Of the logits before the sigmoid; 1 as released. */
  scale?: number;
}

/** Of each row, i.e. of each view. */
export interface SafasTargets {
  /** 1 live, 0 attack. */
  classes: readonly number[];
  /** Number of the source, from 0: the head that judges the row. */
  domains: readonly number[];
}

/** Scalars, on the device. */
export interface SafasTerms {
  loss: Tensor;
  bce: Tensor;
  /** Of each head; 0 for one whose source has no rows. */
  perHead: Tensor[];
  supcon: Tensor | undefined;
}

/** Labels of the contrastive loss: source and class together. */
export function contrastiveLabels({ classes, domains }: SafasTargets): number[] {
  return classes.map((label, row) => 10 * domains[row]! + label);
}

/** The terms and their weighted sum. Differentiable with respect to all of `output`. */
export function safasLoss(
  { headLogits, feature }: SafasOutput,
  targets: SafasTargets,
  options: SafasLossOptions,
): SafasTerms {
  const { supconWeight, temperature, baseTemperature, scale: factor = 1 } = options;
  const scaled = factor === 1 ? headLogits : headLogits.map((logits) => scale(logits, factor));
  const { loss: bce, perHead } = perHeadBce(scaled, targets.domains, targets.classes);
  if (supconWeight === 0) return { loss: bce, bce, perHead, supcon: undefined };
  const supcon = supCon(l2Normalize(feature), contrastiveLabels(targets), { temperature, baseTemperature });
  return { loss: add(bce, scale(supcon, supconWeight)), bce, perHead, supcon };
}
