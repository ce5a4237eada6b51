/** The teacher of an experiment's method, and the size of the maps it draws. */
import { UserError } from '../../base/errors.js';
import type { Config } from '../../config/schema.js';
import type { Teacher } from '../../method/method.js';
import { methodOf } from '../configuration.js';

/** @throws UserError when the method has none */
export function teacherOf({ config }: { config: Config }): Teacher<Config> {
  const { teacher, title } = methodOf(config);
  if (teacher !== undefined) return teacher;
  throw new UserError(`the method ${title} has no maps and no network that draws them`, 'maps are LDCNet’s');
}

/** Side of the maps. */
export function mapSizeOf({ config }: { config: Config }): number {
  const size = methodOf(config).mapSize?.(config);
  if (size === undefined) throw new Error('a teacher without maps');
  return size;
}
