/** Where a step's time goes: kernels by layer and pass, with the arithmetic that they did. */
import type { Device } from './device.js';
import type { GraphCounts } from './native.js';
import type { Module } from './nn/module.js';

export type ConvPass = 'forward' | 'dataGrad' | 'weightGrad';

const convKernels: Record<string, ConvPass> = {
  conv2d_forward: 'forward',
  conv2d_data_grad: 'dataGrad',
  conv2d_weight_grad: 'weightGrad',
};

/** Sums over the steps so far. */
interface Sum {
  seconds: number;
  calls: number;
  /** Floating point operations of the direct sum; 0 for what is no convolution. */
  flops: number;
}

export interface ProfileRow extends Sum {
  /** Name of the module whose work it was; empty for what is none's (the loss, the optimiser). */
  layer: string;
  kernel: string;
}

/** Steps after which the arena has seen every size in every order. */
const settling = 3;

/** Times all kernels of a device while it is open, by module of `module`. */
export class Profiler {
  private readonly sums = new Map<string, ProfileRow>();
  private seen = 0;
  private settled = 0;
  /** Timed steps that are not counted, and those that were there when times came last. */
  private before = 0;
  private last = 0;
  private readonly graphsBefore: GraphCounts;

  constructor(
    private readonly device: Device,
    module: Module<never, unknown>,
  ) {
    module.nameForProfile('');
    device.flops = new Map();
    device.timedSteps = 0;
    this.graphsBefore = device.native.graphs();
    device.native.takeTimes();
    device.native.profile(true);
  }

  /** Call after each step. What comes first warmed up and is not counted, unless it stays the only one. */
  endStep(): void {
    const times = this.device.native.takeTimes();
    this.seen++;
    const { timedSteps } = this.device;
    if (this.before === 0 && this.last > 0 && timedSteps > this.last) {
      this.sums.clear();
      this.before = this.last;
    }
    this.last = timedSteps;
    if (this.seen <= settling) this.settled = this.device.memory().growths;
    for (const { name, label, seconds } of times) {
      if (name === 'profile') continue;
      const key = `${label} ${name}`;
      const row = this.sums.get(key) ?? { layer: label, kernel: name, seconds: 0, calls: 0, flops: 0 };
      row.seconds += seconds;
      row.calls++;
      if (name in convKernels) row.flops += this.device.flops?.get(label) ?? 0;
      this.sums.set(key, row);
    }
  }

  /** Steps that the averages are of. */
  get steps(): number {
    return Math.max(1, this.device.timedSteps - this.before);
  }

  /** What became of graphs, in the steps that were not timed; all zero where a device has none. */
  get graphs(): GraphCounts {
    const { updated, made, remade } = this.device.native.graphs();
    const { graphsBefore: before } = this;
    return { updated: updated - before.updated, made: made - before.made, remade: remade - before.remade };
  }

  /** How often memory was taken from the system, and how often after the first few steps, when a steady state takes none. */
  get growths(): { all: number; late: number } {
    const all = this.device.memory().growths;
    return { all, late: all - this.settled };
  }

  /** Averages of one step, in the order in which layers first ran. */
  rows(): ProfileRow[] {
    const share = (sum: number) => sum / this.steps;
    return [...this.sums.values()].map((row) => ({
      ...row,
      seconds: share(row.seconds),
      calls: share(row.calls),
      flops: share(row.flops),
    }));
  }

  close(): void {
    this.device.native.profile(false);
    this.device.native.takeTimes();
    this.device.flops = undefined;
    this.device.label('');
  }
}

/** The pass of a convolution's kernel; undefined for other kernels. */
export function convPassOf(kernel: string): ConvPass | undefined {
  return convKernels[kernel];
}
