/** SA-FAS behind the contract of methods, with its controls `heads_only` and `supcon_only`. */
import { UserError } from '../../base/errors.js';
import type { StateSource } from '../../engine/nn/module.js';
import { featureSize } from '../embedding.js';
import { tensorOf } from '../foldedConv.js';
import { Graph, resnetGraph } from '../graph.js';
import type { Method } from '../method.js';
import { type SafasConfig, settings } from './config.js';
import { SafasNet, safasScore } from './network.js';
import { safasTraining } from './training.js';

export const safas: Method<SafasConfig, SafasNet> = {
  name: 'safas',
  title: 'SA-FAS',
  settings,
  variant: ({ safas }) => (safas.control === 'none' ? 'as-released' : safas.control),
  runName: ({ safas }) => (safas.control === 'none' ? 'safas' : `safas-${safas.control}`),
  settle(config, { sources, targets }) {
    const { heads, lr_step: step } = config.safas;
    const { epochs } = config.train as { epochs: number | 'auto' };
    const toO = targets.includes('O');
    if (heads !== 'auto' && heads < sources.length) {
      throw new UserError(`safas.heads is ${heads}, and the protocol has ${sources.length} sources: each needs a head`);
    }
    return {
      ...config,
      train: { ...config.train, epochs: epochs === 'auto' ? (toO ? 300 : 100) : epochs },
      safas: {
        ...config.safas,
        heads: heads === 'auto' ? sources.length : heads,
        lr_step: step === 'auto' ? (toO ? 120 : 40) : step,
      },
    };
  },
  carried: ['data.image_size', 'data.normalize', 'safas.heads', 'safas.scale'],
  weightsKeys: ['safas.weights'],
  weights: ({ safas }) => safas.weights,

  network: ({ safas }, device, seed) => new SafasNet(device, { heads: Number(safas.heads), seed }),
  // The layer to ImageNet's classes has no place here.
  ownName: () => undefined,
  anchors: ['fc0.weight', 'layer4.0.conv1.weight'],
  recognise: (state) =>
    state.names.includes('fc0.weight') && state.names.includes('layer4.0.conv1.weight')
      ? { overrides: [`safas.heads=${headsOf(state)}`] }
      : undefined,

  training: safasTraining,

  outputs: (network, images) => ({ values: network.classify(images) }),
  score: (logits, { safas }) => safasScore(logits, safas.scale),
  features: (network, images) => network.features(images),
  async graph(state, { data, safas }, request) {
    const graph = new Graph(state, { conv: { kind: 'vanilla', theta: 0 }, imageSize: data.image_size, ...request });
    const layers = await resnetGraph(graph, (name) => name);
    const feature = graph.mean(layers[3]!, 'feature');
    const heads = headsOf(state);
    const rows: number[] = [];
    const biases: number[] = [];
    for (let k = 0; k < heads; k++) {
      const weight = await tensorOf(state, `fc${k}.weight`, [1, featureSize]);
      for (let i = 0; i < featureSize; i++) rows.push(safas.scale * weight[i]!);
      biases.push(safas.scale * (await tensorOf(state, `fc${k}.bias`, [1]))[0]!);
    }
    graph.linear(feature, 'heads', [heads, featureSize], rows, biases, 'logits');
    graph.node('Sigmoid', ['logits'], 'probabilities');
    graph.node('ReduceMean', ['probabilities'], 'score', { axes: { ints: [1] }, keepdims: { int: 0 } });
    return graph.finished();
  },
};

/** How many heads a file has. */
function headsOf({ names }: StateSource): number {
  return names.filter((name) => /^fc\d+\.weight$/.test(name)).length;
}
