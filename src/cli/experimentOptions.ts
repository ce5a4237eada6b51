/** Flags that choose a configuration, data and a device: the same for train, cam, eval and the rest. */
import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { loadConfig } from '../run/configuration.js';
import { ownData, type RunFacts, type RunFolder } from '../run/runFolder.js';
import { repeated } from './output.js';

export const defaultData = './data';
export const defaultOut = './runs';

/** Flags that choose a method and a device. */
export interface DeviceOptions {
  method?: string;
  device?: string;
  precision?: string;
  threads?: string;
}

export interface ConfigOptions extends DeviceOptions {
  config?: string;
  set?: string[];
  seed?: string;
  follow?: boolean;
}

export function withConfigOptions(command: Command): Command {
  command
    .option('--config <file>', 'YAML configuration (default: the paper, configs/ldcnet.yaml)')
    .option('--set <key=value>', 'overrides one key of the configuration; may be repeated', repeated);
  return withFollowOption(withDeviceOptions(command).option('--seed <n>', 'seed of everything random'));
}

export function withFollowOption(command: Command): Command {
  return command.option('--follow', 'also read images that links lead to outside of their crop set');
}

export function withMethodOption(command: Command): Command {
  return command.option('--method <name>', 'ldcnet, erm, ssdg, safas, or a module of your own: ./mine.mjs');
}

export function withDeviceOptions(command: Command): Command {
  return withMethodOption(command)
    .option('--device <name>', 'auto, cpu or cuda')
    .option(
      '--precision <name>',
      'auto (fp32; tf32 on cuda), fp32, bf16, or tf32 on cuda: what convolutions multiply in, and with bf16 what activations are stored in',
    )
    .option('--threads <n>', 'threads of the cpu device');
}

export function withDataOption(command: Command): Command {
  return command.option('--data <dir>', 'folder of crop sets', defaultData);
}

/** As `withDataOption`, for commands that have a run: `dataOfRun` knows what no flag says. */
export function withRunDataOption(command: Command): Command {
  return command.option('--data <dir>', `folder of crop sets (default: the run's own, or ${defaultData})`);
}

/** The folder of the crop sets that a run was made from, unless a flag names another. */
export function dataOfRun(folder: RunFolder, facts: RunFacts, given: string | undefined): string {
  return given ?? ownData(folder, facts) ?? defaultData;
}

export function withOutOption(command: Command): Command {
  return command.option('--out <dir>', 'folder of runs', defaultOut);
}

/** The configuration of the flags; `more` are further overrides as of --set. */
export async function configOf(options: ConfigOptions, more: readonly string[] = []): Promise<Config> {
  return loadConfig(options.config, [...overridesOf(options), ...more]);
}

/** What the flags change of a configuration, as of --set. A run that was made on a GPU may go on on the CPU, in its precision. */
export function overridesOf(options: Omit<ConfigOptions, 'config'>): string[] {
  const { set = [], method, device, threads, seed, follow } = options;
  const unset = device === 'cpu' && !set.some((each) => each.startsWith('precision='));
  const flags = Object.entries({
    method,
    device,
    precision: options.precision ?? (unset ? 'auto' : undefined),
    threads,
    seed,
    'data.follow': follow,
  });
  return [...set, ...flags.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))];
}
