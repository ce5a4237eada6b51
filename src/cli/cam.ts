/** `ldc cam` */
import { join } from 'node:path';
import { Command } from 'commander';
import { makeFolder, writeFileWhole } from '../base/files.js';
import { parseProtocol } from '../config/protocol.js';
import { readImage } from '../data/loader.js';
import type { Frame, Label } from '../data/manifest.js';
import { activationStage } from '../run/activationStage.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { overlayPng } from '../run/overlay.js';
import { describeMaps } from '../run/quasiMaps.js';
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
    const { values, size, zero, recognised } = stage1.maps;
    const overlays: string[] = [];
    if (flags.overlay !== undefined) {
      const { train } = experiment;
      const directory = join(stage1.folder, 'overlays');
      await mkdir(directory, { recursive: true });
      const side = config.data.image_size;
      for (const row of rowsToDraw(train, flags.overlay === true ? defaultOverlays : flags.overlay)) {
        const frame = train[row]!;
        const map = { values: values.subarray(row * size * size, (row + 1) * size * size), size };
        const kind = frame.label === 'live' ? 'live' : frame.attackType;
        const name = `${frame.domain}-${kind}-${frame.video}-${frame.frame}.png`.replaceAll('/', '_');
        await writeFileWhole(join(directory, name), await overlayPng(await readImage(frame.path, side), side, [map]));
        overlays.push(join(directory, name));
      }
    }
    const images = experiment.train.length;
    const { folder, network } = stage1;
    printResult(flags, { folder, network, images, zero_maps: zero, recognised, overlays }, () =>
      [
        `${experiment.synthetic ? 'SYNTHETIC: ' : ''}${images} maps in ${folder}; ${describeMaps(stage1.maps)}`,
        ...(overlays.length > 0 ? [`${overlays.length} overlays in ${join(stage1.folder, 'overlays')}`] : []),
      ].join('\n'),
    );
  });
}

/** Evenly spread, half of them live and half spoof where there are as many. */
function rowsToDraw(frames: readonly Frame[], count: number): number[] {
  const spread = (rows: number[], n: number) =>
    Array.from({ length: Math.min(n, rows.length) }, (_, i) => rows[Math.floor((i * rows.length) / n)]!);
  const rowsOf = (label: Label) => frames.flatMap((frame, row) => (frame.label === label ? [row] : []));
  return [...spread(rowsOf('live'), Math.ceil(count / 2)), ...spread(rowsOf('spoof'), Math.floor(count / 2))];
}
