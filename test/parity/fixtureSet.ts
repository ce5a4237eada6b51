/** A folder of parity fixtures as described in test/fixtures/README.md: its manifest, and its tensors on demand. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../src/base/errors.js';
import { type FileTensor, readSafetensors, type SafetensorsFile } from '../../src/formats/safetensors.js';

export interface GeneratedTensor {
  shape: number[];
  scale: number;
  offset: number;
}

/** A row of a parameter table; `same_as` marks a second name of the same tensor. */
export interface ParameterRow extends GeneratedTensor {
  name: string;
  trainable: boolean;
  same_as?: string;
}

/** One case of the manifest. What a kind of case does not have is left out there and empty here. */
export interface FixtureCase {
  id: string;
  op: string;
  attrs: Record<string, unknown>;
  file: string;
  inputs: Record<string, string>;
  outputs: Record<string, string>;
  upstream: Record<string, string>;
  grads: Record<string, string>;
  rtol: number;
  atol: number;
  values?: Record<string, number | null>;
  stored_dtype?: Record<string, string>;
  expect_error?: boolean;
  why?: string;
  generated_inputs: Record<string, GeneratedTensor>;
  params?: string;
  summary_rows: Record<string, string>;
  output_rtol: Record<string, number>;
  row_rtol: Record<string, number[]>;
  row_outlier: Record<string, number>;
  summary_atol: number;
}

export interface FixtureSet {
  folder: string;
  /** What the set calls itself. */
  name: string;
  seed: number;
  paramTables: Record<string, ParameterRow[]>;
  rowTables: Record<string, string[]>;
  cases: FixtureCase[];
  /** Reads one tensor that a case names. */
  tensor(fixture: FixtureCase, key: string): Promise<FileTensor>;
}

const schema = 'ldc-fixtures/1';

/** @throws UserError when the folder has no readable manifest of the known schema */
export async function openFixtures(folder: string): Promise<FixtureSet> {
  const path = join(folder, 'manifest.json');
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
  if (manifest.schema !== schema) throw new UserError(`${path} has the schema ${manifest.schema}, not ${schema}`);
  const files = new Map<string, Promise<SafetensorsFile>>();
  const open = (file: string) => {
    if (!files.has(file)) files.set(file, readSafetensors(join(folder, file)));
    return files.get(file)!;
  };
  return {
    folder,
    name: String(manifest.set),
    seed: manifest.seed as number,
    paramTables: (manifest.param_tables ?? {}) as FixtureSet['paramTables'],
    rowTables: (manifest.row_tables ?? {}) as FixtureSet['rowTables'],
    cases: (manifest.cases as Partial<FixtureCase>[]).map(complete),
    tensor: async (fixture, key) => (await open(fixture.file)).tensor(key),
  };
}

function complete(given: Partial<FixtureCase>): FixtureCase {
  const { id, op } = given;
  if (id === undefined || op === undefined) throw new UserError(`a fixture case has no id or no op: ${given.id}`);
  return {
    attrs: {},
    file: '',
    inputs: {},
    outputs: {},
    upstream: {},
    grads: {},
    rtol: 0,
    atol: 0,
    generated_inputs: {},
    summary_rows: {},
    output_rtol: {},
    row_rtol: {},
    row_outlier: {},
    summary_atol: 0,
    ...given,
    id,
    op,
  };
}
