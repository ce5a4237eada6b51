/** From a YAML file and `--set` overrides to a complete configuration, or to one sentence that says what is wrong where. */
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf, UserError } from '../base/errors.js';
import { isSection, mergeSettings } from './merge.js';
import { nearest } from './nearest.js';
import type { Config, ConfigSchema } from './schema.js';
import { readYamlFile } from './yamlFile.js';

/** Says where a key was set: ", in ldc.yaml line 3". */
type Locate = (path: readonly PropertyKey[]) => string;

/** Settings of one origin: the keys they hold, not yet checked. */
export interface Settings {
  values: object;
  locate: Locate;
  /** Sections of other methods mean nothing here: of a `--set` they are a mistake, in a file they may be for another run. */
  mine: boolean;
  /** For whatever method: so are their keys in `train`, of a file that names no method. */
  shared: boolean;
}

/** The settings of a configuration file. The path of a method's module is made absolute. @throws UserError naming file and line */
export async function readSettings(file: string): Promise<Settings> {
  const { value, lineOf } = await readYamlFile(file, 'the configuration');
  const values = isSection(value) ? withMethodFrom(value, dirname(file)) : (value as object);
  const shared = isSection(value) && !('method' in value);
  return { values, locate: (path) => `, in ${file} line ${lineOf(path)}`, mine: false, shared };
}

/** The setting of an override: `train.lr=1e-3`, the value being YAML. @throws UserError for what is none */
export function parseOverride(override: string): Settings {
  const separator = override.indexOf('=');
  const path = override.slice(0, separator).trim().split('.');
  if (separator < 1 || path.includes('')) {
    throw new UserError(`"${override}" is not of the form key=value`, 'for example --set train.lr=1e-3');
  }
  let value: unknown;
  try {
    value = parse(override.slice(separator + 1), { prettyErrors: false });
  } catch (error) {
    throw new UserError(
      `the value of ${path.join('.')} is not YAML: ${messageOf(error)}, in the setting "${override}"`,
    );
  }
  const values = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
  return {
    values: withMethodFrom(values, '.'),
    locate: () => `, in the setting "${override}"`,
    mine: true,
    shared: false,
  };
}

/** Whether `method` names a module of the user's, as opposed to a method that is built in. */
export function isModulePath(method: unknown): method is string {
  return typeof method === 'string' && (/[/\\]/.test(method) || /\.[cm]?js$/.test(method));
}

/** Settings with the path of a method's module resolved against `folder`. */
export function withMethodFrom(settings: object, folder: string): object {
  const { method } = settings as { method?: unknown };
  return isModulePath(method) ? { ...settings, method: resolve(folder, method) } : settings;
}

/** The method that settings name, later ones winning; undefined where none does. @throws UserError for what is no name */
export function methodOf(settings: readonly Settings[]): string | undefined {
  const naming = settings.findLast(({ values }) => isSection(values) && 'method' in values);
  if (naming === undefined) return undefined;
  const { method } = naming.values as { method: unknown };
  if (typeof method === 'string' && method !== '') return method;
  const expected = 'the name of a method, or the path of a module';
  throw new UserError(`method must be ${expected}, not ${show(method)}${naming.locate(['method'])}`);
}

/** The defaults of a method, changed by settings, later ones winning; a section changes only the keys it names. @throws UserError */
export function configOf(schema: ConfigSchema, settings: readonly Settings[]): Config {
  let merged = {};
  for (const each of settings) {
    checkSettings(schema, each);
    merged = mergeSettings(merged, valuesFor(schema, each));
  }
  return schema.parse(merged);
}

/** What settings say to a method. */
function valuesFor(schema: ConfigSchema, { values, shared }: Settings): object {
  return shared ? schema.withoutOthers(values) : values;
}

/** Checks a part of a configuration: every key has a default, so the schema of the whole will do. @throws UserError */
export function checkSettings(schema: ConfigSchema, settings: Settings): void {
  const { locate, mine } = settings;
  const values = valuesFor(schema, settings);
  const foreign = mine ? onlyPath(values) : [];
  const owner = schema.ownerOf(foreign);
  if (owner !== undefined) throw notOurs(schema, foreign, owner, locate);
  const issue = schema.safeParse(values).error?.issues[0];
  if (!issue) return;
  if (issue.code === 'unrecognized_keys') throw unknownKey(schema, values, [...issue.path, issue.keys[0]!], locate);
  const name = issue.path.length > 0 ? issue.path.join('.') : 'the configuration';
  const value = show(valueAt(values, issue.path));
  throw new UserError(`${name} must be ${schema.expectedAt(issue.path)}, not ${value}${locate(issue.path)}`);
}

/** An unknown section with one key in it is named with that key: of `modle.dropout` both parts tell what was meant. */
function unknownKey(schema: ConfigSchema, settings: unknown, path: PropertyKey[], locate: Locate): UserError {
  const owner = schema.ownerOf(path);
  if (owner !== undefined) return notOurs(schema, path, owner, locate);
  const where = locate(path);
  const full = [...path];
  for (let value = valueAt(settings, full); isSection(value); value = valueAt(settings, full)) {
    const names = Object.keys(value);
    if (names.length !== 1) break;
    full.push(names[0]!);
  }
  const name = full.join('.');
  return new UserError(`unknown key ${name}${where}`, `did you mean ${nearest(name, schema.keys).join(' or ')}?`);
}

function notOurs({ method }: ConfigSchema, path: readonly PropertyKey[], owner: string, locate: Locate): UserError {
  return new UserError(
    `${path.join('.')} is a key of the method ${owner}, and the method is ${method.name}${locate(path)}`,
    `choose the method: --set method=${owner}; or leave the key out`,
  );
}

/** The path to the one value that an override sets. */
function onlyPath(values: unknown): string[] {
  if (!isSection(values)) return [];
  const [name, ...more] = Object.keys(values);
  return name === undefined || more.length > 0 ? [] : [name, ...onlyPath((values as Record<string, unknown>)[name])];
}

function valueAt(settings: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown>)[name], settings);
}

function show(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return isSection(value) ? 'a section' : JSON.stringify(value);
}
