/** The predicted times of docs/cuda.md: consistent with the roofline, and the document has what the program computes. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { bytes, gpus, passes, predict, predictStep } from '../../experiments/bench/cudaRoofline.js';
import { convLayers, flops } from '../../experiments/bench/layers.js';

const [batch, size] = [30, 256];

it('is never faster than FLOP and bytes allow', () => {
  for (const gpu of gpus) {
    for (const layer of convLayers(size)) {
      for (const pass of passes) {
        const { predicted, roofline } = predict(gpu, layer, batch, pass);
        expect(predicted, `${gpu.name} ${layer.name} ${pass}`).toBeGreaterThanOrEqual(roofline * (1 - 1e-12));
        expect(roofline).toBeGreaterThanOrEqual((batch * flops(layer)) / (gpu.teraflops * 1e12));
        expect(roofline).toBeGreaterThanOrEqual(bytes(layer, batch) / (gpu.gigabytesPerSecond * 1e9));
      }
    }
  }
});

it('counts the FLOP of a layer as one does by hand', () => {
  const layer = convLayers(size).find(({ name }) => name === 'layer1')!;
  expect(batch * flops(layer)).toBe(2 * 30 * 64 * 64 * 64 * 64 * 9);
  expect(bytes(layer, batch)).toBe(4 * (2 * 30 * 64 * 64 * 64 + 64 * 64 * 9));
});

it('is what docs/cuda.md says of a step', async () => {
  const text = await readFile(new URL('../../docs/cuda.md', import.meta.url), 'utf8');
  for (const gpu of gpus) {
    const { convolutions, roofline, rest } = predictStep(gpu, batch, size);
    const [c, r, all] = [convolutions, rest, convolutions + rest].map((seconds) => (1e3 * seconds).toFixed(1));
    expect(text).toContain(`| ${gpu.name} | ${c} | ${Math.round((100 * roofline) / convolutions)} % | ${r} | ${all} |`);
  }
});
