/** Optimisers: one kernel call updates all parameters; state dicts hold what resuming needs. */
import type { Device } from '../device.js';
import { type Tensor, zerosLike } from '../tensor.js';

/** Writes whether every element of all tensors is finite: `finite` [1] becomes 1, or else 0. */
export function allFinite(tensors: readonly Tensor[], finite: Tensor): void {
  finite.device.native.all_finite(
    tensors.map(({ handle }) => handle),
    finite.handle,
  );
}

/** Lists of handles of those parameters that have a gradient, and their state. */
function withGradients(parameters: readonly Tensor[], ...state: readonly (readonly Tensor[])[]) {
  const present = parameters.flatMap((parameter, i) => (parameter.grad === undefined ? [] : [i]));
  const handles = (tensors: readonly Tensor[]) => present.map((i) => tensors[i]!.handle);
  return {
    p: handles(parameters),
    g: present.map((i) => parameters[i]!.grad!.handle),
    state: state.map(handles),
  };
}

export interface AdamOptions {
  lr: number;
  beta1?: number;
  beta2?: number;
  eps?: number;
  /** L2 form: added to the gradient. */
  weightDecay?: number;
}

/** Adam (Kingma & Ba, 2015). */
export class Adam {
  readonly m: Tensor[];
  readonly v: Tensor[];
  /** What going on needs, by name. */
  readonly buffers: Readonly<Record<string, readonly Tensor[]>>;
  /** Updates done. */
  steps = 0;
  /** Of the next step: a schedule may set it. */
  lr: number;

  constructor(
    private readonly device: Device,
    readonly parameters: readonly Tensor[],
    private readonly options: AdamOptions,
  ) {
    this.lr = options.lr;
    this.m = parameters.map(zerosLike);
    this.v = parameters.map(zerosLike);
    this.buffers = { m: this.m, v: this.v };
  }

  /** Updates every parameter that has a gradient; none where `finite` [1] is 0. */
  step(finite?: Tensor): void {
    this.steps++;
    const { p, g, state } = withGradients(this.parameters, this.m, this.v);
    const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = this.options;
    this.device.native.adam(
      p,
      g,
      state[0]!,
      state[1]!,
      this.lr,
      beta1,
      beta2,
      eps,
      weightDecay,
      this.steps,
      finite?.handle ?? null,
    );
  }

  dispose(): void {
    for (const tensor of [...this.m, ...this.v]) tensor.release();
  }
}

export interface SgdOptions {
  lr: number;
  momentum?: number;
  /** L2 form: added to the gradient. */
  weightDecay?: number;
}

/** Stochastic gradient descent with momentum, as in PyTorch: the first buffer is the gradient itself. */
export class Sgd {
  readonly momentum: Tensor[];
  readonly buffers: Readonly<Record<string, readonly Tensor[]>>;
  /** Updates done. */
  steps = 0;
  /** Of the next step: a schedule may set it. */
  lr: number;

  constructor(
    private readonly device: Device,
    readonly parameters: readonly Tensor[],
    private readonly options: SgdOptions,
  ) {
    this.lr = options.lr;
    this.momentum = parameters.map(zerosLike);
    this.buffers = { momentum: this.momentum };
  }

  /** Updates every parameter that has a gradient; none where `finite` [1] is 0. */
  step(finite?: Tensor): void {
    const { p, g, state } = withGradients(this.parameters, this.momentum);
    const { momentum = 0, weightDecay = 0 } = this.options;
    this.device.native.sgd(p, g, state[0]!, this.lr, momentum, weightDecay, this.steps === 0, finite?.handle ?? null);
    this.steps++;
  }

  dispose(): void {
    for (const tensor of this.momentum) tensor.release();
  }
}
