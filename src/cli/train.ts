/** `ldc train` */
import { Command } from 'commander';
import { parseProtocol } from '../config/protocol.js';
import { type Device, measurePeak } from '../engine/device.js';
import type { Profiler } from '../engine/profile.js';
import { kernelTable, layerTable, type StepProfile } from '../report/profileTable.js';
import { toText } from '../report/table.js';
import { methodOf } from '../run/configuration.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { runFolder } from '../run/runFolder.js';
import { train } from '../run/training/train.js';
import { type ConfigOptions, configOf, withConfigOptions, withDataOption, withOutOption } from './experimentOptions.js';
import { byteCount } from './numbers.js';
import {
  type CommonOptions,
  interruption,
  printResult,
  progressFor,
  terminalWidth,
  withCommonOptions,
} from './output.js';

interface TrainFlags extends CommonOptions, ConfigOptions {
  protocol: string;
  data: string;
  out: string;
  name?: string;
  resume?: boolean;
  epochs?: string;
  checkpointEvery?: string;
  memoryLimit?: number;
  cacheLimit?: string;
  weights?: string;
  profile?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description(
      'train a network: LDCNet, after its activation network and maps if they are missing, or another method',
    )
    .requiredOption(
      '--protocol <expression>',
      "e.g. 'O&C&I-to-M' (the shell needs the quotes), 'wmca&cefa-to-surf', 'O&C&I+M:5-to-M' or oulu/3/1",
    )
    .option('--name <name>', 'name of the run (default: method or kind of convolution, and seed)')
    .option('--resume', 'go on with an interrupted run')
    .option('--epochs <n>', 'epochs of the network')
    .option('--checkpoint-every <n>', 'also save within epochs: every n steps, or minutes as in 10m')
    .option('--memory-limit <size>', 'refuse to begin when more memory than this would be needed, as in 6G', byteCount)
    .option('--cache-limit <size>', 'keep at most so much of the decoded images of each set, as in 40G')
    .option('--weights <file>', 'initial weights: ImageNet ResNet-18, or a whole network')
    .option(
      '--profile',
      "also print where the time of the network's steps went, by layer, pass and kernel (--epochs 1 is enough)",
    );
  withCommonOptions(withConfigOptions(withOutOption(withDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc train --protocol 'O&C&I-to-M' --data data --set train.keep=5");
  return command.action(async (flags: TrainFlags) => {
    const protocol = parseProtocol(flags.protocol);
    const more = [];
    if (flags.epochs !== undefined) more.push(`train.epochs=${flags.epochs}`);
    if (flags.checkpointEvery !== undefined) more.push(`train.checkpoint_every=${flags.checkpointEvery}`);
    if (flags.cacheLimit !== undefined) more.push(`data.cache=${flags.cacheLimit}`);
    if (flags.weights !== undefined) {
      const { weightsKeys } = methodOf(await configOf(flags));
      more.push(...weightsKeys.map((key) => `${key}=${flags.weights}`));
    }
    const config = await configOf(flags, more);
    const experiment = await openExperiment(protocol, config, flags.data);
    const folder = runFolder(
      flags.out,
      protocol,
      flags.name ?? `${methodOf(config).runName(config)}-seed${config.seed}`,
    );
    const device = deviceOf(config);
    let profile: StepProfile | undefined;
    const facts = await train(experiment, device, {
      folder,
      out: flags.out,
      resume: flags.resume ?? false,
      memoryLimit: flags.memoryLimit,
      progress: progressFor(flags),
      signal: interruption('go on with the same command and --resume'),
      onProfile: flags.profile
        ? (profiler) => {
            profile = stepProfile(profiler, device);
          }
        : undefined,
    });
    printResult(flags, { run: folder.path, ...facts, ...(profile && { profile }) }, () =>
      [
        ...(profile === undefined ? [] : [profileText(profile)]),
        `${facts.synthetic ? 'SYNTHETIC: ' : ''}${protocol.name} trained for ${facts.epochs} epochs in ${facts.seconds} s on ${facts.device}`,
        `run:  ${folder.path}`,
        `next: ldc eval --run '${folder.path}'`,
      ].join('\n'),
    );
  });
}

function stepProfile(profiler: Profiler, device: Device): StepProfile {
  const { peak, reserved } = device.memory();
  return {
    rows: profiler.rows(),
    steps: profiler.steps,
    peak: measurePeak(device.threads),
    graphs: profiler.graphs,
    memory: {
      peakTensorsMb: peak / 2 ** 20,
      reservedMb: reserved / 2 ** 20,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
      growths: profiler.growths,
    },
  };
}

function profileText(profile: StepProfile): string {
  return [layerTable(profile), kernelTable(profile)].map((table) => toText(table, terminalWidth())).join('\n');
}
