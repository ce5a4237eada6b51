/** The head that LDCNet took over from SSDG (method, section 2): a linear layer to f, and a classifier of unit columns. */
import type { Device } from '../engine/device.js';
import { constant, type Initializer } from '../engine/nn/init.js';
import { Linear } from '../engine/nn/layers.js';
import { Module } from '../engine/nn/module.js';
import { relu } from '../engine/ops/elementwise.js';
import { featureNorm, unitColumns } from '../engine/ops/linear.js';
import { globalAvgPool } from '../engine/ops/pooling.js';
import type { Tensor } from '../engine/tensor.js';

/** Channels of f, the feature that the classifier and the triplet loss see. */
export const featureSize = 512;

/** What dropout does to the feature while training; left out, nothing is dropped. */
export type FeatureDropout = (feature: Tensor) => Tensor;

/** layer4 [N,512,H,W] → f [N,512], after dropout and normalisation. */
export class Embedding extends Module<[Tensor, FeatureDropout?]> {
  private readonly bottleneck: Linear;

  /** @param normalize makes f of what dropout left */
  constructor(
    device: Device,
    init: Initializer,
    private readonly normalize: (x: Tensor) => Tensor = featureNorm,
  ) {
    super(device);
    const weight = init.normal(featureSize * 512, 0.005);
    this.bottleneck = this.child(
      'bottleneck_layer_fc',
      new Linear(device, [featureSize, 512], weight, constant(featureSize, 0.1)),
    );
    this.alias('bottleneck_layer.0.weight', 'bottleneck_layer_fc.weight', this.bottleneck.weight);
    this.alias('bottleneck_layer.0.bias', 'bottleneck_layer_fc.bias', this.bottleneck.bias);
  }

  protected override compute(layer4: Tensor, drop: FeatureDropout = (feature) => feature): Tensor {
    return this.normalize(drop(relu(this.bottleneck.forward(globalAvgPool(layer4)))));
  }
}

/** f → logits [N,2]: a linear layer whose stored weight is scaled to unit columns before each forward pass. */
export class UnitClassifier extends Module {
  private readonly layer: Linear;

  constructor(device: Device, init: Initializer) {
    super(device);
    const weight = init.normal(2 * featureSize, 0.01);
    this.layer = this.child('classifier_layer', new Linear(device, [2, featureSize], weight, constant(2, 0)));
  }

  protected override compute(feature: Tensor): Tensor {
    unitColumns(this.layer.weight);
    return this.layer.forward(feature);
  }
}
