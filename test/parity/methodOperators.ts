/** Operators of test/fixtures-methods: what is called for each `op`, forward and backward. */
import { viewed } from '../../src/data/augmentation.js';
import { gradientReversal, mask, relu, scale } from '../../src/engine/ops/elementwise.js';
import { type Box, resizedCrop, rotate, scaleChannels } from '../../src/engine/ops/images.js';
import { alignHeads, l2Normalize, linear, takeRows } from '../../src/engine/ops/linear.js';
import { bceWithLogits, perHeadBce, supCon } from '../../src/engine/ops/losses.js';
import { domainLoss } from '../../src/method/ssdg/losses.js';
import { expectAttr } from './expectAttr.js';
import type { Operator } from './operators.js';

/** Inputs of three dimensions that are no images. */
export const denseInputs: readonly string[] = ['features'];
/** Ops whose `x` of three dimensions is one image [C,H,W]. */
export const singleImages: ReadonlySet<string> = new Set(['resized_crop', 'rotate', 'safas_view']);

export const methodOperators: Record<string, Operator> = {
  gradient_reversal: ({ tensors: { x }, attrs }) => ({ y: gradientReversal(x!, attrs.coefficient as number) }),
  l2_normalize: ({ tensors: { x }, attrs }) => ({ y: l2Normalize(x!, attrs.eps as number) }),

  bce_with_logits: ({ tensors: { logits }, integers: { label }, attrs }) => {
    expectAttr(attrs, 'reduction', 'mean');
    return { loss: bceWithLogits(logits!, label!) };
  },
  per_head_bce: ({ tensors: { x, w, b }, integers: { domain, label }, attrs }) => {
    const heads = Array.from({ length: attrs.heads as number }, (_, k) =>
      linear(x!, takeRows(w!, [k]), takeRows(b!, [k])),
    );
    const { loss, perHead } = perHeadBce(heads, domain!, label!);
    return { loss, per_head: perHead };
  },
  supcon: ({ tensors: { features: x }, integers: { label }, attrs }) => {
    const { temperature, base_temperature: baseTemperature } = attrs as Record<string, number>;
    return { loss: supCon(x!, label!, { temperature: temperature!, baseTemperature: baseTemperature! }) };
  },
  domain_adversarial: ({ tensors, integers: { label, domain }, attrs }) => {
    expectAttr(attrs, 'rows', 'label 1');
    const { feature, fc1_w: w1, fc1_b: b1, fc2_w: w2, fc2_b: b2, mask: keep } = tensors;
    const { coefficient, mask_scale: factor } = attrs as Record<string, number>;
    const { loss, logits } = domainLoss(feature!, { classes: label!, domains: domain! }, (rows) => {
      const hidden = relu(linear(gradientReversal(rows, coefficient!), w1!, b1));
      return linear(mask(hidden, scale(keep!, factor!)), w2!, b2);
    });
    return { loss, logits };
  },
  head_alignment: ({ tensors: { w }, attrs }) => {
    expectAttr(attrs, 'tie', 'first index');
    const { alpha, eps } = attrs as Record<string, number>;
    const heads = Array.from({ length: w!.shape[0]! }, (_, k) => takeRows(w!, [k]));
    const cosine = alignHeads(heads, { alpha: alpha!, eps });
    return { w_after: heads, mean_cosine: cosine };
  },

  horizontal_flip: ({ tensors: { x }, integers: { flip } }) => {
    const [, , height, width] = x!.shape as [number, number, number, number];
    const crops = flip!.map((each, image) => ({ image, box: [0, 0, height, width] as const, flip: each !== 0 }));
    return { y: resizedCrop(x!, crops, [height, width]) };
  },
  resized_crop: ({ tensors: { x }, attrs }) => {
    expectAttr(attrs, 'antialias', false);
    return { y: resizedCrop(x!, [{ image: 0, box: attrs.box as Box, flip: false }], attrs.out as [number, number]) };
  },
  rotate: ({ tensors: { x }, attrs }) => {
    expectAttr(attrs, 'fill', 0);
    expectAttr(attrs, 'expand', false);
    const { degrees, interpolation } = attrs as { degrees: number; interpolation: 'bilinear' | 'nearest' };
    return { y: rotate(x!, [{ image: 0, degrees }], interpolation) };
  },
  safas_view: ({ tensors: { x }, attrs }) => {
    const { degrees, box, flip, out, mean, std } = attrs as {
      degrees: number;
      box: Box;
      flip: boolean;
      out: [number, number];
      mean: [number, number, number];
      std: [number, number, number];
    };
    const colour = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
    const y = viewed(x!, [{ image: 0, view: { degrees, box, flip, colour } }], out);
    const [a, b, c] = std;
    const shift = [-mean[0] / a, -mean[1] / b, -mean[2] / c] as const;
    return { y: scaleChannels(y, { scale: [1 / a, 1 / b, 1 / c], shift }) };
  },
};
