/** ERM (methods, section 4): an ordinary ResNet-18 and a linear layer to two classes. Names are torchvision's. */
import type { Device } from '../../engine/device.js';
import { Initializer } from '../../engine/nn/init.js';
import { Linear } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { globalAvgPool } from '../../engine/ops/pooling.js';
import type { Tensor } from '../../engine/tensor.js';
import { featureSize } from '../embedding.js';
import { ResNet18 } from '../resnet18.js';

export interface ErmOutput {
  /** [N,2], class 1 is live. */
  logits: Tensor;
  /** [N,512] */
  feature: Tensor;
}

export class ErmNet extends Module<[Tensor], ErmOutput> {
  private readonly resnet: ResNet18;
  private readonly fc: Linear;

  /** @param seed of the initial weights; null for a network that weights are loaded into: none are drawn */
  constructor(device: Device, { seed }: { seed: number | null }) {
    super(device);
    const init = new Initializer(seed);
    this.resnet = this.child('', new ResNet18(device, { kind: 'vanilla', theta: 0 }, init));
    const [weight, bias] = [init.torchDefault(2 * featureSize, featureSize), init.torchDefault(2, featureSize)];
    this.fc = this.child('fc', new Linear(device, [2, featureSize], weight, bias));
  }

  /** @param images features [N,3,H,W], normalised */
  protected override compute(images: Tensor): ErmOutput {
    const feature = this.features(images);
    return { logits: this.fc.forward(feature), feature };
  }

  /** Logits [N,2]. */
  classify(images: Tensor): Tensor {
    return this.fc.forward(this.features(images));
  }

  /** What the classifier sees: [N,512]. */
  features(images: Tensor): Tensor {
    return globalAvgPool(this.resnet.forward(images)[3]);
  }
}
