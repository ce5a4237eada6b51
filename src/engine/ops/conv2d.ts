/** Convolution with an effective weight: vanilla, LDC and its relatives differ only in what is packed. */
import { UserError } from '../../base/errors.js';
import { type Conv2dDescription, convAlgorithms, convPasses, descriptors, dtypes } from '../native.js';
import { needsGrad, record } from '../tape.js';
import { emptyLike, Tensor } from '../tensor.js';

/** The weight [O,I,K,K] and what the descriptor adds to it (kernels.h, `Descriptor`). */
export interface ConvWeight {
  w: Tensor;
  descriptor: keyof typeof descriptors;
  /** [O,I], or [O,I,3,3] for ldc-paper. */
  m?: Tensor;
  /** [1] */
  theta?: Tensor;
  /** θ of cdc, ε of ldc-paper. */
  constant?: number;
}

/**
 * y = conv2d(x, effective weight) + bias.
 * @param x features [N,I,H,W]
 * @param bias dense [O]
 * @returns features [N,O,H',W'], H' = ⌊(H + 2·padding − K) / stride⌋ + 1
 */
export function conv2d(x: Tensor, weight: ConvWeight, stride: number, padding: number, bias?: Tensor): Tensor {
  const { native } = x.device;
  const { w, m, theta } = weight;
  const [outChannels, , kernel] = w.shape as [number, number, number];
  const description = describe(x, weight, stride, padding);
  const packed = packedWeight(weight, description, 'forward');
  const y = new Tensor(x.device, outputShape(x, outChannels, kernel, description), x.dtype, 'features');
  x.device.flops?.set(x.device.currentLabel, 2 * y.size * (w.size / outChannels));
  native.conv2d_forward(description, x.handle, packed.handle, kernel, bias?.handle ?? null, y.handle);
  if (!held.has(packed)) packed.release();

  const inputs = [x, w, m, theta, bias].filter((tensor) => tensor !== undefined);
  return record(y, inputs, inputs, (dy) => {
    const gradients = new Map<Tensor, Tensor>();
    if (needsWeightGrad(weight, bias)) {
      for (const parameter of [w, m, theta, bias]) {
        if (parameter !== undefined) gradients.set(parameter, emptyLike(parameter));
      }
      const out = (parameter: Tensor | undefined) => (parameter ? gradients.get(parameter)!.handle : null);
      native.conv2d_weight_grad(
        description,
        x.handle,
        dy.handle,
        w.handle,
        m?.handle ?? null,
        theta?.handle ?? null,
        gradients.get(w)!.handle,
        out(m),
        out(theta),
        out(bias),
      );
    }
    if (x.requiresGrad) {
      const turned = packedWeight(weight, description, 'dataGrad');
      const dx = emptyLike(x);
      native.conv2d_data_grad(description, dy.handle, turned.handle, kernel, dx.handle);
      turned.release();
      gradients.set(x, dx);
    }
    return inputs.map((input) => gradients.get(input));
  });
}

/** Packed weights kept by `FrozenWeights`, which releases them. */
const held = new Set<Tensor>();
let frozen: Map<string, Tensor> | undefined;

/**
 * Keeps packed (effective, transformed) weights from call to call while the parameters do not change: evaluation packs each
 * layer once instead of once a batch.
 */
export class FrozenWeights {
  private readonly packed = new Map<string, Tensor>();

  /** Runs `body` (synchronous) with the kept weights. */
  use<T>(body: () => T): T {
    const outer = frozen;
    frozen = this.packed;
    try {
      return body();
    } finally {
      frozen = outer;
    }
  }

  release(): void {
    for (const tensor of this.packed.values()) {
      held.delete(tensor);
      tensor.release();
    }
    this.packed.clear();
  }
}

function packedWeight(weight: ConvWeight, description: Conv2dDescription, pass: keyof typeof convPasses): Tensor {
  const keep = pass === 'forward' && !needsGrad(weight.w) ? frozen : undefined;
  const key = `${weight.w.handle} ${Object.values(description).join(' ')}`;
  const kept = keep?.get(key);
  if (kept !== undefined) return kept;
  const packed = pack(weight, description, pass);
  if (keep !== undefined) {
    keep.set(key, packed);
    held.add(packed);
  }
  return packed;
}

/** Not owned by any scope: the caller releases it. */
function pack(weight: ConvWeight, description: Conv2dDescription, pass: keyof typeof convPasses): Tensor {
  const { w, m, theta } = weight;
  const { native } = w.device;
  const [outChannels, inChannels, kernel] = w.shape as [number, number, number];
  const elements = native.conv2d_packed_elements(description, outChannels, inChannels, kernel, convPasses[pass]);
  const packed = Tensor.unowned(w.device, [elements], 'float32', 'packed');
  native.conv2d_pack(description, w.handle, m?.handle ?? null, theta?.handle ?? null, convPasses[pass], packed.handle);
  return packed;
}

function describe(x: Tensor, weight: ConvWeight, stride: number, padding: number): Conv2dDescription {
  return {
    height: x.shape[2]!,
    width: x.shape[3]!,
    stride,
    padding,
    algorithm: convAlgorithms[x.device.convAlgorithm],
    dtype: dtypes[x.dtype],
    descriptor: descriptors[weight.descriptor],
    constant: weight.constant ?? 0,
  };
}

function outputShape(x: Tensor, outChannels: number, kernel: number, d: Conv2dDescription): number[] {
  const extent = (size: number) => Math.floor((size + 2 * d.padding - kernel) / d.stride) + 1;
  const [height, width] = [extent(d.height), extent(d.width)];
  if (height < 1 || width < 1) {
    throw new UserError(`an input of ${d.height}x${d.width} is too small for a ${kernel}x${kernel} convolution`);
  }
  return [x.shape[0]!, outChannels, height, width];
}

function needsWeightGrad(weight: ConvWeight, bias: Tensor | undefined): boolean {
  return [weight.w, weight.m, weight.theta, bias].some((parameter) => parameter?.requiresGrad);
}
