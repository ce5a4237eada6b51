/** Layers with parameters that are not the paper's own. */
import type { Device } from '../device.js';
import { type BatchNormOptions, type BatchNormState, batchNorm } from '../ops/batchNorm.js';
import { conv2d } from '../ops/conv2d.js';
import { linear } from '../ops/linear.js';
import type { Tensor } from '../tensor.js';
import { constant } from './init.js';
import { Module } from './module.js';

/** An ordinary convolution without bias. */
export class Conv2d extends Module {
  private readonly w: Tensor;

  constructor(
    device: Device,
    [out, inn, kernel]: readonly [number, number, number],
    private readonly stride: number,
    private readonly padding: number,
    values: Float32Array,
  ) {
    super(device);
    this.w = this.parameter('weight', [out, inn, kernel, kernel], values);
  }

  protected override compute(x: Tensor): Tensor {
    return conv2d(x, { w: this.w, descriptor: 'vanilla' }, this.stride, this.padding);
  }
}

/** Batch normalisation over features; `forward(x, {relu, residual})` fuses what follows it. */
export class BatchNorm extends Module<[Tensor, Pick<BatchNormOptions, 'relu' | 'residual' | 'recompute'>?]> {
  private readonly parts: BatchNormState;
  private readonly batches: { value: number };

  constructor(device: Device, channels: number) {
    super(device);
    this.parts = {
      gamma: this.parameter('weight', [channels], constant(channels, 1)),
      beta: this.parameter('bias', [channels], constant(channels, 0)),
      runningMean: this.buffer('running_mean', [channels], 0),
      runningVar: this.buffer('running_var', [channels], 1),
    };
    this.batches = this.counter('num_batches_tracked');
  }

  protected override compute(
    x: Tensor,
    following: Pick<BatchNormOptions, 'relu' | 'residual' | 'recompute'> = {},
  ): Tensor {
    if (this.training) this.batches.value++;
    return batchNorm(x, this.parts, { ...following, training: this.training });
  }
}

/** y = x Wᵀ + b */
export class Linear extends Module {
  /** Dense [O,I]. */
  readonly weight: Tensor;
  /** Dense [O]. */
  readonly bias: Tensor;

  constructor(device: Device, [out, inn]: readonly [number, number], weight: Float32Array, bias: Float32Array) {
    super(device);
    this.weight = this.parameter('weight', [out, inn], weight);
    this.bias = this.parameter('bias', [out], bias);
  }

  protected override compute(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
