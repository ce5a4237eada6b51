/**
 * The learnable descriptive convolution and its relatives (method, section 1): a 3×3 convolution without bias whose kernel is
 * modulated by a local descriptor. The five kinds differ in the effective weight alone, which is made while weights are packed.
 */
import type { Device } from '../engine/device.js';
import { constant } from '../engine/nn/init.js';
import { Module } from '../engine/nn/module.js';
import { type ConvWeight, conv2d } from '../engine/ops/conv2d.js';
import { add } from '../engine/ops/elementwise.js';
import type { Tensor } from '../engine/tensor.js';

export const convKinds = ['vanilla', 'cdc', 'ldc', 'ldc-paper', 'ldc-decoupled'] as const;

export interface ConvForm {
  kind: (typeof convKinds)[number];
  /** Start of the learnable θ of ldc and ldc-decoupled; the constant θ of cdc; ε of ldc-paper. */
  theta: number;
}

/** How the released program calls the parts of a descriptor in its checkpoints. */
export interface DescriptorNames {
  base: string;
  mask: string;
  theta: string;
}

/** A branch: one convolution weight's descriptor. */
type Branch = Omit<ConvWeight, 'w'>;

/** What learns besides the weight: m (starts at 1) and θ (one scalar). Holds one branch, or two for ldc-decoupled. */
export class LocalDescriptor extends Module<[], void> {
  readonly branches: readonly Branch[];

  constructor(device: Device, form: ConvForm, [out, inn]: readonly [number, number], names: DescriptorNames) {
    super(device);
    const { kind, theta } = form;
    const learnable = (descriptor: Branch['descriptor'], suffix = ''): Branch => ({
      descriptor,
      m: this.parameter(names.mask + suffix, [out, inn], constant(out * inn, 1)),
      theta: this.parameter(names.theta + suffix, [1], constant(1, theta)),
    });
    if (kind === 'ldc' || kind === 'ldc-decoupled') this.constant(names.base, [out, inn, 3, 3], 1);
    if (kind === 'ldc') {
      this.branches = [learnable('ldc')];
    } else if (kind === 'ldc-decoupled') {
      this.branches = [learnable('ldc-cross'), learnable('ldc-diagonal', '_diagonal')];
    } else if (kind === 'ldc-paper') {
      const m = this.parameter(names.mask, [out, inn, 3, 3], constant(out * inn * 9, 1));
      this.branches = [{ descriptor: 'ldc-paper', m, constant: theta }];
    } else {
      this.branches = [{ descriptor: kind, constant: theta }];
    }
  }

  protected override compute(): void {}
}

/** The convolution proper: a weight for every branch of its descriptor, outputs added. */
export class DescriptiveConv extends Module {
  private readonly weights: readonly ConvWeight[];

  /** @param values draws one weight [O,I,3,3], row-major */
  constructor(
    device: Device,
    descriptor: LocalDescriptor,
    [out, inn]: readonly [number, number],
    private readonly stride: number,
    values: () => Float32Array,
  ) {
    super(device);
    const names = ['weight', 'weight_diagonal'];
    this.weights = descriptor.branches.map((branch, i) => ({
      ...branch,
      w: this.parameter(names[i]!, [out, inn, 3, 3], values()),
    }));
  }

  protected override compute(x: Tensor): Tensor {
    return this.weights.map((weight) => conv2d(x, weight, this.stride, 1)).reduce(add);
  }
}
