/** Compares results with what a fixture case expects, by the limits of test/fixtures/README.md. */
import type { ConvAlgorithm } from '../../src/engine/native.js';
import { type FileTensor, toFloat32 } from '../../src/formats/safetensors.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';

/** A result on the host, row-major. */
export interface Values {
  shape: readonly number[];
  data: ArrayLike<number>;
}

/** What running a case gave: results by name, and gradients by the name of the input. */
export interface Results {
  outputs: Record<string, Values>;
  grads: Record<string, Values>;
}

/** One comparison: the largest error and what it may be. */
export interface Check {
  what: string;
  error: number;
  limit: number;
}

export function holds({ error, limit }: Check): boolean {
  return error <= limit; // false for NaN
}

/** Share of the limit that is used up; 0 for an exact result. */
export function usedUp({ error, limit }: Check): number {
  return error === 0 ? 0 : error / limit;
}

/** Kernels that may run as Winograd F(4x4): judged by the rms of the tensor when that is allowed. */
const convolutions = new Set(['conv2d', 'ldc_conv2d', 'ldc_paper_conv2d', 'cdc_conv2d']);
export const winogradShareOfRms = 1e-4;

/** All checks of one case against what its file holds. A result that is missing is an error of infinity. */
export async function compareCase(
  set: FixtureSet,
  fixture: FixtureCase,
  results: Results,
  algorithm: ConvAlgorithm,
): Promise<Check[]> {
  const checks: Check[] = [];
  const compare = async (what: string, key: string, got: Values | undefined, name: string) => {
    const want = await set.tensor(fixture, key);
    if (got === undefined || !sameShape(got.shape, want.shape)) {
      const found = got === undefined ? 'missing' : `[${got.shape}] for [${want.shape}]`;
      checks.push({ what: `${what} (${found})`, error: Number.POSITIVE_INFINITY, limit: 0 });
      return;
    }
    const expected = toFloat32(want);
    if (name in fixture.summary_rows) checks.push(...summaryChecks(set, fixture, name, got.data, expected));
    else if (name === 'loss_terms') checks.push(...columnChecks(fixture, name, got.data, want, expected));
    else checks.push(tensorCheck(fixture, what, name, got.data, expected, algorithm));
  };
  for (const [name, key] of Object.entries(fixture.outputs)) await compare(name, key, results.outputs[name], name);
  for (const [name, key] of Object.entries(fixture.grads)) {
    await compare(`gradient of ${name}`, key, results.grads[name], `grad.${name}`);
  }
  return checks;
}

/** Extents of 1 do not count: a map [N,1,H,W] may be stored as [N,H,W], a scalar as [1]. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const long = (shape: readonly number[]) => shape.filter((extent) => extent !== 1).join();
  return long(a) === long(b);
}

function tensorCheck(
  fixture: FixtureCase,
  what: string,
  name: string,
  got: ArrayLike<number>,
  want: Float32Array,
  algorithm: ConvAlgorithm,
): Check {
  const { atol } = fixture;
  const rtol = fixture.output_rtol[name] ?? fixture.rtol;
  if (algorithm !== 'direct' && convolutions.has(fixture.op)) {
    const rms = Math.sqrt(want.reduce((sum, value) => sum + value * value, 0) / want.length);
    return { what, error: largestError(got, want), limit: winogradShareOfRms * rms };
  }
  if (rtol === 0 && atol === 0) return { what: `equality of ${what}`, error: unequal(got, want), limit: 0 };
  return { what, error: largestError(got, want), limit: atol + rtol * largest(want) };
}

/** Columns of a table [steps, terms], each with a limit of its own. */
function columnChecks(
  fixture: FixtureCase,
  name: string,
  got: ArrayLike<number>,
  { shape }: FileTensor,
  want: Float32Array,
): Check[] {
  const [rows, columns] = shape as [number, number];
  const titles = fixture.attrs.loss_terms_columns as string[];
  const rtol = fixture.output_rtol[name] ?? fixture.rtol;
  return Array.from({ length: columns }, (_, column) => {
    const pick = (table: ArrayLike<number>) =>
      Float32Array.from({ length: rows }, (_, row) => table[row * columns + column]!);
    const expected = pick(want);
    const limit = fixture.atol + rtol * largest(expected);
    return { what: `${name} ${titles[column]}`, error: largestError(pick(got), expected), limit };
  });
}

/** Values a summary row keeps of a tensor. */
export const summaryHead = 16;
const summaryWidth = summaryHead + 3;

/** First 16 values, sum, L2 norm, largest magnitude. */
export function summaryOf(values: ArrayLike<number>): number[] {
  let [sum, squares, most] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    sum += value;
    squares += value * value;
    most = Math.max(most, Math.abs(value));
  }
  const head = Array.from({ length: summaryHead }, (_, i) => values[i] ?? 0);
  return [...head, sum, Math.sqrt(squares), most];
}

function summaryChecks(
  set: FixtureSet,
  fixture: FixtureCase,
  name: string,
  got: ArrayLike<number>,
  want: Float32Array,
): Check[] {
  const sizes = new Map(
    set.paramTables[fixture.params!]!.map((row) => [
      row.name,
      row.shape.reduce((product, extent) => product * extent, 1),
    ]),
  );
  const outlier = fixture.row_outlier[name] ?? 0;
  return set.rowTables[fixture.summary_rows[name]!]!.flatMap((row, i) => {
    const at = i * summaryWidth;
    const errors = Array.from({ length: summaryWidth }, (_, k) => Math.abs(got[at + k]! - want[at + k]!));
    const [l2, most] = [want[at + summaryHead + 1]!, want[at + summaryHead + 2]!];
    const r = fixture.row_rtol[name]?.[i] ?? fixture.rtol;
    const a = fixture.summary_atol;
    const what = `${name} of ${row}`;
    const checks = [
      { what: `${what}, sum`, error: errors[summaryHead]!, limit: a + r * Math.sqrt(sizes.get(row)!) * l2 },
      { what: `${what}, norm`, error: errors[summaryHead + 1]!, limit: a + r * l2 },
      { what: `${what}, largest`, error: errors[summaryHead + 2]!, limit: a + r * most },
    ];
    const head = errors.slice(0, summaryHead).sort((x, y) => y - x);
    const limit = a + r * most;
    // One value may stay inside the wider limit instead.
    if (!(head[0]! <= limit) && outlier > limit) {
      checks.push({ what: `${what}, outlier`, error: head.shift()!, limit: outlier });
    }
    return [...checks, { what, error: worst(head), limit }];
  });
}

function worst(errors: readonly number[]): number {
  return errors.some(Number.isNaN) ? Number.NaN : Math.max(...errors);
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

function largestError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < want.length; i++) most = Math.max(most, Math.abs(got[i]! - want[i]!)); // NaN stays NaN
  return most;
}

/** How many elements differ; zeros of either sign are equal, and so is any NaN to any other. */
export function unequal(got: ArrayLike<unknown>, want: ArrayLike<unknown>): number {
  let count = 0;
  for (let i = 0; i < want.length; i++) if (got[i] !== want[i] && !Object.is(got[i], want[i])) count++;
  return count;
}
