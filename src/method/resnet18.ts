/**
 * ResNet-18 (He et al., 2016) up to layer4, with torchvision's names. LDCNet's feature extractor has descriptive convolutions in
 * its BasicBlocks; stem and 1×1 down-sampling are ordinary ones (method, section 2).
 */
import type { Device } from '../engine/device.js';
import type { Initializer } from '../engine/nn/init.js';
import { BatchNorm, Conv2d } from '../engine/nn/layers.js';
import { Module } from '../engine/nn/module.js';
import { maxPool2d } from '../engine/ops/pooling.js';
import type { Tensor } from '../engine/tensor.js';
import { type ConvForm, DescriptiveConv, LocalDescriptor } from './descriptiveConv.js';

/** Channels and stride of layer1 … layer4. */
export const stages = [
  [64, 1],
  [128, 2],
  [256, 2],
  [512, 2],
] as const;

/** Two 3×3 convolutions and a shortcut: [N,inn,H,W] → [N,out,H/stride,W/stride]. */
class BasicBlock extends Module {
  private readonly conv1: DescriptiveConv;
  private readonly bn1: BatchNorm;
  private readonly conv2: DescriptiveConv;
  private readonly bn2: BatchNorm;
  private readonly shortcut: { conv: Conv2d; bn: BatchNorm } | undefined;

  constructor(device: Device, form: ConvForm, init: Initializer, inn: number, out: number, stride: number) {
    super(device);
    const descriptor = (inputs: number, i: 1 | 2) =>
      this.child(
        '',
        new LocalDescriptor(device, form, [out, inputs], {
          base: `base_mask${i}`,
          mask: `learnable_mask${i}`,
          theta: `theta${i}`,
        }),
      );
    const [descriptor1, descriptor2] = [descriptor(inn, 1), descriptor(out, 2)];
    const draw = (inputs: number) => () => init.kaimingFanOut([out, inputs, 3]);
    this.conv1 = this.child('conv1', new DescriptiveConv(device, descriptor1, [out, inn], stride, draw(inn)));
    this.bn1 = this.child('bn1', new BatchNorm(device, out));
    this.conv2 = this.child('conv2', new DescriptiveConv(device, descriptor2, [out, out], 1, draw(out)));
    this.bn2 = this.child('bn2', new BatchNorm(device, out));
    if (stride !== 1 || inn !== out) {
      const values = init.kaimingFanOut([out, inn, 1]);
      this.shortcut = {
        conv: this.child('downsample.0', new Conv2d(device, [out, inn, 1], stride, 0, values)),
        bn: this.child('downsample.1', new BatchNorm(device, out)),
      };
    }
  }

  protected override compute(x: Tensor): Tensor {
    const y = this.bn1.forward(this.conv1.forward(x), { relu: true, recompute: true });
    const residual =
      this.shortcut === undefined ? x : this.shortcut.bn.forward(this.shortcut.conv.forward(x), { recompute: true });
    return this.bn2.forward(this.conv2.forward(y), { relu: true, residual, recompute: true });
  }
}

/** What stands before layer1: images [N,3,H,W] → [N,64,H/4,W/4]. */
export class Stem extends Module {
  private readonly conv1: Conv2d;
  private readonly bn1: BatchNorm;

  constructor(device: Device, init: Initializer) {
    super(device);
    this.conv1 = this.child('conv1', new Conv2d(device, [64, 3, 7], 2, 3, init.kaimingFanOut([64, 3, 7])));
    this.bn1 = this.child('bn1', new BatchNorm(device, 64));
  }

  protected override compute(images: Tensor): Tensor {
    return maxPool2d(this.bn1.forward(this.conv1.forward(images), { relu: true, recompute: true }), 3, 2, 1);
  }
}

/** Layers that follow each other, `first` … `last` of 1 … 4; gives the output of each. */
export class Layers extends Module<[Tensor], Tensor[]> {
  private readonly layers: readonly (readonly BasicBlock[])[];

  constructor(device: Device, form: ConvForm, init: Initializer, first: number, last: number) {
    super(device);
    this.layers = stages.slice(first - 1, last).map(([out, stride], i) =>
      [0, 1].map((j) => {
        const inn = j === 1 ? out : (stages[first + i - 2]?.[0] ?? 64);
        const block = new BasicBlock(device, form, init, inn, out, j === 0 ? stride : 1);
        return this.child(`layer${first + i}.${j}`, block);
      }),
    );
  }

  protected override compute(x: Tensor): Tensor[] {
    let y = x;
    return this.layers.map((blocks) => {
      for (const block of blocks) y = block.forward(y);
      return y;
    });
  }
}

/** Outputs of layer1 … layer4 for images [N,3,H,W]: 64 channels at H/4, 128 at H/8, 256 at H/16, 512 at H/32. */
export class ResNet18 extends Module<[Tensor], [Tensor, Tensor, Tensor, Tensor]> {
  private readonly stem: Stem;
  private readonly layers: Layers;

  constructor(device: Device, form: ConvForm, init: Initializer) {
    super(device);
    this.stem = this.child('', new Stem(device, init));
    this.layers = this.child('', new Layers(device, form, init, 1, 4));
  }

  protected override compute(images: Tensor): [Tensor, Tensor, Tensor, Tensor] {
    return this.layers.forward(this.stem.forward(images)) as [Tensor, Tensor, Tensor, Tensor];
  }
}
