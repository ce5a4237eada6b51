/**
 * LDCNet (method, section 2): feature extractor FE, classifier CF, and the live and spoof attention estimators LE and SE.
 * Names and shapes are those of the released checkpoints.
 */
import type { Device } from '../../engine/device.js';
import { constant, Initializer } from '../../engine/nn/init.js';
import { BatchNorm, Linear } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { relu } from '../../engine/ops/elementwise.js';
import { featureNorm, unitColumns } from '../../engine/ops/linear.js';
import { adaptiveAvgPoolConcat, globalAvgPool } from '../../engine/ops/pooling.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import { type ConvForm, DescriptiveConv, LocalDescriptor } from '../descriptiveConv.js';
import { ResNet18 } from '../resnet18.js';
import type { CamNetwork } from './gradCam.js';

/** Channels of f, the feature that the classifier and the triplet loss see. */
export const featureSize = 512;
/** Channels of the pooled outputs of layer1, layer2 and layer3, joined. */
export const catChannels = 64 + 128 + 256;

/** ResNet-18 with descriptive convolutions, and the linear layer behind it. */
class FeatureExtractor extends Module<[Tensor], [Tensor, Tensor, Tensor, Tensor]> {
  readonly resnet: ResNet18;
  readonly bottleneck: Linear;

  constructor(device: Device, form: ConvForm, init: Initializer) {
    super(device);
    this.resnet = this.child('', new ResNet18(device, form, init));
    const weight = init.normal(featureSize * 512, 0.005);
    this.bottleneck = this.child(
      'bottleneck_layer_fc',
      new Linear(device, [featureSize, 512], weight, constant(featureSize, 0.1)),
    );
    this.alias('bottleneck_layer.0.weight', 'bottleneck_layer_fc.weight', this.bottleneck.weight);
    this.alias('bottleneck_layer.0.bias', 'bottleneck_layer_fc.bias', this.bottleneck.bias);
  }

  protected override compute(images: Tensor): [Tensor, Tensor, Tensor, Tensor] {
    return this.resnet.forward(images);
  }
}

/** One descriptive convolution of an estimator, under the estimator's names. */
class EstimatorConv extends Module {
  private readonly conv: DescriptiveConv;

  constructor(device: Device, form: ConvForm, init: Initializer, [out, inn]: readonly [number, number]) {
    super(device);
    const names = { base: 'base_mask', mask: 'learnable_mask', theta: 'learnable_theta' };
    const descriptor = this.child('', new LocalDescriptor(device, form, [out, inn], names));
    const draw = () => init.torchDefault(out * inn * 9, inn * 9);
    this.conv = this.child('conv', new DescriptiveConv(device, descriptor, [out, inn], 1, draw));
  }

  protected override compute(x: Tensor): Tensor {
    return this.conv.forward(x);
  }
}

/** LE or SE: 448 → 128 → 64 → 1 channels, a map [N,1,S,S] that is never negative. */
class AttentionEstimator extends Module {
  private readonly layers: readonly { conv: EstimatorConv; bn: BatchNorm }[];
  private readonly last: EstimatorConv;

  constructor(device: Device, form: ConvForm, init: Initializer) {
    super(device);
    const layer = (i: number, shape: readonly [number, number]) => ({
      conv: this.child(`conv.${i}`, new EstimatorConv(device, form, init, shape)),
      bn: this.child(`conv.${i + 1}`, new BatchNorm(device, shape[0])),
    });
    this.layers = [layer(0, [128, catChannels]), layer(3, [64, 128])];
    this.last = this.child('conv.6', new EstimatorConv(device, form, init, [1, 64]));
  }

  protected override compute(catfeat: Tensor): Tensor {
    const y = this.layers.reduce(
      (x, { conv, bn }) => bn.forward(conv.forward(x), { relu: true, recompute: true }),
      catfeat,
    );
    return relu(this.last.forward(y));
  }
}

/** CF: a linear layer whose stored weight is scaled to unit columns before each forward pass. */
class Classifier extends Module {
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

export interface LdcNetOptions {
  conv: ConvForm;
  /** Height and width of the attention maps; 32 in the paper. */
  mapSize: number;
  /** Of the initial weights; null for a network that weights are loaded into: none are drawn. */
  seed: number | null;
}

export interface LdcNetOutput {
  /** [N,2], class 1 is live. */
  logits: Tensor;
  /** [N,1,S,S], 0…255. */
  liveMap: Tensor;
  spoofMap: Tensor;
  /** [N,512], after the normalisation. */
  feature: Tensor;
}

/** What dropout does to the feature while training; left out, nothing is dropped. */
export type FeatureDropout = (feature: Tensor) => Tensor;

export class LdcNet extends Module<[Tensor, FeatureDropout?], LdcNetOutput> implements CamNetwork {
  private readonly extractor: FeatureExtractor;
  private readonly live: AttentionEstimator;
  private readonly spoof: AttentionEstimator;
  private readonly classifier: Classifier;
  readonly mapSize: number;

  constructor(device: Device, { conv, mapSize, seed }: LdcNetOptions) {
    super(device);
    const init = new Initializer(seed);
    this.mapSize = mapSize;
    this.extractor = this.child('backbone', new FeatureExtractor(device, conv, init));
    this.live = this.child('LiveEstor', new AttentionEstimator(device, conv, init));
    this.spoof = this.child('SpoofEstor', new AttentionEstimator(device, conv, init));
    this.classifier = this.child('classifier', new Classifier(device, init));
  }

  /** @param images features [N,3,H,W], normalised */
  protected override compute(images: Tensor, drop?: FeatureDropout): LdcNetOutput {
    const { catfeat, feature } = scope(() => {
      const [layer1, layer2, layer3, layer4] = this.extractor.forward(images);
      const catfeat = adaptiveAvgPoolConcat([layer1, layer2, layer3], [this.mapSize, this.mapSize]);
      return { catfeat, feature: this.featureOf(layer4, drop) };
    });
    return {
      logits: this.classifier.forward(feature),
      liveMap: this.live.forward(catfeat),
      spoofMap: this.spoof.forward(catfeat),
      feature,
    };
  }

  /** FE and CF alone: logits [N,2]. */
  classify(images: Tensor, drop?: FeatureDropout): Tensor {
    return this.classifier.forward(this.featureOf(this.activation(images), drop));
  }

  /** FE alone: f [N,512], after the normalisation. */
  features(images: Tensor): Tensor {
    return this.featureOf(this.activation(images));
  }

  activation(images: Tensor): Tensor {
    return this.extractor.forward(images)[3];
  }

  classScores(activation: Tensor): Tensor {
    return this.classifier.forward(this.featureOf(activation));
  }

  private featureOf(layer4: Tensor, drop: FeatureDropout = (feature) => feature): Tensor {
    return featureNorm(drop(relu(this.extractor.bottleneck.forward(globalAvgPool(layer4)))));
  }
}
