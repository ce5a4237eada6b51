/** The teacher of an experiment's method: the size of the maps it draws, and where it and they are kept. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { protocolFolder } from '../../config/protocol.js';
import type { Config } from '../../config/schema.js';
import { relativePath } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import type { Network, Teacher } from '../../method/method.js';
import { loadModel } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import type { Experiment } from '../experiment.js';

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

/** Where stage 1 of an experiment is, or will be. It holds maps.safetensors when it is whole. */
export function stage1Folder(experiment: Experiment, out: string): string {
  return join(out, protocolFolder(experiment.protocol), `stage1-${stage1Key(experiment)}`);
}

/** The trained teacher in a folder of stage 1. */
export const teacherFile = (folder: string) => join(folder, 'activation.safetensors');

/** The teacher in a folder of stage 1, in evaluation mode; undefined where it is not there any more. */
export async function openTeacher(
  experiment: Experiment,
  device: Device,
  folder: string,
): Promise<Network | undefined> {
  const path = teacherFile(folder);
  if (!existsSync(path)) return undefined;
  const net = teacherOf(experiment).network(experiment.config, device);
  try {
    await loadModel(path, net);
  } catch (error) {
    net.dispose();
    throw error;
  }
  net.train(false);
  return net;
}

/** What stage 1 depends on, as a short hash. */
function stage1Key(experiment: Experiment): string {
  const { config, sources, train } = experiment;
  const settings = teacherOf(experiment).dependsOn(config);
  const hash = createHash('sha256').update(JSON.stringify([settings, sources.map((source) => source.hash)]));
  for (const frame of train) hash.update(`${frame.domain}/${relativePath(frame)}\n`);
  return hash.digest('hex').slice(0, 8);
}
