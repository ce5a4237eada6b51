/**
 * Losses: dense scalars. Each kernel computes the gradient of the loss beside the loss, while its inputs are at hand; backward
 * only multiplies it by the upstream scalar.
 */
import { UserError } from '../../base/errors.js';
import { type Mining, minings } from '../native.js';
import { needsGrad, record } from '../tape.js';
import { emptyLike, Tensor, tensor } from '../tensor.js';
import { add, scale } from './elementwise.js';

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

/** Mean binary cross entropy of logits [N] or [N,1] and labels 0 or 1, right at any logit. @throws UserError for another label */
export function bceWithLogits(logits: Tensor, labels: readonly number[]): Tensor {
  binary(labels);
  return countedBce(logits, labels);
}

/**
 * Each row judged by the head of its source alone: the mean over the rows of a head, then Σ / number of heads. A head without rows adds 0, still
 * counts, and has a gradient of zeros (methods, section 3.2).
 * @param logits one [N,1] or [N] a head
 * @param head of each row, 0 … heads − 1
 * @param labels 0 or 1
 * @throws UserError for a label or a head that is none
 */
export function perHeadBce(
  logits: readonly Tensor[],
  head: readonly number[],
  labels: readonly number[],
): { loss: Tensor; perHead: Tensor[] } {
  binary(labels);
  const wrong = head.find((each) => logits[each] === undefined);
  if (wrong !== undefined) throw new UserError(`head ${wrong} is not one of the ${logits.length} heads`);
  const perHead = logits.map((each, k) =>
    countedBce(
      each,
      labels.map((label, row) => (head[row] === k ? label : -1)),
    ),
  );
  return { loss: scale(perHead.reduce(add), 1 / logits.length), perHead };
}

/** Over the rows whose label is 0 or 1; 0 where there is none. */
function countedBce(logits: Tensor, labels: readonly number[]): Tensor {
  const truth = labelTensor(logits, labels);
  return withGradient(logits, (loss, gradient) =>
    logits.device.native.bce_with_logits(logits.handle, truth.handle, loss.handle, gradient?.handle ?? null),
  );
}

function binary(labels: readonly number[]): void {
  const wrong = labels.find((label) => label !== 0 && label !== 1);
  if (wrong !== undefined) throw new UserError(`label ${wrong} is neither 0 nor 1`);
}

export interface SupConOptions {
  temperature: number;
  /** The loss is temperature / baseTemperature times the mean over anchors. */
  baseTemperature: number;
}

/**
 * Supervised contrastive loss (Khosla et al., 2020), usually of rows of length 1: every view of every image is an anchor, all others are
 * contrasts, those of its label positives, the image's own other views included (methods, section 3.2).
 * @param x [N,D], each row a view, or [images,views,D]
 * @param labels of each first index of x
 * @throws UserError when a label has one view alone: it has no positive, and the mean over none is not defined
 */
export function supCon(x: Tensor, labels: readonly number[], { temperature, baseTemperature }: SupConOptions): Tensor {
  const views = x.shape.length === 3 ? x.shape[1]! : 1;
  if (labels.length !== x.shape[0]) throw new UserError(`${labels.length} labels for ${x.shape[0]} images`);
  const rows = labels.flatMap((label) => new Array<number>(views).fill(label));
  const classes = tensor(x.device, rows, [rows.length], 'int32');
  const counts = new Map<number, number>();
  for (const label of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  for (const [label, count] of counts) {
    if (count > 1) continue;
    throw new UserError(`label ${label} has a single view: the contrastive loss needs two or more of each label`);
  }
  return withGradient(x, (loss, gradient) =>
    x.device.native.supcon(
      x.handle,
      classes.handle,
      temperature,
      baseTemperature,
      loss.handle,
      gradient?.handle ?? null,
    ),
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
