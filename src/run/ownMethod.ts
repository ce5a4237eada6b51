/**
 * Loading a method of the user's own. Its code runs with all rights of the user: it is loaded only where the user's own configuration or
 * command line names it, never because a run's folder does.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { messageOf, UserError } from '../base/errors.js';
import { methodOfModule } from '../method/define.js';
import type { Method } from '../method/method.js';

/** `ldcnet`, as the module imports it, is this very package: another copy's tensors would live on another device. */
const library = new URL('../index.js', import.meta.url);
let resolving = false;

/**
 * @param taken names of methods and sections that are there already
 * @throws UserError when the file is missing, does not run, or is no method
 */
export async function loadOwnMethod(path: string, taken: readonly string[]): Promise<Method> {
  if (!existsSync(path)) throw new UserError(`the method ${path} does not exist`);
  if (!resolving && existsSync(fileURLToPath(library))) {
    const url = JSON.stringify(library.href);
    const hook = `export const resolve = (name, context, next) =>
      name === 'ldcnet' ? { url: ${url}, shortCircuit: true } : next(name, context);`;
    register(`data:text/javascript,${encodeURIComponent(hook)}`);
    resolving = true;
  }
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    throw new UserError(`the method ${path} cannot be loaded: ${messageOf(error).split('\n')[0]}`);
  }
  return methodOfModule(module, path, taken);
}

/** SHA-256 of the module's file, as run.json holds it. */
export async function moduleHash(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
