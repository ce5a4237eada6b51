/** Elementwise operations; tensors of one shape and layout. */
import type { FeatureType } from '../native.js';
import { record } from '../tape.js';
import { emptyLike, Tensor } from '../tensor.js';

/** a + b */
export function add(a: Tensor, b: Tensor): Tensor {
  const y = emptyLike(a);
  a.device.native.add(a.handle, b.handle, y.handle);
  return record(y, [a, b], [], (dy) => [dy.retain(), dy.retain()]);
}

/** factor · x, with a constant factor. */
export function scale(x: Tensor, factor: number): Tensor {
  const y = emptyLike(x);
  x.device.native.scale(x.handle, factor, y.handle);
  return record(y, [x], [], (dy) => {
    const dx = emptyLike(x);
    x.device.native.scale(dy.handle, factor, dx.handle);
    return [dx];
  });
}

/** a ⊙ b, with a constant b (a dropout mask). */
export function mask(a: Tensor, b: Tensor): Tensor {
  const y = emptyLike(a);
  a.device.native.multiply(a.handle, b.handle, y.handle);
  return record(y, [a], [b], (dy) => {
    const da = emptyLike(a);
    a.device.native.multiply(dy.handle, b.handle, da.handle);
    return [da];
  });
}

/** Features in another type: x itself where they have it. Their gradient goes back in x's. */
export function convert(x: Tensor, dtype: FeatureType): Tensor {
  if (x.dtype === dtype) return x;
  const y = new Tensor(x.device, x.shape, dtype, 'features');
  x.device.native.convert(x.handle, y.handle);
  return record(y, [x], [], (dy) => {
    const dx = emptyLike(x);
    x.device.native.convert(dy.handle, dx.handle);
    return [dx];
  });
}

/** max(x, 0); the gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  const y = emptyLike(x);
  x.device.native.relu_forward(x.handle, y.handle);
  return record(y, [x], [y], (dy) => {
    const dx = emptyLike(x);
    x.device.native.relu_backward(y.handle, dy.handle, dx.handle);
    return [dx];
  });
}

/** x, bit for bit; its gradient is −coefficient times the upstream (Ganin et al., 2016). */
export function gradientReversal(x: Tensor, coefficient: number): Tensor {
  const y = emptyLike(x);
  x.device.native.scale(x.handle, 1, y.handle);
  return record(y, [x], [], (dy) => {
    const dx = emptyLike(x);
    x.device.native.scale(dy.handle, -coefficient, dx.handle);
    return [dx];
  });
}

/**
 * Dropout: keeps each element of dense x with probability 1 − p and divides it by that. The mask is a pure function of
 * (seed, purpose, step).
 */
export function dropout(x: Tensor, p: number, key: { seed: number; purpose: number; step: number }): Tensor {
  const keep = emptyLike(x);
  x.device.native.dropout_mask(keep.handle, p, key.seed, key.purpose, key.step);
  return mask(x, keep);
}
