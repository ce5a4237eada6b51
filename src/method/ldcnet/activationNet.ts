/**
 * The activation network of stage 1 (method, section 3): an ordinary ResNet-18 with torchvision's 1000-way layer and a linear
 * layer to two classes behind it. Names are those of the released checkpoints.
 */
import type { Device } from '../../engine/device.js';
import { Initializer } from '../../engine/nn/init.js';
import { Linear } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { globalAvgPool } from '../../engine/ops/pooling.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import { ResNet18 } from '../resnet18.js';
import type { CamNetwork } from './gradCam.js';

const imagenetClasses = 1000;

class Backbone extends Module {
  readonly resnet: ResNet18;
  readonly fc: Linear;

  constructor(device: Device, init: Initializer) {
    super(device);
    this.resnet = this.child('', new ResNet18(device, { kind: 'vanilla', theta: 0 }, init));
    this.fc = this.child('fc', linearLayer(device, init, imagenetClasses, 512));
  }

  protected override compute(images: Tensor): Tensor {
    return this.resnet.forward(images)[3];
  }
}

/** Logits [N,2] of images [N,3,H,W]; class 1 is live. */
export class ActivationNet extends Module implements CamNetwork {
  private readonly backbone: Backbone;
  private readonly fc: Linear;

  constructor(device: Device, { seed }: { seed: number }) {
    super(device);
    const init = new Initializer(seed);
    this.backbone = this.child('FeatExtor_LS', new Backbone(device, init));
    this.fc = this.child('FC_LS', linearLayer(device, init, 2, imagenetClasses));
  }

  protected override compute(images: Tensor): Tensor {
    return this.classScores(this.activation(images));
  }

  /** Same as `forward`: the whole network is a classifier. */
  classify(images: Tensor): Tensor {
    return this.forward(images);
  }

  activation(images: Tensor): Tensor {
    return this.backbone.forward(images);
  }

  classScores(activation: Tensor): Tensor {
    return scope(() => this.fc.forward(this.backbone.fc.forward(globalAvgPool(activation))));
  }
}

function linearLayer(device: Device, init: Initializer, out: number, inn: number): Linear {
  return new Linear(device, [out, inn], init.torchDefault(out * inn, inn), init.torchDefault(out, inn));
}
