/** From a YAML file and `--set` overrides to a complete configuration, or to one sentence that says what is wrong where. */
import { parse } from 'yaml';
import { messageOf, UserError } from '../base/errors.js';
import { nearest } from './nearest.js';
import { type Config, configSchema, expectedAt, knownKeys } from './schema.js';
import { readYamlFile } from './yamlFile.js';

/** Says where a key was set: ", in ldc.yaml line 3". */
type Locate = (path: readonly PropertyKey[]) => string;

/**
 * The defaults, changed by `file` (YAML, any part of the keys), changed by `overrides` ("train.lr=1e-3", the value being YAML),
 * later ones winning. A section given as an override changes only the keys it names.
 * @throws UserError naming the file and line, or the override, and the key
 */
export async function loadConfig(file?: string, overrides: readonly string[] = []): Promise<Config> {
  let settings = file === undefined ? {} : await readSettings(file);
  for (const override of overrides) settings = mergeSettings(settings, parseOverride(override));
  return configSchema.parse(settings);
}

/** The settings of a configuration file: the keys it holds, checked. @throws UserError naming file, line and key */
export async function readSettings(file: string): Promise<object> {
  const { value, lineOf } = await readYamlFile(file, 'the configuration');
  checkSettings(value, (path) => `, in ${file} line ${lineOf(path)}`);
  return value as object;
}

function parseOverride(override: string): object {
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
  const settings = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
  checkSettings(settings, () => `, in the setting "${override}"`);
  return settings;
}

/**
 * Checks a part of a configuration: every key has a default, so the schema of the whole will do.
 * @param locate says where a key was set: ", in ldc.yaml line 3"
 * @throws UserError
 */
export function checkSettings(settings: unknown, locate: Locate): void {
  const issue = configSchema.safeParse(settings).error?.issues[0];
  if (!issue) return;
  if (issue.code === 'unrecognized_keys') throw unknownKey(settings, [...issue.path, issue.keys[0]!], locate);
  const name = issue.path.length > 0 ? issue.path.join('.') : 'the configuration';
  const value = show(valueAt(settings, issue.path));
  throw new UserError(`${name} must be ${expectedAt(issue.path)}, not ${value}${locate(issue.path)}`);
}

/** An unknown section with one key in it is named with that key: of `modle.dropout` both parts tell what was meant. */
function unknownKey(settings: unknown, path: PropertyKey[], locate: Locate): UserError {
  const where = locate(path);
  const full = [...path];
  for (let value = valueAt(settings, full); isSection(value); value = valueAt(settings, full)) {
    const names = Object.keys(value);
    if (names.length !== 1) break;
    full.push(names[0]!);
  }
  const name = full.join('.');
  return new UserError(`unknown key ${name}${where}`, `did you mean ${nearest(name, knownKeys()).join(' or ')}?`);
}

function valueAt(settings: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown>)[name], settings);
}

/** `base` with the keys that `change` names replaced, section by section. */
export function mergeSettings(base: object, change: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const old = merged[name];
    merged[name] = isSection(old) && isSection(value) ? mergeSettings(old, value) : value;
  }
  return merged;
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return isSection(value) ? 'a section' : JSON.stringify(value);
}
