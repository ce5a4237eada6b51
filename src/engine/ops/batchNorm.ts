/** Batch normalisation, with the ReLU and the residual addition that follow it in the same pass over memory. */
import { record } from '../tape.js';
import { emptyLike, type Tensor } from '../tensor.js';

/** Dense [C] each; the running statistics are updated in place while training. */
export interface BatchNormState {
  gamma: Tensor;
  beta: Tensor;
  runningMean: Tensor;
  runningVar: Tensor;
}

export interface BatchNormOptions {
  training: boolean;
  relu?: boolean;
  /** Added before the ReLU. */
  residual?: Tensor;
  /** Computes y a second time in the backward pass instead of keeping it: where y is large and nothing behind it needs it. */
  recompute?: boolean;
  eps?: number;
  momentum?: number;
}

/**
 * y = relu?(γ (x − mean) / √(var + ε) + β + residual?) over (N, H, W) of features [N,C,H,W]; statistics of the batch while
 * training (biased variance; the running variance is unbiased), else the running ones. (Ioffe & Szegedy, 2015)
 */
export function batchNorm(x: Tensor, state: BatchNormState, options: BatchNormOptions): Tensor {
  const { native } = x.device;
  const { gamma, beta, runningMean, runningVar } = state;
  const { training, relu = false, residual, recompute = false, eps = 1e-5, momentum = 0.1 } = options;
  const invStd = emptyLike(gamma);
  let mean = runningMean;
  if (training) {
    mean = emptyLike(gamma);
    native.batch_norm_moments(
      x.handle,
      eps,
      momentum,
      mean.handle,
      invStd.handle,
      runningMean.handle,
      runningVar.handle,
    );
  } else {
    native.batch_norm_inv_std(runningVar.handle, eps, invStd.handle);
  }
  const normalised = () => {
    const y = emptyLike(x);
    native.batch_norm_forward(
      x.handle,
      mean.handle,
      invStd.handle,
      gamma.handle,
      beta.handle,
      residual?.handle ?? null,
      relu,
      y.handle,
    );
    return y;
  };
  const y = normalised();

  const inputs = residual === undefined ? [x, gamma, beta] : [x, gamma, beta, residual];
  const saved = [x, gamma, mean, invStd, ...(!relu ? [] : recompute ? [beta, residual ?? x] : [y])];
  return record(y, inputs, saved, (dy) => {
    // The ReLU's mask is read off the output.
    const output = !relu ? undefined : recompute ? normalised() : y;
    const [dx, dgamma, dbeta] = [emptyLike(x), emptyLike(gamma), emptyLike(beta)];
    // Without a ReLU the residual's gradient is dy itself.
    const masked = residual !== undefined && relu ? emptyLike(x) : undefined;
    native.batch_norm_backward(
      x.handle,
      output?.handle ?? null,
      dy.handle,
      mean.handle,
      invStd.handle,
      gamma.handle,
      training,
      dx.handle,
      masked?.handle ?? null,
      dgamma.handle,
      dbeta.handle,
    );
    return residual === undefined ? [dx, dgamma, dbeta] : [dx, dgamma, dbeta, masked ?? dy.retain()];
  });
}
