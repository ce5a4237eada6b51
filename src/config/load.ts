/** From a YAML file and `--set` overrides to a complete configuration, or to one sentence that says what is wrong where. */
import { readFile } from 'node:fs/promises';
import { type Document, isMap, isScalar, LineCounter, type Node, parse, parseDocument } from 'yaml';
import { messageOf, UserError } from '../base/errors.js';
import { nearest } from './nearest.js';
import { type Config, configSchema, expectedAt, knownKeys } from './schema.js';

/** Says where a key was set: ", in ldc.yaml line 3". */
type Locate = (path: readonly PropertyKey[]) => string;

/**
 * The defaults, changed by `file` (YAML, any part of the keys), changed by `overrides` ("train.lr=1e-3", the value being YAML),
 * later ones winning. A section given as an override changes only the keys it names.
 * @throws UserError naming the file and line, or the override, and the key
 */
export async function loadConfig(file?: string, overrides: readonly string[] = []): Promise<Config> {
  let settings: object = {};
  if (file !== undefined) settings = await readSettings(file);
  for (const override of overrides) settings = merge(settings, parseOverride(override));
  return configSchema.parse(settings);
}

async function readSettings(file: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      `the configuration ${file} ${missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`}`,
    );
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw new UserError(`${lowerFirst(error.message)}, in ${file} line ${lines.linePos(error.pos[0]).line}`);
  const settings: unknown = document.toJS() ?? {};
  check(settings, (path) => `, in ${file} line ${lineOf(document, lines, path)}`);
  return settings as object;
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
  check(settings, () => `, in the setting "${override}"`);
  return settings;
}

/** Every key has a default, so a part of a configuration is checked by the schema of the whole. */
function check(settings: unknown, locate: Locate): void {
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

/** The line on which the key at `path` stands, counted from 1. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const name of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
    if (!pair) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value as Node | null;
  }
  return lines.linePos(offset).line;
}

function merge(base: object, change: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const old = merged[name];
    merged[name] = isSection(old) && isSection(value) ? merge(old, value) : value;
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

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
