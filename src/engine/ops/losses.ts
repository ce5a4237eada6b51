/**
 * Losses: dense scalars. Each kernel computes the gradient of the loss beside the loss, while its inputs are at hand; backward
 * only multiplies it by the upstream scalar.
 */
import { UserError } from '../../base/errors.js';
import { type Mining, minings } from '../native.js';
import { needsGrad, record } from '../tape.js';
import { emptyLike, Tensor, tensor } from '../tensor.js';

/** Mean cross entropy of logits [N,C] and class labels. @throws UserError for a label that is not a class */
export function crossEntropy(logits: Tensor, labels: readonly number[]): Tensor {
  const classes = logits.shape[1]!;
  const wrong = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong !== undefined) throw new UserError(`label ${wrong} is not one of the ${classes} classes`);
  const truth = labelTensor(logits, labels);
  return withGradient(logits, (loss, gradient) =>
    logits.device.native.cross_entropy(logits.handle, truth.handle, loss.handle, gradient?.handle ?? null),
  );
}

/** Mean squared error. Gradients flow to a, and to b where it needs one. */
export function mse(a: Tensor, b: Tensor): Tensor {
  const { native } = a.device;
  const loss = new Tensor(a.device, []);
  const da = needsGrad(a, b) ? emptyLike(a) : undefined;
  native.mse(a.handle, b.handle, loss.handle, da?.handle ?? null);
  if (da === undefined) return loss;
  return record(loss, [a, b], [da], (upstream) => {
    const ga = multiplied(da, upstream);
    if (!b.requiresGrad) return [ga];
    const gb = emptyLike(b);
    native.scale(ga.handle, -1, gb.handle);
    return [ga, gb];
  });
}

export interface TripletOptions {
  margin: number;
  mining: Mining;
  /** Squared distances instead of Euclidean ones. */
  squared: boolean;
}

/** Triplet loss with mining on features x [N,D] (method, section 4; definition of ties in kernels.h). */
export function triplet(x: Tensor, labels: readonly number[], options: TripletOptions): Tensor {
  const classes = labelTensor(x, labels);
  const { margin, mining, squared } = options;
  return withGradient(x, (loss, gradient) =>
    x.device.native.triplet(
      x.handle,
      classes.handle,
      margin,
      minings[mining],
      squared,
      loss.handle,
      gradient?.handle ?? null,
    ),
  );
}

function withGradient(x: Tensor, compute: (loss: Tensor, gradient: Tensor | undefined) => void): Tensor {
  const loss = new Tensor(x.device, []);
  const gradient = needsGrad(x) ? emptyLike(x) : undefined;
  compute(loss, gradient);
  if (gradient === undefined) return loss;
  return record(loss, [x], [gradient], (upstream) => [multiplied(gradient, upstream)]);
}

function multiplied(gradient: Tensor, upstream: Tensor): Tensor {
  const result = emptyLike(gradient);
  gradient.device.native.multiply_scalar(gradient.handle, upstream.handle, result.handle);
  return result;
}

function labelTensor(x: Tensor, labels: readonly number[]): Tensor {
  if (labels.length !== x.shape[0]) throw new UserError(`${labels.length} labels for ${x.shape[0]} rows`);
  return tensor(x.device, labels, [labels.length], 'int32');
}
