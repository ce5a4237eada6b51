/**
 * SSDG-R (methods, section 2; Jia et al., 2020): ResNet-18 whose layer4 belongs to the embedder, the feature f, a classifier, and a discriminator
 * of sources that no checkpoint holds. Names and shapes are those of the released checkpoints.
 */
import type { Device } from '../../engine/device.js';
import { constant, Initializer } from '../../engine/nn/init.js';
import { Linear } from '../../engine/nn/layers.js';
import { Module } from '../../engine/nn/module.js';
import { gradientReversal, relu } from '../../engine/ops/elementwise.js';
import { featureNorm, l2Normalize, linear } from '../../engine/ops/linear.js';
import type { Tensor } from '../../engine/tensor.js';
import { Embedding, type FeatureDropout, featureSize, UnitClassifier } from '../embedding.js';
import { Layers, Stem } from '../resnet18.js';

export const ssdgVariants = ['as-released', 'as-described'] as const;
/**
 * As released f has the square root of its norm and the classifier unit columns with a learnt bias; as described f has length 1 and so has each
 * row of the classifier, without bias: logits are cosines (methods, section 2.7).
 */
export type SsdgVariant = (typeof ssdgVariants)[number];

const vanilla = { kind: 'vanilla', theta: 0 } as const;

/** conv1 … layer3. */
class Backbone extends Module {
  private readonly stem: Stem;
  private readonly layers: Layers;

  constructor(device: Device, init: Initializer) {
    super(device);
    this.stem = this.child('', new Stem(device, init));
    this.layers = this.child('', new Layers(device, vanilla, init, 1, 3));
  }

  protected override compute(images: Tensor): Tensor {
    return this.layers.forward(this.stem.forward(images))[2]!;
  }
}

/** layer4 and what makes f of it. */
class Embedder extends Module<[Tensor, FeatureDropout?]> {
  private readonly layers: Layers;
  private readonly embedding: Embedding;

  constructor(device: Device, init: Initializer, variant: SsdgVariant) {
    super(device);
    this.layers = this.child('', new Layers(device, vanilla, init, 4, 4));
    const normalize = variant === 'as-released' ? featureNorm : (x: Tensor) => l2Normalize(x);
    this.embedding = this.child('', new Embedding(device, init, normalize));
  }

  protected override compute(x: Tensor, drop?: FeatureDropout): Tensor {
    return this.embedding.forward(this.layers.forward(x)[0]!, drop);
  }
}

/** f → cosines with the two rows of the weight. */
class CosineClassifier extends Module {
  private readonly weight: Tensor;

  constructor(device: Device, init: Initializer) {
    super(device);
    this.weight = this.parameter('classifier_layer.weight', [2, featureSize], init.normal(2 * featureSize, 0.01));
  }

  protected override compute(feature: Tensor): Tensor {
    return linear(feature, l2Normalize(this.weight));
  }
}

export interface SsdgOutput {
  /** [N,2], class 1 is live. */
  logits: Tensor;
  /** f [N,512], after the normalisation. */
  feature: Tensor;
}

export class SsdgNet extends Module<[Tensor, FeatureDropout?], SsdgOutput> {
  private readonly backbone: Backbone;
  private readonly embedder: Embedder;
  private readonly classifier: UnitClassifier | CosineClassifier;

  /** @param seed of the initial weights; null for a network that weights are loaded into: none are drawn */
  constructor(device: Device, { seed, variant = 'as-released' }: { seed: number | null; variant?: SsdgVariant }) {
    super(device);
    const init = new Initializer(seed);
    this.backbone = this.child('backbone', new Backbone(device, init));
    this.embedder = this.child('embedder', new Embedder(device, init, variant));
    const Classifier = variant === 'as-released' ? UnitClassifier : CosineClassifier;
    this.classifier = this.child<UnitClassifier | CosineClassifier>('classifier', new Classifier(device, init));
  }

  /** @param images features [N,3,H,W], normalised */
  protected override compute(images: Tensor, drop?: FeatureDropout): SsdgOutput {
    const feature = this.features(images, drop);
    return { logits: this.classifier.forward(feature), feature };
  }

  /** Logits [N,2]. */
  classify(images: Tensor, drop?: FeatureDropout): Tensor {
    return this.classifier.forward(this.features(images, drop));
  }

  /** f [N,512], after the normalisation. */
  features(images: Tensor, drop?: FeatureDropout): Tensor {
    return this.embedder.forward(this.backbone.forward(images), drop);
  }
}

/**
 * Logits [N,sources] of rows of f: which source each comes from. Its own gradients are ordinary; what flows on to f is reversed. Never saved
 * with a model: a run that is to be resumed keeps it beside.
 */
export class Discriminator extends Module<[Tensor, { coefficient: number; drop?: FeatureDropout }]> {
  private readonly fc1: Linear;
  private readonly fc2: Linear;

  /** @param seed of the initial weights, which are drawn apart from those of the network */
  constructor(device: Device, { seed, sources }: { seed: number | null; sources: number }) {
    super(device);
    const init = new Initializer(seed);
    const layer = (out: number, std: number) =>
      new Linear(device, [out, featureSize], init.normal(out * featureSize, std), constant(out, 0));
    this.fc1 = this.child('fc1', layer(featureSize, 0.01));
    this.fc2 = this.child('fc2', layer(sources, 0.3));
  }

  protected override compute(
    rows: Tensor,
    { coefficient, drop = (hidden) => hidden }: { coefficient: number; drop?: FeatureDropout },
  ): Tensor {
    return this.fc2.forward(drop(relu(this.fc1.forward(gradientReversal(rows, coefficient)))));
  }
}
