/** A YAML file against a schema: its content, or the one sentence that says what is wrong on which line. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { nearest } from './nearest.js';
import { lowerFirst, type YamlFile } from './yamlFile.js';

/**
 * @param schema of a mapping, in which no other keys may stand
 * @param what the file is, for messages: "the study"
 * @throws UserError that names the key and the line
 */
export function checkedYaml<T extends z.ZodObject>(
  schema: T,
  { value, lineOf }: YamlFile,
  file: string,
  what: string,
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const at = (path: readonly PropertyKey[]) => `, in ${file} line ${lineOf(path)}`;
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0]!];
    const known = knownAt(schema, issue.path);
    throw new UserError(
      `unknown key ${path.join('.')}${at(path)}`,
      `did you mean ${nearest(String(issue.keys[0]), known).join(' or ')}?`,
    );
  }
  const name = issue.path.length > 0 ? issue.path.join('.') : what;
  const { message } = issue.code === 'invalid_key' ? issue.issues[0]! : issue;
  throw new UserError(`${name}: ${lowerFirst(message)}${at(issue.path)}`);
}

/** The keys of the section at `path`. */
function knownAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let section = schema;
  for (const part of path) section = (unwrapped(section) as z.ZodObject).shape[part as string] as z.ZodType;
  return Object.keys((unwrapped(section) as z.ZodObject).shape);
}

function unwrapped(type: z.ZodType): z.ZodType {
  return type instanceof z.ZodPrefault || type instanceof z.ZodOptional ? unwrapped(type.unwrap() as z.ZodType) : type;
}
