/** The version of this package. */
import { createRequire } from 'node:module';
import { packageFolder } from '../base/packageFolder.js';

export const version = (createRequire(import.meta.url)(`${packageFolder}package.json`) as { version: string }).version;
