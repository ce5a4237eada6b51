/** The version of this package. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The package's own folder, whether this file runs from src/ or from dist/src/. */
export const packageFolder = ['../../', '../../../']
  .map((relative) => fileURLToPath(new URL(relative, import.meta.url)))
  .find((folder) => existsSync(`${folder}package.json`))!;

export const version = (createRequire(import.meta.url)(`${packageFolder}package.json`) as { version: string }).version;
