/** Operations on dense rows [N,D]. */
import { record } from '../tape.js';
import { emptyLike, Tensor } from '../tensor.js';

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
