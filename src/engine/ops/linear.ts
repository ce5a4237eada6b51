/** Operations on dense rows [N,D]. */
import { UserError } from '../../base/errors.js';
import { record } from '../tape.js';
import { emptyLike, Tensor, tensor } from '../tensor.js';

/** y = x wᵀ + b; x [N,I], w [O,I], b [O]. */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  const { native } = x.device;
  const y = new Tensor(x.device, [x.shape[0]!, w.shape[0]!]);
  native.linear_forward(x.handle, w.handle, b?.handle ?? null, y.handle);
  return record(y, b === undefined ? [x, w] : [x, w, b], [x, w], (dy) => {
    let dx: Tensor | undefined;
    if (x.requiresGrad) {
      dx = emptyLike(x);
      native.linear_data_grad(dy.handle, w.handle, dx.handle);
    }
    if (!w.requiresGrad && !b?.requiresGrad) return [dx];
    const dw = emptyLike(w);
    const db = b && emptyLike(b);
    native.linear_weight_grad(x.handle, dy.handle, dw.handle, db?.handle ?? null);
    return b === undefined ? [dx, dw] : [dx, dw, db];
  });
}

/** y = x / √(2·max(‖x‖₂, 1e-12)) by rows: the square root of the norm, as released; not unit length (method, section 2). */
export function featureNorm(x: Tensor): Tensor {
  const y = emptyLike(x);
  x.device.native.feature_norm_forward(x.handle, y.handle);
  return record(y, [x], [x], (dy) => {
    const dx = emptyLike(x);
    x.device.native.feature_norm_backward(x.handle, dy.handle, dx.handle);
    return [dx];
  });
}

/** x / max(‖x‖₂, eps) by rows; where ‖x‖ < eps the divisor is a constant. */
export function l2Normalize(x: Tensor, eps = 1e-12): Tensor {
  const y = emptyLike(x);
  x.device.native.l2_normalize_forward(x.handle, eps, y.handle);
  return record(y, [x], [x], (dy) => {
    const dx = emptyLike(x);
    x.device.native.l2_normalize_backward(x.handle, dy.handle, eps, dx.handle);
    return [dx];
  });
}

/** Some rows of x [N,…], each at most once, in the order of `rows`. @throws UserError for no rows, a row that is not there, or one twice */
export function takeRows(x: Tensor, rows: readonly number[]): Tensor {
  const { device } = x;
  const places = new Int32Array(x.shape[0]!).fill(-1);
  if (rows.length === 0) throw new UserError('no rows are taken');
  rows.forEach((row, i) => {
    if (places[row] !== -1) throw new UserError(`row ${row} is taken twice, or is none of the ${places.length}`);
    places[row] = i;
  });
  const y = new Tensor(device, [rows.length, ...x.shape.slice(1)]);
  device.native.take_rows(x.handle, tensor(device, rows, [rows.length], 'int32').handle, y.handle);
  return record(y, [x], [], (dy) => {
    const dx = emptyLike(x);
    device.native.take_rows(dy.handle, tensor(device, places, [places.length], 'int32').handle, dx.handle);
    return [dx];
  });
}

/**
 * Turns each head, of one shape, towards the one that is farthest from it by cosine, in place and all at once: its direction becomes that of
 * alpha β_k + (1 − alpha) β_far, its length stays (methods, section 3.3). Not differentiated.
 * @param heads 2 … 16
 * @throws UserError for fewer or more
 * @returns a scalar: the mean cosine of all pairs before
 */
export function alignHeads(heads: readonly Tensor[], { alpha, eps = 1e-10 }: { alpha: number; eps?: number }): Tensor {
  if (heads.length < 2 || heads.length > 16)
    throw new UserError(`${heads.length} heads cannot be aligned, only 2 to 16`);
  const { device } = heads[0]!;
  const cosine = new Tensor(device, []);
  device.native.align_heads(
    heads.map(({ handle }) => handle),
    alpha,
    eps,
    cosine.handle,
  );
  return cosine;
}

/** Scales the columns of w [O,I] to unit length in place; not differentiated. */
export function unitColumns(w: Tensor): void {
  w.device.native.unit_columns(w.handle);
}

/** Rows of logarithms of softmax. */
export function logSoftmax(x: Tensor): Tensor {
  const y = emptyLike(x);
  x.device.native.log_softmax_forward(x.handle, y.handle);
  return record(y, [x], [y], (dy) => {
    const dx = emptyLike(x);
    x.device.native.log_softmax_backward(y.handle, dy.handle, dx.handle);
    return [dx];
  });
}
