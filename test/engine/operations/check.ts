/** Runs cases of the table: on a device, and by their definitions. */
import type { Device } from '../../../src/engine/device.js';
import { backward, clearGrads, withTape } from '../../../src/engine/tape.js';
import { scope, Tensor } from '../../../src/engine/tensor.js';
import { dot, held, sizeOf, uniform } from '../helpers.js';
import type { Grid } from './definitions.js';
import { type Case, type Operation, operations } from './table.js';

export interface Use {
  operation: Operation;
  each: Case;
  name: string;
  title: string;
}

/** All cases, with the names that a test prints. */
export const uses: Use[] = operations.flatMap((operation) =>
  operation.cases.map((each) => ({ operation, each, name: operation.name, title: each.title })),
);

/** A tensor on the host. */
export interface Result {
  values: Float32Array;
  dtype: string;
}

export interface Results {
  outputs: Result[];
  /** Of the inputs that are differentiated, else undefined. */
  gradients: (Result | undefined)[];
  upstream: Float32Array;
}

const made = new WeakMap<Case, Float32Array[]>();

/** Host values of the inputs. */
export function valuesFor(each: Case): Float32Array[] {
  const known = made.get(each);
  if (known) return known;
  const values = each.inputs.map(({ shape, values }, i) => values?.(sizeOf(shape)) ?? uniform(sizeOf(shape), 100 + i));
  made.set(each, values);
  return values;
}

/** The same, features as bf16 holds them. */
export function heldValuesFor(each: Case): Float32Array[] {
  return valuesFor(each).map((values, i) => (each.inputs[i]!.layout === 'features' ? values.map(held) : values));
}

/** The inputs on a device; those that are differentiated ask for gradients. */
export function tensorsFor({ inputs }: Case, device: Device, values: readonly Float32Array[]): Tensor[] {
  return inputs.map(({ shape, layout, constant }, i) => {
    const dtype = layout === 'features' ? device.featureType : 'float32';
    const made = new Tensor(device, shape, dtype, layout === 'dense' ? 'dense' : 'features').set(values[i]!);
    made.requiresGrad = constant === undefined;
    return made;
  });
}

/**
 * Runs a case forward, and, where it learns, backward with an upstream gradient of fixed random values, each altered. What is not written by a kernel is NaN:
 * the memory that it finds was filled with that.
 */
export async function compute(
  { operation, each }: Use,
  device: Device,
  values: readonly Float32Array[],
  { alter = (value: number) => value, learning = operation.gradient !== 'none' } = {},
): Promise<Results> {
  const { outputs, leaves, upstream } = scope(() => {
    const leaves = tensorsFor(each, device, values);
    if (!learning) for (const leaf of leaves) leaf.requiresGrad = false;
    scope(() => device.native.fill(new Tensor(device, [100_000]).handle, Number.NaN));
    return withTape(() => {
      const outputs = [each.run([...leaves])].flat();
      const upstream = uniform(outputs[0]!.size, 200).map(alter);
      if (learning) {
        const { shape, dtype, layout } = outputs[0]!;
        backward([{ tensor: outputs[0]!, upstream: new Tensor(device, shape, dtype, layout).set(upstream) }], leaves);
      }
      return { outputs, leaves, upstream };
    });
  });
  const result = async (tensor: Tensor) => ({ values: (await tensor.read()) as Float32Array, dtype: tensor.dtype });
  const results = {
    outputs: await Promise.all(outputs.map(result)),
    gradients: await Promise.all(leaves.map(({ grad }) => grad && result(grad))),
    upstream,
  };
  clearGrads(leaves);
  for (const tensor of new Set([...outputs, ...leaves])) tensor.release();
  return results;
}

/** The definition's results. */
export function define({ inputs, define: definition }: Case, values: readonly ArrayLike<number>[]): Grid[] {
  return [definition(gridsOf(inputs, values))].flat();
}

function gridsOf(inputs: Case['inputs'], values: readonly ArrayLike<number>[]): Grid[] {
  return inputs.map(({ shape }, i) => ({ shape, data: Float64Array.from(values[i]!) }));
}

/** Of each element of the first result, the sum of the absolute values of its terms: what roundings of factors are counted from. */
export function termsOf({ inputs, terms }: Case, values: readonly ArrayLike<number>[]): Grid | undefined {
  return terms?.(gridsOf(inputs, values));
}

/** How far a result is from its definition, of its largest value. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, largest] = [0, 0];
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs(found[i]! - expected[i]!);
    if (!(apart <= error)) error = apart;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return error === 0 ? 0 : error / largest;
}

/**
 * How far a gradient is from the central differences of the definition along random directions, in which every element takes part: of the
 * size of such a derivative.
 */
export function gradientDistance(
  each: Case,
  values: readonly Float32Array[],
  input: number,
  gradient: ArrayLike<number>,
  upstream: ArrayLike<number>,
): number {
  const { step = 1e-4 } = each;
  const distances = [1, 2, 3].map((seed) => {
    const direction = uniform(gradient.length, 300 + 10 * input + seed);
    const at = (by: number) => {
      const moved = values.map((array, i) =>
        i === input ? Float64Array.from(array, (value, k) => value + by * direction[k]!) : array,
      );
      return dot(define(each, moved)[0]!.data, upstream);
    };
    const [ahead, behind] = [at(step), at(-step)];
    const difference = (ahead - behind) / (2 * step);
    // As large as their product is by chance.
    const size = Math.sqrt((dot(gradient, gradient) * dot(direction, direction)) / gradient.length);
    const apart = Math.abs(difference - dot(gradient, direction));
    // A gradient of zeros: to what double precision leaves of the difference.
    return apart / Math.max(size, 1e-6 * (Math.abs(ahead) + 1e-3));
  });
  return Math.max(...distances);
}
