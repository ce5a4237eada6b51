/** LDCNet as an ONNX graph for evaluation. */
import type { StateSource } from '../../engine/nn/module.js';
import { embeddingGraph, unitClassifierGraph } from '../embeddingGraph.js';
import { Graph, resnetGraph, type GraphOptions as SharedOptions } from '../graph.js';
import type { NetworkGraph } from '../method.js';
import { catChannels } from './network.js';

export interface GraphOptions extends SharedOptions {
  mapSize: number;
}

/**
 * The graph: input `image` [N,3,S,S], normalised; outputs `score` [N] (live), `live_map` and `spoof_map` [N,1,M,M], 0…255.
 * @param state LDCNet's tensors by the names of the released checkpoints
 * @throws UserError when a tensor is missing or has another shape
 */
export async function ldcNetGraph(state: StateSource, options: GraphOptions): Promise<NetworkGraph> {
  const { mapSize } = options;
  const graph = new Graph(state, options);
  const layers = await resnetGraph(graph, (name) => `backbone.${name}`);
  const pooled = layers.slice(0, 3).map((layer, i) => graph.pool(layer, `catfeat.layer${i + 1}`, mapSize));
  graph.node('Concat', pooled, 'catfeat', { axis: { int: 1 } });
  await estimator(graph, 'LiveEstor', 'live_map');
  await estimator(graph, 'SpoofEstor', 'spoof_map');
  const feature = await embeddingGraph(graph, layers[3]!, 'backbone.bottleneck_layer_fc', { root: true });
  await unitClassifierGraph(graph, feature, 'classifier.classifier_layer');
  const map = (name: string) => ({ name, dtype: 'F32' as const, shape: ['N', 1, mapSize, mapSize] });
  return graph.finished([map('live_map'), map('spoof_map')]);
}

/** LE or SE: `catfeat` to a map. */
async function estimator(graph: Graph, name: string, output: string): Promise<void> {
  const names = (i: number) => ({
    weight: `${name}.conv.${i}.conv.weight`,
    descriptor: { mask: `${name}.conv.${i}.learnable_mask`, theta: `${name}.conv.${i}.learnable_theta` },
  });
  const layer = (i: number) => ({ ...names(i), batchNorm: `${name}.conv.${i + 1}` });
  let x = await graph.conv('catfeat', `${name}.0`, [128, catChannels, 3], 1, layer(0), { relu: true });
  x = await graph.conv(x, `${name}.3`, [64, 128, 3], 1, layer(3), { relu: true });
  x = graph.toFloat32(await graph.conv(x, `${name}.6`, [1, 64, 3], 1, names(6)));
  graph.node('Relu', [x], output);
}
