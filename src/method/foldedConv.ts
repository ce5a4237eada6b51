/**
 * Folding for deployment: a descriptive convolution and the batch normalisation behind it are, in evaluation, one ordinary
 * convolution with bias (method, section 1). Computed on the host in double precision, so that every machine folds to the same bits.
 */
import { UserError } from '../base/errors.js';
import type { StateSource } from '../engine/nn/module.js';
import type { ConvForm } from './descriptiveConv.js';

/** The ε of every batch normalisation in the networks (PyTorch's default). */
const batchNormEps = 1e-5;

/** Where the parts of one convolution are in a state dict. */
export interface ConvNames {
  /** [O,I,K,K] */
  weight: string;
  /** Left out for an ordinary convolution. */
  descriptor?: { mask: string; theta: string };
  /** Prefix of the batch normalisation that follows, if one does. */
  batchNorm?: string;
}

export interface FoldedConv {
  /** [O,I,K,K] */
  weight: Float32Array<ArrayBuffer>;
  /** [O]; none where no batch normalisation follows. */
  bias?: Float32Array<ArrayBuffer>;
}

/** A branch of a descriptive convolution: what its names end in, and which taps of the 3×3 kernel its sum S takes. */
interface Branch {
  suffix: string;
  inSum(tap: number): boolean;
}

const onlyBranch: Branch[] = [{ suffix: '', inSum: () => true }];
/** Centre row and column; the two diagonals. */
const decoupledBranches: Branch[] = [
  { suffix: '', inSum: (tap) => tap % 3 === 1 || Math.floor(tap / 3) === 1 },
  { suffix: '_diagonal', inSum: (tap) => tap % 2 === 0 },
];

/**
 * The convolution that is left when descriptor and batch normalisation are folded away.
 * @param shape [O,I,K]
 * @throws UserError when a tensor is missing or has another shape
 */
export async function foldedConv(
  state: StateSource,
  form: ConvForm,
  [out, inn, kernel]: readonly [number, number, number],
  { weight, descriptor, batchNorm }: ConvNames,
): Promise<FoldedConv> {
  const sum = new Float64Array(out * inn * kernel * kernel);
  for (const { suffix, inSum } of form.kind === 'ldc-decoupled' && descriptor ? decoupledBranches : onlyBranch) {
    const w = await tensorOf(state, weight + suffix, [out, inn, kernel, kernel]);
    const mask = descriptor && descriptor.mask + suffix;
    const theta = descriptor && descriptor.theta + suffix;
    if (descriptor === undefined || form.kind === 'vanilla') {
      for (let k = 0; k < sum.length; k++) sum[k] = w[k]!;
    } else if (form.kind === 'ldc-paper') {
      const m = await tensorOf(state, mask!, [out, inn, 3, 3]);
      for (let k = 0; k < sum.length; k++) sum[k] = w[k]! * (1 - form.theta + form.theta * m[k]!);
    } else if (form.kind === 'cdc') {
      addBranch(sum, w, inSum, (_, centre, s) => centre - form.theta * s);
    } else {
      const m = await tensorOf(state, mask!, [out, inn]);
      const strength = (await tensorOf(state, theta!, [1]))[0]!;
      addBranch(sum, w, inSum, (pair, centre, s) => centre * (1 - strength * m[pair]! * s));
    }
  }
  if (batchNorm === undefined) return { weight: Float32Array.from(sum) };
  return foldBatchNorm(state, sum, out, batchNorm);
}

/** Adds the kernels w with their centres replaced; `centre` gets the pair (o,i), the stored centre and the sum S. */
function addBranch(
  sum: Float64Array,
  w: ArrayLike<number>,
  inSum: (tap: number) => boolean,
  centre: (pair: number, stored: number, s: number) => number,
): void {
  for (let pair = 0; pair < sum.length / 9; pair++) {
    let s = 0;
    for (let tap = 0; tap < 9; tap++) if (inSum(tap)) s += w[pair * 9 + tap]!;
    for (let tap = 0; tap < 9; tap++) {
      const stored = w[pair * 9 + tap]!;
      sum[pair * 9 + tap]! += tap === 4 ? centre(pair, stored, s) : stored;
    }
  }
}

/** γ (W x − mean) / √(var + ε) + β = (W · γ/√(var + ε)) x + (β − mean · γ/√(var + ε)), by output channel. */
async function foldBatchNorm(state: StateSource, w: Float64Array, out: number, prefix: string): Promise<FoldedConv> {
  const part = (name: string) => tensorOf(state, `${prefix}.${name}`, [out]);
  const [gamma, beta] = [await part('weight'), await part('bias')];
  const [mean, variance] = [await part('running_mean'), await part('running_var')];
  const weight = new Float32Array(w.length);
  const bias = new Float32Array(out);
  const size = w.length / out;
  for (let o = 0; o < out; o++) {
    const factor = gamma[o]! / Math.sqrt(variance[o]! + batchNormEps);
    for (let k = o * size; k < (o + 1) * size; k++) weight[k] = w[k]! * factor;
    bias[o] = beta[o]! - mean[o]! * factor;
  }
  return { weight, bias };
}

/** Row-major values of a tensor that must be there with this shape. */
export async function tensorOf(state: StateSource, name: string, shape: readonly number[]): Promise<ArrayLike<number>> {
  if (!state.names.includes(name)) throw new UserError(`${state.origin}: the tensor ${name} is missing`);
  const found = state.shape(name);
  if (found.join() !== shape.join()) {
    throw new UserError(`${state.origin}: ${name} has shape [${found}], the network needs [${shape}]`);
  }
  return state.values(name);
}
