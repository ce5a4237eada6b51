/** Flags that are for all lists, or for one. */
import { basename } from 'node:path';
import { UserError } from '../../base/errors.js';

/** A value for all lists, or one for a list by its path or its name. */
export function ofLists<T>(
  texts: readonly string[] = [],
  files: readonly string[],
  flag: string,
  read: (text: string) => T,
): Map<string, T> {
  const values = new Map<string, T>();
  for (const text of texts) {
    const [, list, value] = /^(.+)=([^=]*)$/.exec(text) ?? [];
    const meant = list === undefined ? files : files.filter((file) => file === list || basename(file) === list);
    if (meant.length === 0) throw new UserError(`${flag} ${text} is for a list that is not imported: ${list}`);
    for (const file of meant) {
      if (values.has(file))
        throw new UserError(`${flag} is given twice for ${file}`, `${flag} LIST=VALUE is for one list`);
      values.set(file, read(value ?? text));
    }
  }
  return values;
}
