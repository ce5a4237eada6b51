/** What the cases of whole networks share: parameters and inputs that are generated from their names, summaries of what came out. */
import type { Device } from '../../src/engine/device.js';
import { loadState, type Module, type StateSource } from '../../src/engine/nn/module.js';
import { features, type Tensor, tensor } from '../../src/engine/tensor.js';
import { summaryOf, type Values } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { generate } from './generated.js';

/** Fills every parameter and buffer that is read. @throws Error when the network and the table differ in names, shapes or roles */
export async function loadGenerated(
  set: FixtureSet,
  fixture: FixtureCase,
  network: Module<never, unknown>,
): Promise<void> {
  const rows = new Map(set.paramTables[fixture.params!]!.map((row) => [row.name, row]));
  const roles = (all: Iterable<[string, boolean, string | undefined]>) => JSON.stringify([...all]);
  const own = roles(
    network
      .state()
      .filter(({ counter, unused }) => counter === undefined && !unused)
      .map(({ name, trainable, sameAs }) => [name, trainable, sameAs]),
  );
  const wanted = roles([...rows.values()].map(({ name, trainable, same_as }) => [name, trainable, same_as]));
  if (own !== wanted) throw new Error('the network has other parameters than the table of the fixtures');
  const source: StateSource = {
    origin: `parameters ${fixture.params}`,
    names: [...rows.keys()],
    shape: (name) => rows.get(name)!.shape,
    values: async (name) => generate(name, set.seed, size(rows.get(name)!.shape), rows.get(name)!),
  };
  await loadState(network, source);
}

export function generatedInput(set: FixtureSet, fixture: FixtureCase, name: string) {
  const { shape, ...range } = fixture.generated_inputs[name]!;
  return { shape, values: generate(name, set.seed, size(shape), range) };
}

export function imageOf(set: FixtureSet, fixture: FixtureCase, device: Device): Tensor {
  const { shape, values } = generatedInput(set, fixture, 'image');
  return features(device, values, shape);
}

/** 2 where the generated input is not negative, 0 elsewhere. */
export function dropoutMask(set: FixtureSet, fixture: FixtureCase, device: Device, name = 'dropout'): Tensor {
  const { shape, values } = generatedInput(set, fixture, name);
  return tensor(
    device,
    values.map((value) => (value >= 0 ? 2 : 0)),
    shape,
  );
}

export async function readEntry(network: Module<never, unknown>, name: string): Promise<Values> {
  const found = network.state().find((entry) => entry.name === name)!;
  return { shape: found.shape, data: await found.tensor!.read() };
}

/** One summary row for each name that the manifest lists under `output`, of the entry or of what `of` gives for it. */
export async function summaries(
  set: FixtureSet,
  fixture: FixtureCase,
  network: Module<never, unknown>,
  output: string,
  of: (entry: Tensor) => Tensor = (entry) => entry,
): Promise<Values> {
  const names = set.rowTables[fixture.summary_rows[output]!]!;
  const entries = new Map(network.state().map((entry) => [entry.name, entry.tensor]));
  const rows = await Promise.all(names.map(async (name) => summaryOf(await of(entries.get(name)!).read())));
  return { shape: [rows.length, rows[0]!.length], data: rows.flat() };
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
