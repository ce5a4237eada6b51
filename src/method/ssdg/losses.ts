/** The objective of SSDG (methods, section 2.3): L = CE + λ_triplet L_trip + λ_adreal L_dom. */
import { UserError } from '../../base/errors.js';
import { add, scale } from '../../engine/ops/elementwise.js';
import { takeRows } from '../../engine/ops/linear.js';
import { crossEntropy, triplet } from '../../engine/ops/losses.js';
import type { Tensor } from '../../engine/tensor.js';
import type { SsdgOutput } from './network.js';

export interface SsdgLossOptions {
  lambdaTriplet: number;
  lambdaDomain: number;
  margin: number;
  /** Squared distances, as described; Euclidean ones as released. */
  squared: boolean;
}

export interface SsdgTargets {
  /** 1 live, 0 attack. */
  classes: readonly number[];
  /** Number of the source of each row, from 0. */
  domains: readonly number[];
}

/** Scalars, on the device. */
export interface SsdgTerms {
  loss: Tensor;
  ce: Tensor;
  triplet: Tensor;
  domain: Tensor;
}

/** Labels of the asymmetric triplet loss: the live of all sources are one class, the attacks of each another. */
export function tripletLabels({ classes, domains }: SsdgTargets): number[] {
  return classes.map((label, row) => (label === 1 ? 0 : domains[row]! + 1));
}

/**
 * Cross entropy of the source over the live rows of a feature [N,D], in the order of the batch.
 * @param discriminate live rows [n,D] → logits [n,sources]; turns the gradient around
 * @throws UserError without a live row: the mean over none is not defined
 */
export function domainLoss(
  feature: Tensor,
  { classes, domains }: SsdgTargets,
  discriminate: (rows: Tensor) => Tensor,
): { loss: Tensor; logits: Tensor } {
  const live = classes.flatMap((label, row) => (label === 1 ? [row] : []));
  if (live.length === 0) throw new UserError('the batch has no live row, which the domain loss needs');
  const logits = discriminate(takeRows(feature, live));
  const sources = live.map((row) => domains[row]!);
  return { loss: crossEntropy(logits, sources), logits };
}

/** The terms and their weighted sum. Differentiable with respect to all of `output` and what `discriminate` reads. */
export function ssdgLoss(
  { logits, feature }: SsdgOutput,
  targets: SsdgTargets,
  discriminate: (rows: Tensor) => Tensor,
  { lambdaTriplet, lambdaDomain, margin, squared }: SsdgLossOptions,
): SsdgTerms & { domainLogits: Tensor } {
  const ce = crossEntropy(logits, targets.classes);
  const mined = triplet(feature, tripletLabels(targets), { margin, squared, mining: 'batch-all' });
  const { loss: domain, logits: domainLogits } = domainLoss(feature, targets, discriminate);
  const loss = add(add(ce, scale(mined, lambdaTriplet)), scale(domain, lambdaDomain));
  return { loss, ce, triplet: mined, domain, domainLogits };
}
