/** Flags that choose a configuration, data and a device: the same for train, cam, eval and the rest. */
import type { Command } from 'commander';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { repeated } from './output.js';

export const defaultData = './data';
export const defaultOut = './runs';

export interface ConfigOptions {
  config?: string;
  set?: string[];
  device?: string;
  threads?: string;
  seed?: string;
}

export function withConfigOptions(command: Command): Command {
  return command
    .option('--config <file>', 'YAML configuration (default: the paper, configs/ldcnet.yaml)')
    .option('--set <key=value>', 'overrides one key of the configuration; may be repeated', repeated)
    .option('--device <name>', 'auto, cpu or cuda')
    .option('--threads <n>', 'threads of the cpu device')
    .option('--seed <n>', 'seed of everything random');
}

export function withDataOption(command: Command): Command {
  return command.option('--data <dir>', 'folder of crop sets', defaultData);
}

export function withOutOption(command: Command): Command {
  return command.option('--out <dir>', 'folder of runs', defaultOut);
}

/** The configuration of the flags; `more` are further overrides as of --set. */
export async function configOf(options: ConfigOptions, more: readonly string[] = []): Promise<Config> {
  return loadConfig(options.config, [...overridesOf(options), ...more]);
}

/** What the flags change of a configuration, as of --set. */
export function overridesOf({ set = [], device, threads, seed }: Omit<ConfigOptions, 'config'>): string[] {
  const flags = Object.entries({ device, threads, seed });
  return [...set, ...flags.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))];
}
