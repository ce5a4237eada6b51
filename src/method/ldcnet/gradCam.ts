/** Grad-CAM (Selvaraju et al., 2017) at the end of layer4 (method, section 3.2). */
import { backward, clearGrads, withTape } from '../../engine/tape.js';
import { scope, Tensor, tensor } from '../../engine/tensor.js';

/** A network in two parts: up to the activation that the map is drawn on, and from there to class scores. */
export interface CamNetwork {
  /** Images [N,3,H,W] → layer4 [N,512,H/32,W/32]. */
  activation(images: Tensor): Tensor;
  /** layer4 → logits [N,C]. */
  classScores(activation: Tensor): Tensor;
}

/**
 * raw = ReLU(Σ_c mean(∂score/∂A_c) · A_c), features [N,1,h,w], for one target class an image. The network must be in evaluation
 * mode. Only the head is differentiated: nothing in front of layer4 is needed for it.
 */
export function gradCam(
  network: CamNetwork,
  images: Tensor,
  classes: readonly number[],
): { raw: Tensor; logits: Tensor } {
  return scope(() => {
    const activation = network.activation(images);
    activation.requiresGrad = true;
    const logits = withTape(() => {
      const scores = network.classScores(activation);
      backward([{ tensor: scores, upstream: oneHot(scores, classes) }], [activation]);
      return scores;
    });
    const [n, , h, w] = activation.shape as [number, number, number, number];
    const raw = new Tensor(images.device, [n, 1, h, w], 'float32', 'features');
    images.device.native.grad_cam(activation.handle, activation.grad!.handle, raw.handle);
    clearGrads([activation]);
    return { raw, logits };
  });
}

function oneHot(scores: Tensor, classes: readonly number[]): Tensor {
  const [n, c] = scores.shape as [number, number];
  const values = new Float32Array(n * c);
  classes.forEach((target, row) => {
    values[row * c + target] = 1;
  });
  return tensor(scores.device, values, [n, c]);
}
