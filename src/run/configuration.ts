/** Complete configurations: the common keys with those of the method that the settings name. */
import type { ZodError } from 'zod';
import { UserError } from '../base/errors.js';
import {
  checkSettings,
  configOf,
  isModulePath,
  methodOf as namedMethod,
  parseOverride,
  readSettings,
  type Settings,
} from '../config/load.js';
import { nearest } from '../config/nearest.js';
import { type Config, ConfigSchema } from '../config/schema.js';
import { contractHint } from '../method/checkedMethod.js';
import type { LdcNetConfig } from '../method/ldcnet/config.js';
import type { Method } from '../method/method.js';
import { methods } from '../method/methods.js';
import { loadOwnMethod } from './ownMethod.js';

const [standard] = methods as readonly [Method];
const schemas = new Map<string, ConfigSchema>();
const opened = new Map<string, Method>(methods.map((method) => [method.name, method]));

/** The configuration of the paper. */
export const defaultConfig = schemaOf(standard.name).parse({}) as LdcNetConfig;

/**
 * The defaults, changed by `file` (YAML, any part of the keys), changed by `overrides` ("train.lr=1e-3", the value being YAML), later
 * ones winning. A section given as an override changes only the keys it names.
 * @throws UserError naming the file and line, or the override, and the key
 */
export async function loadConfig(file?: string, overrides: readonly string[] = []): Promise<Config> {
  const settings = [...(file === undefined ? [] : [await readSettings(file)]), ...overrides.map(parseOverride)];
  return configOfSettings(settings);
}

/**
 * The configuration of a run, which somebody else may have made: a method's code that it names is not loaded unless `overrides` name it too.
 * @throws UserError
 */
export async function loadRunConfig(file: string, overrides: readonly string[]): Promise<Config> {
  const [ofRun, ...more] = [await readSettings(file), ...overrides.map(parseOverride)];
  const path = namedMethod([ofRun!]);
  if (isModulePath(path) && namedMethod(more) === undefined) {
    throw new UserError(
      `${file} names the method ${path}, and code is not loaded because a run's folder says so`,
      `if you trust it, name it yourself: --method ${path}`,
    );
  }
  return configOfSettings([ofRun!, ...more]);
}

/** The configuration in a file that was written for `config`, which is the one that says where the code of its method is. */
export async function loadEarlier(file: string, config: Config): Promise<Config> {
  return loadRunConfig(file, isModulePath(config.method) ? [`method=${JSON.stringify(config.method)}`] : []);
}

/** What results say of the method. */
export function methodFacts(config: Config): { method: string; variant: string | null } {
  const method = methodOf(config);
  return { method: method.name, variant: method.variant(config) };
}

/** The file of a method of the user's own; null for one that is built in. */
export function modulePath({ method }: Pick<Config, 'method'>): string | null {
  return isModulePath(method) ? method : null;
}

/** The configuration of settings, later ones winning. @throws UserError */
export async function configOfSettings(settings: readonly Settings[]): Promise<Config> {
  const method = namedMethod(settings) ?? standard.name;
  await openMethod(method);
  return configOf(schemaOf(method), settings);
}

/** The configuration of settings that were checked, some of which may be for other methods. */
export function configOfValues(values: { method?: string }): Config {
  const schema = schemaOf(values.method ?? standard.name);
  return schema.parse(schema.withoutOthers(values));
}

/** Checks settings by themselves. @param method whose keys they may have, where they name none @throws UserError */
export async function checkPart(settings: Settings, method = standard.name): Promise<void> {
  const named = namedMethod([settings]) ?? method;
  await openMethod(named);
  checkSettings(schemaOf(named), settings);
}

/** The method of a configuration. */
export function methodOf({ method }: Pick<Config, 'method'>): Method {
  const found = opened.get(method);
  if (found === undefined) throw new Error(`the method ${method} is not open`);
  return found;
}

/** All methods that are open, with what `method` calls them. */
export function openMethods(): [string, Method][] {
  return [...opened];
}

async function openMethod(name: string): Promise<void> {
  if (opened.has(name)) return;
  if (isModulePath(name)) {
    const sections = [...opened.values()].flatMap(({ settings }) => Object.keys(settings.sections));
    const common = schemaOf(standard.name).keys.filter((key) => !key.includes('.'));
    const method = await loadOwnMethod(name, [...methods.map((method) => method.name), ...sections, ...common]);
    opened.set(name, method);
    checkKeys(name, method);
    return;
  }
  const names = methods.map((method) => method.name);
  const hint = `did you mean ${nearest(name, names).join(' or ')}? There are ${names.join(', ')}`;
  throw new UserError(`there is no method ${JSON.stringify(name)}`, hint);
}

/** Refuses defaults that are none of the method's keys, and keys of checkpoints that there are not. */
function checkKeys(path: string, { carried }: Method): void {
  const schema = schemaOf(path);
  let wrong: string | undefined;
  try {
    const { keys } = schema;
    const unknown = carried.find((key) => !keys.includes(key));
    if (unknown !== undefined) wrong = `carried names ${unknown}, which is no key`;
  } catch (error) {
    const [issue] = (error as ZodError).issues;
    wrong = `the defaults in settings are wrong: ${[...issue!.path, issue!.message].join(': ')}`;
  }
  if (wrong !== undefined) throw new UserError(`the method in ${path}: ${wrong}`, contractHint);
}

function schemaOf(name: string): ConfigSchema {
  let schema = schemas.get(name);
  if (schema === undefined) {
    const method = opened.get(name)!;
    const others = methods.filter((other) => other !== method);
    schema = new ConfigSchema(
      method.settings,
      others.map((other) => other.settings),
    );
    schemas.set(name, schema);
  }
  return schema;
}
