/** `ldc cam` */
import { join } from 'node:path';
import { Command } from 'commander';
import { makeFolder, writeFileWhole } from '../base/files.js';
import { parseProtocol } from '../config/protocol.js';
import { readImage } from '../data/loader.js';
import { activationStage } from '../run/activationStage.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { overlayPng } from '../run/overlay.js';
import { type ConfigOptions, configOf, withConfigOptions, withDataOption, withOutOption } from './experimentOptions.js';
import { wholeNumber } from './numbers.js';
import { type CommonOptions, interruption, printResult, progressFor, withCommonOptions } from './output.js';

interface CamFlags extends CommonOptions, ConfigOptions {
  protocol: string;
  data: string;
  out: string;
  overlay?: number | true;
}

const defaultOverlays = 24;

export function camCommand(): Command {
  const command = new Command('cam')
    .description('train the activation network if there is none for these sources, and write quasi ground truth maps')
    .requiredOption('--protocol <expression>', "e.g. 'O&C&I-to-M' (the shell needs the quotes) or oulu/3/1")
    .option(
      '--overlay [n]',
      `draw the maps of n frames over their faces (${defaultOverlays} unless told)`,
      wholeNumber(1),
    );
  withCommonOptions(withConfigOptions(withOutOption(withDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc cam --protocol 'O&C&I-to-M' --overlay");
  return command.action(async (flags: CamFlags) => {
    const config = await configOf(flags);
    const experiment = await openExperiment(parseProtocol(flags.protocol), config, flags.data);
    const progress = progressFor(flags);
    for (const notice of experiment.notices) progress.note(notice);
    const stage1 = await activationStage(experiment, deviceOf(config), flags.out, progress, interruption());
    const { values, size, zero } = stage1.maps;
    const overlays: string[] = [];
    if (flags.overlay !== undefined) {
      const count = Math.min(flags.overlay === true ? defaultOverlays : flags.overlay, experiment.train.length);
      await makeFolder(join(stage1.folder, 'overlays'));
      for (let i = 0; i < count; i++) {
        const row = Math.floor((i * experiment.train.length) / count);
        const frame = experiment.train[row]!;
        const map = { values: values.subarray(row * size * size, (row + 1) * size * size), size };
        const kind = frame.label === 'live' ? 'live' : frame.attackType;
        const path = join(
          stage1.folder,
          'overlays',
          `${frame.domain}-${kind}-${frame.video}-${frame.frame}.png`.replaceAll('/', '_'),
        );
        await writeFileWhole(
          path,
          await overlayPng(await readImage(frame.path, config.data.image_size), config.data.image_size, [map]),
        );
        overlays.push(path);
      }
    }
    const images = experiment.train.length;
    printResult(flags, { folder: stage1.folder, network: stage1.network, images, zero_maps: zero, overlays }, () =>
      [
        `${experiment.synthetic ? 'SYNTHETIC: ' : ''}${images} maps in ${stage1.folder}, ${zero} of them all zero (Grad-CAM nowhere positive)`,
        ...(overlays.length > 0 ? [`${overlays.length} overlays in ${join(stage1.folder, 'overlays')}`] : []),
      ].join('\n'),
    );
  });
}
