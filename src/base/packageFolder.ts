/** Where this package is, and how its native part is built there. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's own folder, whether this file runs from src/ or from dist/src/. */
export const packageFolder = ['../../', '../../../']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((folder) => existsSync(`${folder}package.json`))!;

/** Whether this is an unpacked archive (`npm run bundle`): there nothing can be built. */
const bundled = existsSync(`${packageFolder}bundle.json`);

/** What to type to build the addon, from the current directory: what an installed package was built with has to be added first. */
export function buildCommand(script: 'build:native' | 'build:cuda', environment = ''): string {
  const build = `${environment}npm run ${script}`;
  if (bundled) return `in a checkout, ${build} && npm run bundle`;
  const folder = relative(process.cwd(), packageFolder);
  return folder === '' ? build : `cd '${folder}' && npm install --ignore-scripts && ${build}`;
}
