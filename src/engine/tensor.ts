/**
 * Tensors: a shape, a type and a handle to device storage. JavaScript holds no activations.
 *
 * Storage is reference-counted, not garbage-collected: the scope in which a tensor is made owns it, the tape holds on to what
 * the backward pass needs (tape.ts), and whoever keeps a tensor longer calls `retain`. At zero the device may reuse the memory.
 */
import { lessMemory, messageOf, UserError, WorkError } from '../base/errors.js';
import type { Device } from './device.js';
import { type DType, dtypes, type FeatureType, type Handle, type Layout, layouts } from './native.js';

export type Shape = readonly number[];
type HostArray = Float32Array | Int32Array | Uint8Array;

/** How the values of a tensor are computed a second time: `write` puts them into its storage and reads those of `inputs`. */
export interface Recipe {
  inputs: readonly Tensor[];
  write(): void;
}

export class Tensor {
  private references = 1;
  /** Whether gradients flow to this tensor: parameters, and whatever was computed from one while recording. */
  requiresGrad = false;
  /** Set for parameters by `backward`: the gradient of the loss, of this tensor's shape. */
  grad: Tensor | undefined;
  /** For what costs less to compute again than to keep: the tape gives its storage back until the backward pass (keeping.ts). */
  recipe: Recipe | undefined;

  /** Use the functions below; a tensor made here belongs to the innermost scope. */
  constructor(
    readonly device: Device,
    readonly shape: Shape,
    readonly dtype: DType = 'float32',
    readonly layout: Layout = 'dense',
  ) {
    this.handleOrFreed = this.storage();
    owner()?.push(this);
  }

  /** A tensor that no scope owns: whoever makes it releases it. */
  static unowned(device: Device, shape: Shape, dtype: DType = 'float32', layout: Layout = 'dense'): Tensor {
    return outsideScopes(() => new Tensor(device, shape, dtype, layout));
  }

  private handleOrFreed: Handle | undefined;

  private storage(): Handle {
    try {
      return this.device.native.create(dtypes[this.dtype], layouts[this.layout], this.shape);
    } catch (error) {
      if (!/out of memory/.test(messageOf(error))) throw error;
      const inUse = Math.round(this.device.memory().live / 2 ** 20);
      throw new WorkError(`out of memory: no room for a tensor [${this.shape}] beside ${inUse} MiB in use`, lessMemory);
    }
  }

  /** The device's name for the storage. Throws when the tensor was freed. */
  get handle(): Handle {
    if (this.handleOrFreed === undefined) throw new Error(`tensor [${this.shape}] is used after it was freed`);
    return this.handleOrFreed;
  }

  get freed(): boolean {
    return this.handleOrFreed === undefined;
  }

  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /** Whether it has more than one owner. */
  get shared(): boolean {
    return this.references > 1;
  }

  /** One more owner. */
  retain(): this {
    this.references++;
    return this;
  }

  /** One owner less; the last one frees the storage. */
  release(): void {
    if (--this.references > 0) return;
    if (this.references < 0) throw new Error(`tensor [${this.shape}] is released more often than retained`);
    this.device.native.release(this.handle);
    this.handleOrFreed = undefined;
  }

  /** Takes storage again and has the recipe fill it, whose inputs must be there. The caller owns it. */
  restore(): void {
    if (!this.freed || this.recipe === undefined) throw new Error(`tensor [${this.shape}] cannot be restored`);
    this.handleOrFreed = this.storage();
    this.references = 1;
    this.recipe.write();
  }

  /** Copies host values in; features take logical NCHW order and round to their type. */
  set(values: ArrayLike<number>): this {
    if (values.length !== this.size) {
      throw new UserError(`${values.length} values do not fill a tensor of shape [${this.shape}]`);
    }
    const array = toHostArray(values, this.dtype);
    if (this.layout === 'dense') {
      this.device.native.upload(this.handle, array);
      return this;
    }
    const dense = Tensor.unowned(this.device, this.shape);
    this.device.native.upload(dense.handle, array);
    this.device.native.to_features(dense.handle, this.handle);
    dense.release();
    return this;
  }

  /** The values on the host, in logical row-major order, when the work queued so far is done. */
  async read(): Promise<HostArray> {
    const wrap = (buffer: ArrayBuffer) => fromHostBuffer(buffer, this.dtype);
    if (this.layout === 'dense') return wrap(await this.device.native.download(this.handle));
    const dense = Tensor.unowned(this.device, this.shape);
    this.device.native.to_dense(this.handle, dense.handle);
    const buffer = this.device.native.download(dense.handle);
    dense.release();
    return wrap(await buffer);
  }

  /** The value of a one-element tensor. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new Error(`item() of a tensor of shape [${this.shape}]`);
    return (await this.read())[0]!;
  }
}

/** Dense tensor with the given values. */
export function tensor(device: Device, values: ArrayLike<number>, shape: Shape, dtype: DType = 'float32'): Tensor {
  return new Tensor(device, shape, dtype).set(values);
}

/** Activation [N,C,H,W] in the device's own layout, from values in NCHW order. */
export function features(
  device: Device,
  values: ArrayLike<number>,
  shape: Shape,
  dtype: FeatureType = 'float32',
): Tensor {
  return new Tensor(device, shape, dtype, 'features').set(values);
}

/** Dense zeros. */
export function zeros(device: Device, shape: Shape): Tensor {
  const result = new Tensor(device, shape);
  device.native.fill(result.handle, 0);
  return result;
}

/** Uninitialised tensor of another one's shape, type and layout. */
export function emptyLike(model: Tensor): Tensor {
  return new Tensor(model.device, model.shape, model.dtype, model.layout);
}

/** Zeros of another one's shape, type and layout that no scope owns: optimiser state, gradients for a caller. */
export function zerosLike(model: Tensor): Tensor {
  const result = outsideScopes(() => emptyLike(model));
  model.device.native.fill(result.handle, 0);
  return result;
}

const scopes: Tensor[][] = [];

function owner(): Tensor[] | undefined {
  return scopes[scopes.length - 1];
}

/**
 * Runs `body` and frees every tensor made inside, except those it returns (a tensor, or an array or record of tensors): these
 * move to the enclosing scope. Outside of all scopes a tensor belongs to whoever made it. `body` is synchronous, since
 * submitting work is; await results after the scope.
 */
export function scope<T>(body: () => T): T {
  const made: Tensor[] = [];
  scopes.push(made);
  let result: T;
  try {
    result = body();
  } catch (error) {
    scopes.pop();
    for (const each of made) each.release();
    throw error;
  }
  scopes.pop();
  const kept = new Set(tensorsIn(result));
  for (const each of made) {
    if (kept.has(each)) owner()?.push(each);
    else each.release();
  }
  return result;
}

/** Runs `body` with no scope in force: what it makes belongs to the caller. */
export function outsideScopes<T>(body: () => T): T {
  const saved = scopes.splice(0);
  try {
    return body();
  } finally {
    scopes.push(...saved);
  }
}

function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.values(value).flatMap(tensorsIn);
  }
  return [];
}

function toHostArray(values: ArrayLike<number>, dtype: DType): HostArray {
  const arrays = { float32: Float32Array, bfloat16: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;
  const type = arrays[dtype];
  return values instanceof type ? values : type.from(values);
}

function fromHostBuffer(buffer: ArrayBuffer, dtype: DType): HostArray {
  if (dtype === 'float32' || dtype === 'bfloat16') return new Float32Array(buffer);
  return dtype === 'int32' ? new Int32Array(buffer) : new Uint8Array(buffer);
}
