/** ERM behind the contract of methods: cross entropy on the batches of SSDG-R, so that SSDG-R minus ERM is its head and its losses. */
import { scope } from '../../engine/tensor.js';
import { featureSize } from '../embedding.js';
import { Graph, resnetGraph } from '../graph.js';
import { classOf, type Method } from '../method.js';
import { softmaxScore } from '../softmaxScore.js';
import { usualDrop } from '../streams.js';
import { streamTraining } from '../streamTraining.js';
import { type ErmConfig, settings } from './config.js';
import { ermLoss } from './losses.js';
import { ErmNet } from './network.js';

export const erm: Method<ErmConfig, ErmNet> = {
  name: 'erm',
  title: 'ERM',
  settings,
  variant: () => null,
  runName: () => 'erm',
  settle: (config, { targets }) => {
    const { lr_drop: drop } = config.erm;
    return { ...config, erm: { ...config.erm, lr_drop: drop === 'auto' ? usualDrop(targets) : drop } };
  },
  carried: ['data.image_size', 'data.normalize'],
  weightsKeys: ['erm.weights'],
  weights: ({ erm }) => erm.weights,

  network: (_, device, seed) => new ErmNet(device, { seed }),
  // The layer to ImageNet's classes has no place here.
  ownName: () => undefined,
  anchors: ['fc.weight', 'layer4.0.conv1.weight'],
  recognise: ({ names, shape }) =>
    names.includes('fc.weight') &&
    names.includes('layer4.0.conv1.weight') &&
    shape('fc.weight').join() === `2,${featureSize}`
      ? { overrides: [] }
      : undefined,

  training(start) {
    const { network, config } = start;
    const shared = streamTraining(start, config.erm, network.parameters());
    return {
      title: 'ERM',
      ...shared,
      batchKey: 'erm.batch',
      loss: ({ images, frames }) =>
        ermLoss(
          scope(() => network.forward(images())),
          frames.map(classOf),
        ),
      dispose: () => shared.optimizer.dispose(),
    };
  },

  outputs: (network, images) => ({ values: network.classify(images) }),
  score: softmaxScore,
  features: (network, images) => network.features(images),
  async graph(state, { data }, request) {
    const graph = new Graph(state, { conv: { kind: 'vanilla', theta: 0 }, imageSize: data.image_size, ...request });
    const layers = await resnetGraph(graph, (name) => name);
    graph.softmaxScore(await graph.layer(graph.mean(layers[3]!, 'feature'), 'fc', 'fc', [2, featureSize], 'logits'));
    return graph.finished();
  },
};
