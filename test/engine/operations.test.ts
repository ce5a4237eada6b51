/**
 * The table of operations against itself: values against definitions in double precision, gradients against differences of those, bf16
 * against both, and the same bits on every instruction set for any number of threads. What stands in no entry makes the test fail.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Device, openDevice } from '../../src/engine/device.js';
import type { ConvAlgorithm, NativeDevice, Precision } from '../../src/engine/native.js';
import { held } from './helpers.js';
import { availableIsas, deviceWith } from './isas.js';
import {
  compute,
  define,
  distance,
  gradientDistance,
  heldValuesFor,
  type Result,
  type Results,
  termsOf,
  type Use,
  uses,
  valuesFor,
} from './operations/check.js';
import { operations } from './operations/table.js';

const root = new URL('../../', import.meta.url);
/** 8 significant bits, to the nearest: what a rounding moves a number by, of itself at most. */
const u = 2 ** -8;

type Devices = (algorithm: ConvAlgorithm) => Device;
const opened = (open: (convAlgorithm: ConvAlgorithm) => Device): Devices => {
  const devices = new Map<ConvAlgorithm, Device>();
  return (algorithm) => {
    if (!devices.has(algorithm)) devices.set(algorithm, open(algorithm));
    return devices.get(algorithm)!;
  };
};
const full = opened((convAlgorithm) => openDevice('cpu', { convAlgorithm }));
const on = (devices: Devices, { each }: Use) => devices(each.algorithm ?? 'direct');

describe('in float32', () => {
  it.each(uses)('$name: $title', async (use) => {
    const { each, operation } = use;
    const values = valuesFor(each);
    const { outputs, gradients, upstream } = await compute(use, on(full, use), values);
    const expected = define(each, values);
    expect(outputs).toHaveLength(expected.length);
    for (const [i, { data }] of expected.entries()) {
      expect(distance(outputs[i]!.values, data), `result ${i}`).toBeLessThanOrEqual(each.tolerance ?? 1e-6);
    }
    if (operation.gradient !== 'none') {
      const scored = await compute(use, on(full, use), values, { learning: false });
      expect(scored.outputs, 'without a gradient').toEqual(outputs);
    }
    const differentiated = each.inputs.map(({ constant }) => operation.gradient !== 'none' && constant === undefined);
    expect(gradients.map((gradient) => gradient !== undefined)).toEqual(differentiated);
    for (const [i, gradient] of gradients.entries()) {
      if (gradient === undefined) continue;
      if (typeof operation.gradient === 'object')
        expect(gradient.values).toEqual(upstream.map(operation.gradient.instead));
      else expect(gradientDistance(each, values, i, gradient.values, upstream), `gradient ${i}`).toBeLessThan(1e-5);
    }
  });
});

const isas = availableIsas();
const best = isas[isas.length - 1]!;

describe('features in bf16 are those of float32, rounded once to what bf16 holds', () => {
  const ofFeatures = uses.filter(({ each }) => each.inputs.some(({ layout }) => layout === 'features'));
  const kinds = [...new Set([best, 'emulated_amx'])];
  const cases = kinds.flatMap((isa) => ofFeatures.map((use) => ({ ...use, isa })));
  const half = new Map(
    kinds.map((isa) => [
      isa,
      opened((convAlgorithm) => deviceWith(isa, { threads: 2, convAlgorithm, precision: 'bf16' })),
    ]),
  );

  it.each(cases)('$isa, $name: $title', async ({ isa, ...use }) => {
    const { each } = use;
    const values = heldValuesFor(each);
    const got = await compute(use, on(half.get(isa)!, use), values, { alter: held });
    const terms = termsOf(each, values);
    for (const [i, { data }] of define(each, values).entries()) near(got.outputs[i]!, data, terms?.data, `result ${i}`);
    // Gradients of convolutions have sums of their own: of absolute values, where the weight is what is given.
    const vanilla = terms === undefined || each.title.includes('vanilla, direct');
    if (!vanilla) return;
    const want = await compute(use, on(full, use), values, { alter: held });
    const absolute = values.map((array) => array.map(Math.abs));
    const sums = terms && (await compute(use, on(full, use), absolute, { alter: (value) => Math.abs(held(value)) }));
    for (const [i, gradient] of want.gradients.entries()) {
      if (gradient) near(got.gradients[i]!, gradient.values, sums?.gradients[i]?.values, `gradient ${i}`);
    }
  });

  /** Within the rounding of what is stored, and of factors where `terms` has the sums of their products. */
  function near(
    { values, dtype }: Result,
    expected: ArrayLike<number>,
    terms: ArrayLike<number> | undefined,
    what: string,
  ) {
    let largest = 0;
    for (let k = 0; k < expected.length; k++) largest = Math.max(largest, Math.abs(expected[k]!));
    for (let k = 0; k < expected.length; k++) {
      const factors = terms === undefined ? 0 : u * terms[k]!;
      const stored = dtype === 'bfloat16' ? u * (Math.abs(expected[k]!) + factors) : 0;
      const apart = Math.abs(values[k]! - expected[k]!);
      if (!(apart <= factors + stored + 1e-5 * largest))
        expect.fail(`${what}, element ${k}: ${values[k]}, not ${expected[k]}`);
    }
  }
});

describe.each(['fp32', 'bf16'] as const)(
  'the same bits on every instruction set and for 1, 2 and 3 threads: %s',
  (precision) => {
    /** Digests of results and gradients. */
    async function digests(isa: string, threads: number): Promise<Record<string, string>> {
      const devices = opened((convAlgorithm) => deviceWith(isa, { threads, convAlgorithm, precision }));
      const all: Record<string, string> = {};
      for (const use of uses) {
        all[`${use.name} ${use.title}`] = digest(await compute(use, on(devices, use), valuesFor(use.each)));
      }
      return all;
    }

    function digest({ outputs, gradients }: Results): string {
      const hash = createHash('sha256');
      for (const result of [...outputs, ...gradients]) if (result) hash.update(result.values);
      return hash.digest('hex');
    }

    // Products on tiles have other bits than those without, in bf16 alone.
    const tiles = precision === 'bf16' ? ['amx', 'emulated_amx'] : [];
    const groups = [
      isas.filter((isa) => !tiles.includes(isa)),
      tiles.filter((isa) => isa !== 'amx' || isas.includes(isa)),
    ];
    for (const group of groups.filter(({ length }) => length > 0)) {
      const reference = group[group.length - 1]!;
      const first = digests(reference, 1);
      const others = group.flatMap((isa) => [2, 3].map((threads) => ({ isa, threads })));
      it.each(others)('$isa, $threads threads', async ({ isa, threads }) => {
        expect(await digests(isa, threads)).toEqual(await first);
      });
    }
  },
);

describe('nothing is left out', () => {
  it('each function of src/engine/ops has an entry', async () => {
    const folder = new URL('src/engine/ops/', root);
    const modules = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder).pathname)));
    const functions = modules.flatMap((module) =>
      Object.keys(module).filter((name) => typeof module[name] === 'function' && !/^[A-Z]/.test(name)),
    );
    const entries = new Set(operations.map(({ name }) => name));
    expect(functions.filter((name) => !entries.has(name))).toEqual([]);
    expect(new Set(uses.map(({ name, title }) => `${name}: ${title}`)).size).toBe(uses.length);
  });

  it('each kernel is called by a case', async () => {
    const kernels = [...readFileSync(new URL('src/native/kernel_list.h', root), 'utf8').matchAll(/X\((\w+)\) \\?/g)];
    const names = new Set(kernels.map(([, name]) => name!).filter((name) => name !== 'name'));
    expect(names.size).toBeGreaterThan(50);
    for (const precision of ['fp32', 'bf16'] satisfies Precision[]) {
      const inner = openDevice('cpu', { precision, threads: 1 });
      const native = new Proxy(inner.native, {
        get: (target, name: keyof NativeDevice & string) => {
          names.delete(name);
          const member = target[name];
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
      const device = new Device('cpu', native, { precision });
      for (const use of uses) await compute(use, device, valuesFor(use.each));
    }
    expect([...names]).toEqual([]);
  });
});
