/**
 * Low-level feature pictures (method, section 7): the output of a descriptive convolution, summed over its channels. Live faces show smooth
 * outlines, prints the grid of their dots, replays moiré.
 */
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { scope, type Tensor } from '../../engine/tensor.js';
import { DescriptiveConv } from '../descriptiveConv.js';
import type { LayerPicture } from '../method.js';
import type { LdcNet } from './network.js';

/** The descriptive convolutions of a network by name (`layer1.0.conv1`, …), in the order of the state dict. */
export function descriptiveLayers(net: LdcNet): Map<string, DescriptiveConv> {
  const layers = new Map<string, DescriptiveConv>();
  for (const { path, module } of net.modules()) {
    if (module instanceof DescriptiveConv) layers.set(path.replace(/^backbone\./, '').replace(/\.conv$/, ''), module);
  }
  return layers;
}

/**
 * Pictures of a batch at some layers, `result[layer][image]`; the network is put in evaluation mode.
 * @param images features [N,3,H,W], normalised
 */
export async function layerPictures(
  net: LdcNet,
  layers: readonly DescriptiveConv[],
  images: () => Tensor,
  weights: FrozenWeights = new FrozenWeights(),
): Promise<LayerPicture[][]> {
  net.train(false);
  const outputs = new Map<DescriptiveConv, Tensor>();
  try {
    for (const layer of layers) layer.observe((output) => outputs.set(layer, output.retain()));
    scope(() => weights.use(() => net.forward(images())));
  } finally {
    for (const layer of layers) layer.observe();
  }
  return Promise.all(
    layers.map(async (layer) => {
      const output = outputs.get(layer)!;
      const values = await output.read();
      output.release();
      const [count, channels, height, width] = output.shape as [number, number, number, number];
      const perImage = channels * height * width;
      return Array.from({ length: count }, (_, i) => ({
        values: picture(values.subarray(i * perImage, (i + 1) * perImage), channels),
        height,
        width,
      }));
    }),
  );
}

/** @param activation [C,area] */
function picture(activation: ArrayLike<number>, channels: number): Float32Array {
  const area = activation.length / channels;
  const sums = new Float64Array(area);
  for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) sums[i]! += activation[c * area + i]!;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const sum of sums) {
    low = Math.min(low, sum);
    high = Math.max(high, sum);
  }
  // A layer that answers the same everywhere has no picture: white.
  return Float32Array.from(sums, (sum) => (high > low ? 1 - (sum - low) / (high - low) : 1));
}
