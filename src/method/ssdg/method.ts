/** SSDG-R behind the contract of methods, as released and as described. */
import type { StateSource } from '../../engine/nn/module.js';
import { featureSize } from '../embedding.js';
import { embeddingGraph, unitClassifierGraph } from '../embeddingGraph.js';
import { tensorOf } from '../foldedConv.js';
import { Graph, resnetGraph } from '../graph.js';
import type { Method } from '../method.js';
import { softmaxScore } from '../softmaxScore.js';
import { usualDrop } from '../streams.js';
import { type SsdgConfig, settings } from './config.js';
import { SsdgNet } from './network.js';
import { ssdgTraining } from './training.js';

const classifier = 'classifier.classifier_layer';
/** What the authors' re-run calls it. */
const rerunClassifier = 'classifier_label.classifier_layer';

export const ssdg: Method<SsdgConfig, SsdgNet> = {
  name: 'ssdg',
  title: 'SSDG-R',
  settings,
  variant: ({ ssdg }) => ssdg.variant,
  runName: ({ ssdg }) => `ssdg-${ssdg.variant}`,
  settle(config, { targets }) {
    const { lambda_triplet: triplet, lambda_adreal: adreal, lr_drop: drop } = config.ssdg;
    const toO = targets.includes('O');
    const settled = {
      lambda_triplet: triplet === 'auto' ? (toO ? 2 : 1) : triplet,
      lambda_adreal: adreal === 'auto' ? (toO ? 0.1 : 0.5) : adreal,
      lr_drop: drop === 'auto' ? usualDrop(targets) : drop,
    };
    return { ...config, ssdg: { ...config.ssdg, ...settled } };
  },
  carried: ['data.image_size', 'data.normalize', 'ssdg.variant'],
  weightsKeys: ['ssdg.weights'],
  weights: ({ ssdg }) => ssdg.weights,

  network: ({ ssdg }, device, seed) => new SsdgNet(device, { seed, variant: ssdg.variant }),
  ownName: (name, { ssdg }) => {
    if (name === `${rerunClassifier}.weight`) return `${classifier}.weight`;
    if (!name.startsWith('layer4.')) return `backbone.${name}`;
    // As released, layer4 is built without ImageNet's weights.
    return ssdg.variant === 'as-released' ? undefined : `embedder.${name}`;
  },
  anchors: [`${classifier}.weight`, `${rerunClassifier}.weight`, 'embedder.layer4.0.conv1.weight'],
  recognise(state, metadata) {
    const { names } = state;
    if (!names.includes('embedder.layer4.0.conv1.weight')) return undefined;
    if ('ssdg.variant' in metadata || names.includes(`${classifier}.bias`)) return { overrides: [] };
    return { overrides: ['ssdg.variant=as-released'], state: withBias(state) };
  },

  training: ssdgTraining,

  outputs: (network, images) => ({ values: network.classify(images) }),
  score: softmaxScore,
  features: (network, images) => network.features(images),
  async graph(state, { data, ssdg }, request) {
    const graph = new Graph(state, { conv: { kind: 'vanilla', theta: 0 }, imageSize: data.image_size, ...request });
    const layers = await resnetGraph(graph, (name) => `${name.startsWith('layer4') ? 'embedder' : 'backbone'}.${name}`);
    const released = ssdg.variant === 'as-released';
    const feature = await embeddingGraph(graph, layers[3]!, 'embedder.bottleneck_layer_fc', { root: released });
    if (released) await unitClassifierGraph(graph, feature, classifier);
    else {
      const weight = unitRows(await tensorOf(state, `${classifier}.weight`, [2, featureSize]));
      graph.softmaxScore(graph.linear(feature, 'classifier', [2, featureSize], weight, undefined, 'logits'));
    }
    return graph.finished();
  },
};

/** The weights of the authors' re-run, whose classifier has no bias and another name, under the names of the first release (methods, section 2.8). */
function withBias(state: StateSource): StateSource {
  const [weight, bias] = [`${classifier}.weight`, `${classifier}.bias`];
  const original = (name: string) =>
    name === weight && !state.names.includes(weight) ? `${rerunClassifier}.weight` : name;
  return {
    ...state,
    names: [...state.names.map((name) => (name === `${rerunClassifier}.weight` ? weight : name)), bias],
    shape: (name) => (name === bias ? [2] : state.shape(original(name))),
    values: async (name) => (name === bias ? [0, 0] : state.values(original(name))),
  };
}

/** Rows of a weight [2,512] over their L2 norms. */
function unitRows(weight: ArrayLike<number>): Float32Array {
  const rows = [0, 1].map((row) => Array.from({ length: featureSize }, (_, k) => weight[row * featureSize + k]!));
  return Float32Array.from(
    rows.flatMap((row) => {
      const norm = Math.max(Math.hypot(...row), 1e-12);
      return row.map((value) => value / norm);
    }),
  );
}
