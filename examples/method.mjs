/**
 * A method of one's own, complete: a ResNet-18 whose features of live faces are drawn together, and those of attacks, across all sources. Use:
 *
 *     ldc train --protocol 'O&C&I-to-M' --method ./method.mjs --set compact.strength=0.2
 *
 * docs/methods.md explains each part.
 */
import { balancedStreams, classOf, defineMethod, epochBatches, Graph, nn, resnetGraph, scope, z } from 'ldcnet';

/** Its keys, as the section `compact` of the configuration. */
const compact = z
  .strictObject({
    strength: z.number().min(0).default(0.1).describe('a number of at least 0'),
    per_domain: z.int().min(2).default(5).describe('a whole number of at least 2'),
    lr: z.number().gt(0).default(1e-4).describe('a number above 0'),
    weights: z.string().nullable().default(null).describe('the path of a weights file, or null'),
  })
  .prefault({});

export default defineMethod({
  name: 'compact',
  title: 'Compact',
  settings: {
    name: 'compact',
    sections: { compact },
    defaults: { data: { normalize: 'imagenet' }, augment: { flip: 0.5 }, train: { epochs: 20 } },
  },
  weightsKeys: ['compact.weights'],
  weights: ({ compact }) => compact.weights,

  network: (_config, device, seed) => new nn.ErmNet(device, { seed }),

  training({ config, device, network, frames }) {
    const { strength, per_domain: each, lr } = config.compact;
    const streams = balancedStreams(frames, { live: each, spoof: each });
    const optimizer = new nn.Adam(device, network.parameters(), { lr });
    return {
      title: 'Compact',
      epochs: config.train.epochs,
      batches: (epoch) => epochBatches(streams, config.seed, epoch),
      batchKey: 'compact.per_domain',
      optimizer,
      loss({ images, frames: rows }) {
        const classes = rows.map(classOf);
        const { logits, feature } = scope(() => network.forward(images()));
        const ce = nn.crossEntropy(logits, classes);
        // The idea: on the unit sphere, each class is one cluster, whatever its source.
        const together = nn.supCon(nn.l2Normalize(feature), classes, { temperature: 0.1, baseTemperature: 0.1 });
        return { loss: nn.add(ce, nn.scale(together, strength)), ce, together };
      },
      dispose: () => optimizer.dispose(),
    };
  },

  outputs: (network, images) => ({ values: network.classify(images) }),
  features: (network, images) => network.features(images),

  async graph(state, { data }, request) {
    const conv = { kind: 'vanilla', theta: 0 };
    const graph = new Graph(state, { conv, imageSize: data.image_size, ...request });
    const layers = await resnetGraph(graph, (name) => name);
    graph.softmaxScore(await graph.layer(graph.mean(layers[3], 'feature'), 'fc', 'fc', [2, 512], 'logits'));
    return graph.finished();
  },
});
