/** Quasi ground truth for the attention estimators: Grad-CAM maps, rescaled as released (method, section 3.2). */
import { scale } from '../../engine/ops/elementwise.js';
import { resizeBilinear } from '../../engine/ops/pooling.js';
import { emptyLike, scope, type Tensor } from '../../engine/tensor.js';

/** The largest value of a map. */
export const mapMaximum = 255;

/** By image: (x − min) / (1e-7 + max(x − min)). */
export function unitRange(x: Tensor): Tensor {
  const y = emptyLike(x);
  x.device.native.unit_range(x.handle, y.handle);
  return y;
}

/**
 * Raw maps [N,1,h,w] → maps [N,1,S,S] in 0…255: unit range, bilinear to the input size, unit range, bilinear to the map size.
 * An image whose Grad-CAM is nowhere positive gives zeros.
 */
export function quasiGroundTruth(raw: Tensor, inputSize: readonly [number, number], mapSize: number): Tensor {
  return scope(() => {
    const atInput = unitRange(resizeBilinear(unitRange(raw), inputSize));
    return scale(resizeBilinear(atInput, [mapSize, mapSize]), mapMaximum);
  });
}
