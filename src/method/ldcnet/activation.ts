/**
 * Stage 1 (method, section 3): the activation network of the source domains, whose Grad-CAMs are the quasi ground truth of LDCNet's maps.
 * As released a ResNet-18; in the paper's wording LDCNet itself, which stage 2 goes on from.
 */
import { shuffledBatches } from '../../data/sampler.js';
import { crossEntropy } from '../../engine/ops/losses.js';
import { Adam } from '../../engine/optim/optimizers.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import { classOf, type Network, type Teacher } from '../method.js';
import { ActivationNet } from './activationNet.js';
import type { LdcNetConfig } from './config.js';
import { type CamNetwork, gradCam } from './gradCam.js';
import { LdcNet } from './network.js';
import { quasiGroundTruth } from './quasiGroundTruth.js';

/** A network with two classes whose layer4 can be looked at. */
export type ActivationNetwork = Network & CamNetwork & { classify(images: Tensor): Tensor };

export const activationTeacher: Teacher<LdcNetConfig, ActivationNetwork> = {
  metadata: ({ activation }) => ({ network: activation.network }),

  dependsOn({ seed, data, activation, model }) {
    const conv = activation.network === 'ldcnet' ? [model.conv, model.weights] : [];
    return [seed, data.image_size, data.normalize, data.dev_fraction, activation, model.map_size, ...conv];
  },

  network({ seed, activation, model }, device) {
    if (activation.network === 'resnet18') return new ActivationNet(device, { seed });
    return new LdcNet(device, { conv: model.conv, mapSize: model.map_size, seed });
  },

  weights: ({ activation, model }) => activation.weights ?? (activation.network === 'ldcnet' ? model.weights : null),

  ownName: (name, { activation }) => `${activation.network === 'ldcnet' ? 'backbone' : 'FeatExtor_LS'}.${name}`,

  isStart: ({ activation }) => activation.network === 'ldcnet',

  training({ config: { activation, seed }, device, network, frames }) {
    const optimizer = new Adam(device, network.parameters(), { lr: activation.lr });
    return {
      title: 'activation network',
      epochs: activation.epochs,
      batches: (epoch) => shuffledBatches(frames.length, activation.batch_size, seed, epoch),
      batchKey: 'activation.batch_size',
      optimizer,
      loss({ images, frames: batch }) {
        const logits = scope(() => network.classify(images()));
        return { loss: crossEntropy(logits, batch.map(classOf)) };
      },
      dispose: () => optimizer.dispose(),
    };
  },

  maps({ data, model }, network, images, classes) {
    const { raw, logits } = gradCam(network, images, classes);
    return { maps: quasiGroundTruth(raw, [data.image_size, data.image_size], model.map_size), logits };
  },
};
