/** The values of a `metrics` fixture case (test/fixtures/README.md), put together from the functions of src/evaluate. */
import { errorRatesAt } from '../../src/evaluate/metrics.js';
import { releasedEvaluation } from '../../src/evaluate/released.js';
import { auc, bpcerAtApcer, equalErrorRate, farAt, frrAt, rocOf } from '../../src/evaluate/roc.js';
import { eerVertex } from '../../src/evaluate/thresholds.js';

/** @throws UserError where the case expects an error. `null` stands for a threshold of +infinity. */
export function fixtureMetrics(
  score: ArrayLike<number>,
  label: ArrayLike<number>,
  hterThreshold: number,
): Record<string, number | null> {
  const samples = { score, live: label };
  const roc = rocOf(samples);
  const rates = errorRatesAt(samples, hterThreshold);
  const released = releasedEvaluation(samples);
  const eerDiscrete = eerVertex(roc);
  return {
    auc: auc(roc),
    eer: equalErrorRate(roc),
    eer_discrete: (farAt(roc, eerDiscrete) + frrAt(roc, eerDiscrete)) / 2,
    eer_discrete_threshold: finiteOrNull(roc.thresholds[eerDiscrete]!),
    far_at_threshold: rates.far,
    frr_at_threshold: rates.frr,
    hter_at_threshold: rates.hter,
    'tpr_at_fpr_0.01': 1 - bpcerAtApcer(roc, 0.01),
    youden_threshold: finiteOrNull(released.threshold),
    apcer: released.apcer,
    bpcer: released.bpcer,
    acer: released.acer,
    apcer_smoothed: released.smoothed.apcer,
    bpcer_smoothed: released.smoothed.bpcer,
    acer_smoothed: released.smoothed.acer,
  };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
