/** LDCNet behind the contract of methods: two stages, maps, and checkpoints by the names of the released ones. */
import { UserError } from '../../base/errors.js';
import type { StateSource } from '../../engine/nn/module.js';
import type { ConvForm } from '../descriptiveConv.js';
import type { Method } from '../method.js';
import { softmaxScore } from '../softmaxScore.js';
import { activationTeacher } from './activation.js';
import { type LdcNetConfig, settings } from './config.js';
import { ldcNetGraph } from './graph.js';
import { descriptiveLayers, layerPictures } from './lowLevel.js';
import { LdcNet } from './network.js';
import { ldcNetTraining } from './training.js';

type ConvKind = ConvForm['kind'];

export const ldcnet: Method<LdcNetConfig, LdcNet> = {
  name: 'ldcnet',
  title: 'LDCNet',
  settings,
  variant: ({ model }) => model.conv.kind,
  runName: ({ model }) => model.conv.kind,
  carried: ['data.image_size', 'data.normalize', 'model.map_size', 'model.conv.kind', 'model.conv.theta'],
  weightsKeys: ['model.weights', 'activation.weights'],
  weights: ({ model }) => model.weights,

  network: ({ model }, device, seed) => new LdcNet(device, { conv: model.conv, mapSize: model.map_size, seed }),
  ownName: (name) => `backbone.${name}`,
  anchors: ['classifier.classifier_layer.weight'],
  recognise(state) {
    const { names } = state;
    if (!names.includes('classifier.classifier_layer.weight') || names.includes('embedder.layer4.0.conv1.weight')) {
      return undefined;
    }
    // Between vanilla and cdc the names do not decide: who uses the weights has to say.
    const kinds = kindsOf(state);
    const kind = `model.conv.kind=${kinds[0]}`;
    return kinds.length === 1 ? { overrides: [kind] } : { overrides: [], alike: [kind] };
  },
  check: checkKind,

  teacher: activationTeacher,
  training: ldcNetTraining,

  outputs(network, images) {
    const { logits, liveMap, spoofMap } = network.forward(images);
    return { values: logits, maps: { live: liveMap, spoof: spoofMap } };
  },
  score: softmaxScore,
  mapSize: ({ model }) => model.map_size,
  card: ({ model }) => ({ convolutions: model.conv }),
  features: (network, images) => network.features(images),
  graph: (state, { data, model }, request) =>
    ldcNetGraph(state, { conv: model.conv, imageSize: data.image_size, mapSize: model.map_size, ...request }),
  pictures: {
    layers: (network) => [...descriptiveLayers(network).keys()],
    draw: (network, names, images, weights) => {
      const layers = descriptiveLayers(network);
      return layerPictures(
        network,
        names.map((name) => layers.get(name)!),
        images,
        weights,
      );
    },
  },
};

/** The kinds of convolution that an LDCNet's names can be of. */
export function kindsOf({ names, shape }: Pick<StateSource, 'names' | 'shape'>): [ConvKind, ...ConvKind[]] {
  const mask = 'backbone.layer1.0.learnable_mask1';
  if (names.includes(`${mask}_diagonal`)) return ['ldc-decoupled'];
  if (names.includes(mask)) return [shape(mask).length === 4 ? 'ldc-paper' : 'ldc'];
  return ['vanilla', 'cdc'];
}

/** Weights whose convolutions are of another kind than the configuration says are refused: they tell by their names. */
function checkKind({ names, origin, shape }: StateSource, { model }: LdcNetConfig): void {
  const kinds = kindsOf({ names, shape });
  if (kinds.includes(model.conv.kind)) return;
  throw new UserError(
    `${origin} has convolutions of the kind ${kinds.join(' or ')}, the configuration says ${model.conv.kind}`,
    `say which: --set model.conv.kind=${kinds[0]}`,
  );
}
