/** Pooling, concatenation and resizing of features. */
import { UserError } from '../../base/errors.js';
import { record } from '../tape.js';
import { emptyLike, Tensor } from '../tensor.js';

/** Maximum over windows; a tie sends the gradient to the first maximum in row-major order. */
export function maxPool2d(x: Tensor, kernel: number, stride: number, padding: number): Tensor {
  const { native } = x.device;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const extent = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  if (extent(h) < 1 || extent(w) < 1)
    throw new UserError(`an input of ${h}x${w} is too small for ${kernel}x${kernel} pooling`);
  const shape = [n, c, extent(h), extent(w)];
  const y = new Tensor(x.device, shape, x.dtype, 'features');
  const taps = new Tensor(x.device, shape, 'uint8', 'features');
  native.max_pool2d_forward(x.handle, kernel, stride, padding, y.handle, taps.handle);
  return record(y, [x], [taps], (dy) => {
    const dx = emptyLike(x);
    native.max_pool2d_backward(dy.handle, taps.handle, kernel, stride, padding, dx.handle);
    return [dx];
  });
}

/** Mean over height and width: features [N,C,H,W] → dense [N,C]. */
export function globalAvgPool(x: Tensor): Tensor {
  const y = new Tensor(x.device, x.shape.slice(0, 2));
  x.device.native.global_avg_pool_forward(x.handle, y.handle);
  return record(y, [x], [], (dy) => {
    const dx = emptyLike(x);
    x.device.native.global_avg_pool_backward(dy.handle, dx.handle);
    return [dx];
  });
}

/**
 * Adaptive average pooling of every input to [height, width], joined along the channels without a copy in between.
 * Bin i averages rows ⌊iH/H'⌋ … ⌈(i+1)H/H'⌉ − 1, also when that enlarges.
 */
export function adaptiveAvgPoolConcat(inputs: readonly Tensor[], [height, width]: readonly [number, number]): Tensor {
  return joined(
    inputs,
    [height, width],
    (x, y, channel) => x.device.native.adaptive_avg_pool2d_forward(x.handle, y.handle, channel),
    (dy, channel, dx) => dx.device.native.adaptive_avg_pool2d_backward(dy.handle, channel, dx.handle),
  );
}

/** `adaptiveAvgPoolConcat` of one input. */
export function adaptiveAvgPool2d(x: Tensor, size: readonly [number, number]): Tensor {
  return adaptiveAvgPoolConcat([x], size);
}

/** Joins features of equal batch and size along the channels. */
export function concat(inputs: readonly Tensor[]): Tensor {
  const [, , height, width] = inputs[0]!.shape as [number, number, number, number];
  return joined(
    inputs,
    [height, width],
    (x, y, channel) => x.device.native.copy_channels(x.handle, 0, y.handle, channel, x.shape[1]!),
    (dy, channel, dx) => dx.device.native.copy_channels(dy.handle, channel, dx.handle, 0, dx.shape[1]!),
  );
}

function joined(
  inputs: readonly Tensor[],
  [height, width]: readonly [number, number],
  forward: (x: Tensor, y: Tensor, channel: number) => void,
  backward: (dy: Tensor, channel: number, dx: Tensor) => void,
): Tensor {
  const first = inputs[0]!;
  let channels = 0;
  const starts = inputs.map((x) => {
    const start = channels;
    channels += x.shape[1]!;
    return start;
  });
  const y = new Tensor(first.device, [first.shape[0]!, channels, height, width], first.dtype, 'features');
  inputs.forEach((x, i) => {
    forward(x, y, starts[i]!);
  });
  return record(y, inputs, [], (dy) =>
    inputs.map((x, i) => {
      if (!x.requiresGrad) return undefined;
      const dx = emptyLike(x);
      backward(dy, starts[i]!, dx);
      return dx;
    }),
  );
}

/** Bilinear resizing to [height, width]: half-pixel centres, clamped, no antialiasing. Not differentiated. */
export function resizeBilinear(x: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [n, c] = x.shape as [number, number];
  const y = new Tensor(x.device, [n, c, height, width], x.dtype, 'features');
  x.device.native.resize_bilinear(x.handle, y.handle);
  return y;
}
