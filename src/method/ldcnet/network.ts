/**
 * LDCNet (method, section 2): feature extractor FE, classifier CF, and the live and spoof attention estimators LE and SE.
 * Names and shapes are those of the released checkpoints.
 */
import type { Device } from '../../engine/device.js';
import { Initializer } from '../../engine/nn/init.js';
import { BatchNorm } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { convert, relu } from '../../engine/ops/elementwise.js';
import { adaptiveAvgPoolConcat } from '../../engine/ops/pooling.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import { type ConvForm, DescriptiveConv, LocalDescriptor } from '../descriptiveConv.js';
import { Embedding, type FeatureDropout, UnitClassifier } from '../embedding.js';
import { ResNet18 } from '../resnet18.js';
import type { CamNetwork } from './gradCam.js';

/** Channels of the pooled outputs of layer1, layer2 and layer3, joined. */
export const catChannels = 64 + 128 + 256;

/** ResNet-18 with descriptive convolutions, and the linear layer behind it. */
class FeatureExtractor extends Module<[Tensor], [Tensor, Tensor, Tensor, Tensor]> {
  readonly resnet: ResNet18;
  readonly embedding: Embedding;

  constructor(device: Device, form: ConvForm, init: Initializer) {
    super(device);
    this.resnet = this.child('', new ResNet18(device, form, init));
    this.embedding = this.child('', new Embedding(device, init));
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

/** LE or SE: 448 → 128 → 64 → 1 channels, a map [N,1,S,S] that is never negative, in float32. */
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
    return convert(relu(this.last.forward(y)), 'float32');
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

export class LdcNet extends Module<[Tensor, FeatureDropout?], LdcNetOutput> implements CamNetwork {
  private readonly extractor: FeatureExtractor;
  private readonly live: AttentionEstimator;
  private readonly spoof: AttentionEstimator;
  private readonly classifier: UnitClassifier;
  readonly mapSize: number;

  constructor(device: Device, { conv, mapSize, seed }: LdcNetOptions) {
    super(device);
    const init = new Initializer(seed);
    this.mapSize = mapSize;
    this.extractor = this.child('backbone', new FeatureExtractor(device, conv, init));
    this.live = this.child('LiveEstor', new AttentionEstimator(device, conv, init));
    this.spoof = this.child('SpoofEstor', new AttentionEstimator(device, conv, init));
    this.classifier = this.child('classifier', new UnitClassifier(device, init));
  }

  /** @param images features [N,3,H,W], normalised */
  protected override compute(images: Tensor, drop?: FeatureDropout): LdcNetOutput {
    const { catfeat, feature } = scope(() => {
      const [layer1, layer2, layer3, layer4] = this.extractor.forward(images);
      const catfeat = adaptiveAvgPoolConcat([layer1, layer2, layer3], [this.mapSize, this.mapSize]);
      return { catfeat, feature: this.extractor.embedding.forward(layer4, drop) };
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
    return this.classifier.forward(this.features(images, drop));
  }

  /** FE alone: f [N,512], after the normalisation. */
  features(images: Tensor, drop?: FeatureDropout): Tensor {
    return this.extractor.embedding.forward(this.activation(images), drop);
  }

  activation(images: Tensor): Tensor {
    return this.extractor.forward(images)[3];
  }

  classScores(activation: Tensor): Tensor {
    return this.classifier.forward(this.extractor.embedding.forward(activation));
  }
}
