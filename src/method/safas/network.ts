/**
 * SA-FAS (methods, section 3; Sun et al., 2023): an ordinary ResNet-18 with a linear layer to one logit, a head, for each source. Names and shapes
 * are those of the released checkpoints, whose dead tensors are kept and never read.
 */
import type { Device } from '../../engine/device.js';
import { Initializer } from '../../engine/nn/init.js';
import { Linear } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { add } from '../../engine/ops/elementwise.js';
import { alignHeads, linear } from '../../engine/ops/linear.js';
import { globalAvgPool } from '../../engine/ops/pooling.js';
import { scope, type Tensor, tensor } from '../../engine/tensor.js';
import { featureSize } from '../embedding.js';
import { ResNet18 } from '../resnet18.js';

/** A layer of the released network that nothing reads. */
class DeadLinear extends Module<[], void> {
  constructor(device: Device, out: number) {
    super(device);
    this.unused('weight', [out, featureSize], 0);
    this.unused('bias', [out], 0);
  }

  protected override compute(): void {}
}

/** BatchNorm1d(1) of the released network; what it counted there is kept as it was. */
class DeadBatchNorm extends Module<[], void> {
  constructor(device: Device) {
    super(device);
    this.unused('weight', [1], 1);
    this.unused('bias', [1], 0);
    this.unused('running_mean', [1], 0);
    this.unused('running_var', [1], 1);
    this.counter('num_batches_tracked', true);
  }

  protected override compute(): void {}
}

export interface SafasOutput {
  /** [N,1] for each head; positive is live. */
  headLogits: Tensor[];
  /** φ [N,512], not of unit length. */
  feature: Tensor;
}

export class SafasNet extends Module<[Tensor], SafasOutput> {
  private readonly resnet: ResNet18;
  private readonly heads: readonly Linear[];

  /**
   * @param heads as many as sources; the released network has 3
   * @param seed of the initial weights; null for a network that weights are loaded into: none are drawn
   */
  constructor(device: Device, { heads, seed }: { heads: number; seed: number | null }) {
    super(device);
    const init = new Initializer(seed);
    this.resnet = this.child('', new ResNet18(device, { kind: 'vanilla', theta: 0 }, init));
    this.heads = Array.from({ length: heads }, (_, k) => {
      const [weight, bias] = [init.torchDefault(featureSize, featureSize), init.torchDefault(1, featureSize)];
      return this.child(`fc${k}`, new Linear(device, [1, featureSize], weight, bias));
    });
    this.child('bn_scale', new DeadBatchNorm(device));
    this.child('fc_scale', new DeadLinear(device, 1));
    this.child('proj', new DeadLinear(device, featureSize));
  }

  /** @param images features [N,3,H,W], normalised */
  protected override compute(images: Tensor): SafasOutput {
    const feature = this.features(images);
    return { headLogits: this.heads.map((head) => head.forward(feature)), feature };
  }

  /** All head logits of images as one tensor [N,K]. For evaluation. */
  classify(images: Tensor): Tensor {
    return scope(() => joined(this.forward(images).headLogits));
  }

  /** φ [N,512] */
  features(images: Tensor): Tensor {
    return globalAvgPool(this.resnet.forward(images)[3]);
  }

  /**
   * Turns the heads towards each other, after a step of the optimiser; biases and the optimiser's state stay (methods, section 3.3).
   * @returns the mean cosine of all pairs before, a scalar; none where there is one head, which has no other
   */
  align(alpha: number): Tensor | undefined {
    if (this.heads.length < 2) return undefined;
    return alignHeads(
      this.heads.map(({ weight }) => weight),
      { alpha },
    );
  }
}

/** Columns [N,1] side by side, exactly: column k is multiplied by row k of the identity. */
function joined(columns: readonly Tensor[]): Tensor {
  const count = columns.length;
  return columns
    .map((column, k) => {
      const unit = Array.from({ length: count }, (_, j) => (j === k ? 1 : 0));
      return linear(column, tensor(column.device, unit, [count, 1]));
    })
    .reduce(add);
}

/** The score of an image from its head logits: the mean of sigmoid(scale · logit). */
export function safasScore(logits: ArrayLike<number>, scale = 1): number {
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += 1 / (1 + Math.exp(-scale * logits[k]!));
  return sum / logits.length;
}
