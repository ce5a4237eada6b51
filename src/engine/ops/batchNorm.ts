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
  /** Computes y a second time in the backward pass instead of keeping it: a pass over memory for the memory. */
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
  const y = emptyLike(x);
  const write = () =>
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
  write();
  if (recompute) y.recipe = { inputs: [x, mean, invStd, gamma, beta, ...(residual ? [residual] : [])], write };

  const inputs = residual === undefined ? [x, gamma, beta] : [x, gamma, beta, residual];
  // The ReLU's mask is read off the output.
  return record(y, inputs, [x, gamma, mean, invStd, ...(relu ? [y] : [])], (dy) => {
    // An upstream that nobody else reads gives its storage to dx.
    const dx = dy.shared ? emptyLike(x) : dy.retain();
    const [dgamma, dbeta] = [emptyLike(gamma), emptyLike(beta)];
    // Without a ReLU the residual's gradient is dy itself.
    const masked = residual !== undefined && relu ? emptyLike(x) : undefined;
    native.batch_norm_backward(
      x.handle,
      relu ? y.handle : null,
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
