/** The head that LDCNet took over from SSDG as part of a graph; embedding.ts is the same as a module. */
import { featureSize } from './embedding.js';
import { tensorOf } from './foldedConv.js';
import type { Graph, Layer } from './graph.js';

/** Linear layer, ReLU and the feature's normalisation behind layer4. @param fc the linear layer's name in the state */
export async function embeddingGraph(
  graph: Graph,
  layer4: Layer,
  fc: string,
  { root }: { root: boolean },
): Promise<string> {
  const linear = await graph.layer(graph.mean(layer4), 'fc', fc, [featureSize, 512]);
  return graph.normalized(graph.node('Relu', [linear], 'fc.relu'), 'feature', { root });
}

/** The classifier of unit columns, and the score. @param name of the classifier in the state */
export async function unitClassifierGraph(graph: Graph, feature: string, name: string): Promise<void> {
  const weight = unitColumns(await tensorOf(graph.state, `${name}.weight`, [2, featureSize]));
  const bias = await tensorOf(graph.state, `${name}.bias`, [2]);
  graph.softmaxScore(graph.linear(feature, 'classifier', [2, featureSize], weight, bias, 'logits'));
}

/** The classifier's weight [2,512] as a forward pass would leave it: each column over its L2 norm. */
function unitColumns(weight: ArrayLike<number>): Float32Array {
  const unit = new Float32Array(weight.length);
  for (let column = 0; column < featureSize; column++) {
    const [a, b] = [weight[column]!, weight[featureSize + column]!];
    const norm = Math.hypot(a, b);
    unit[column] = a / norm;
    unit[featureSize + column] = b / norm;
  }
  return unit;
}
