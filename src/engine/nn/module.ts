/** Modules: named parameters, buffers and sub-modules, and the state dict that PyTorch would write for them. */
import { UserError } from '../../base/errors.js';
import type { Device } from '../device.js';
import { scope, Tensor } from '../tensor.js';

/** One entry of a state dict: what a checkpoint stores under `name`. */
export interface StateEntry {
  name: string;
  shape: readonly number[];
  /** Device storage; undefined for what is not on the device: the constant and counted entries below. */
  tensor?: Tensor;
  /** Learns, as opposed to a buffer (running statistics). */
  trainable: boolean;
  /** Every element has this value and never changes (LDC's base mask); kept for PyTorch's sake. */
  constant?: number;
  /** An int64 scalar counted on the host (num_batches_tracked). */
  counter?: { value: number };
  /** A second name of the tensor with that name. */
  sameAs?: string;
  /** Stored for the sake of released checkpoints: nothing reads it. */
  unused?: true;
}

/**
 * A layer or a network. Sub-classes register what they own in the order of PyTorch's state dict and define `compute`;
 * `forward` runs it in a scope, so that intermediate results live no longer than the module (or the tape) needs them.
 */
export abstract class Module<Input extends unknown[] = [Tensor], Output = Tensor> {
  private readonly entries: (StateEntry | { prefix: string; module: Module<never, unknown> })[] = [];
  /** Batch statistics, dropout. */
  training = true;
  private path = '';
  private observer: ((output: never) => void) | undefined;

  constructor(readonly device: Device) {}

  protected abstract compute(...inputs: Input): Output;

  forward(...inputs: Input): Output {
    if (this.path === '') return scope(() => this.observed(...inputs));
    const before = this.device.label(this.path);
    try {
      return scope(() => this.observed(...inputs));
    } finally {
      this.device.label(before);
    }
  }

  private observed(...inputs: Input): Output {
    const output = this.compute(...inputs);
    this.observer?.(output as never);
    return output;
  }

  /** Gives this module and all inside the names by which a profile calls them. */
  nameForProfile(path: string): void {
    this.path = path;
    for (const entry of this.entries) {
      if (!('module' in entry)) continue;
      entry.module.nameForProfile([path, entry.prefix].filter((part) => part !== '').join('.'));
    }
  }

  /** `observer` sees each output as it is made, within the scope of the pass: what it keeps longer it retains. None ends it. */
  observe(observer?: (output: Output) => void): void {
    this.observer = observer;
  }

  /** This module and all inside, each with its path in the names of the state dict. */
  modules(path = ''): { path: string; module: Module<never, unknown> }[] {
    const join = (prefix: string) => [path, prefix].filter(Boolean).join('.');
    const inside = this.entries.flatMap((entry) => ('module' in entry ? entry.module.modules(join(entry.prefix)) : []));
    return [{ path, module: this as unknown as Module<never, unknown> }, ...inside];
  }

  /** All entries in order, with full names. */
  state(prefix = ''): StateEntry[] {
    return this.entries.flatMap((entry) => {
      if ('module' in entry) return entry.module.state(entry.prefix === '' ? prefix : `${prefix}${entry.prefix}.`);
      const sameAs = entry.sameAs === undefined ? undefined : `${prefix}${entry.sameAs}`;
      return [{ ...entry, name: `${prefix}${entry.name}`, sameAs }];
    });
  }

  /** What learns, each tensor once. */
  parameters(): Tensor[] {
    return this.state().flatMap(({ trainable, tensor, sameAs }) => (trainable && tensor && !sameAs ? [tensor] : []));
  }

  /** Switches this module and all inside between training and evaluation. */
  train(training = true): this {
    this.training = training;
    for (const entry of this.entries) if ('module' in entry) entry.module.train(training);
    return this;
  }

  /** Frees all parameters and buffers. */
  dispose(): void {
    for (const { tensor, sameAs } of this.state()) if (!sameAs) tensor?.release();
  }

  /** Registers a tensor that learns, with its initial values (row-major). */
  protected parameter(name: string, shape: readonly number[], values: Float32Array): Tensor {
    const tensor = Tensor.unowned(this.device, shape).set(values);
    tensor.requiresGrad = true;
    this.entries.push({ name, shape, tensor, trainable: true });
    return tensor;
  }

  /** Registers a tensor that is stored but does not learn, filled with one value. */
  protected buffer(name: string, shape: readonly number[], value: number): Tensor {
    const tensor = Tensor.unowned(this.device, shape);
    this.device.native.fill(tensor.handle, value);
    this.entries.push({ name, shape, tensor, trainable: false });
    return tensor;
  }

  /** Registers a tensor that checkpoints hold and nothing reads, filled with one value. */
  protected unused(name: string, shape: readonly number[], value: number): void {
    this.buffer(name, shape, value);
    (this.entries.at(-1) as StateEntry).unused = true;
  }

  /** Registers an entry whose elements all have one value for ever. */
  protected constant(name: string, shape: readonly number[], value: number): void {
    this.entries.push({ name, shape, trainable: false, constant: value });
  }

  /** Registers an int64 scalar that the host counts. */
  protected counter(name: string, unused?: true): { value: number } {
    const counter = { value: 0 };
    this.entries.push({ name, shape: [], trainable: false, counter, unused });
    return counter;
  }

  /** Registers a second name of a parameter. */
  protected alias(name: string, of: string, tensor: Tensor): void {
    this.entries.push({ name, shape: tensor.shape, tensor, trainable: true, sameAs: of });
  }

  /** Registers a module; with an empty prefix its entries read as this module's own. */
  protected child<M extends Module<never, unknown>>(prefix: string, module: M): M {
    this.entries.push({ prefix, module });
    return module;
  }
}

/** What `loadState` did, by name. */
export interface LoadReport {
  loaded: string[];
  /** In the module, not in the source: left as initialised. */
  missing: string[];
  /** In the source, not in the module. */
  ignored: string[];
}

/** Where tensors to load come from: a checkpoint file or another module's values. */
export interface StateSource {
  /** For error messages. */
  origin: string;
  names: readonly string[];
  shape(name: string): readonly number[];
  /** Row-major values. */
  values(name: string): Promise<ArrayLike<number>>;
}

/**
 * Copies what `source` names into `module`.
 * @throws UserError when a shape differs, or, unless `partial`, when a name of the module is missing in the source
 */
export async function loadState(
  module: Module<never, unknown>,
  source: StateSource,
  partial = false,
): Promise<LoadReport> {
  const names = new Set(source.names);
  const report: LoadReport = { loaded: [], missing: [], ignored: [] };
  const entries = module.state();
  for (const entry of entries) {
    const found = names.delete(entry.name);
    if (entry.sameAs !== undefined || entry.constant !== undefined) continue;
    if (!found) {
      report.missing.push(entry.name);
      continue;
    }
    const shape = source.shape(entry.name);
    if (shape.join() !== entry.shape.join()) {
      throw new UserError(`${source.origin}: ${entry.name} has shape [${shape}], the network needs [${entry.shape}]`);
    }
    const values = await source.values(entry.name);
    if (entry.counter !== undefined) entry.counter.value = Number(values[0]);
    else entry.tensor!.set(values);
    report.loaded.push(entry.name);
  }
  report.ignored = [...names];
  const unread = new Set(entries.flatMap(({ name, unused }) => (unused ? [name] : [])));
  const required = report.missing.filter((name) => !name.endsWith('num_batches_tracked') && !unread.has(name));
  if (!partial && required.length > 0) {
    throw new UserError(`${source.origin}: ${required.length} tensors are missing, first ${required[0]}`);
  }
  return report;
}
