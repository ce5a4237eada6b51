/** `ldc cam` */
import { join } from 'node:path';
import { Command } from 'commander';
import { evenly } from '../base/evenly.js';
import { writeFileWhole } from '../base/files.js';
import { parseProtocol } from '../config/protocol.js';
import { readImage } from '../data/loader.js';
import type { Frame } from '../data/manifest.js';
import { contactSheet, type SheetCell } from '../report/contactSheet.js';
import { deviceOf, type Experiment, openExperiment } from '../run/experiment.js';
import { mapOver, stripPng } from '../run/maps/overlay.js';
import { kindOf } from '../run/maps/targetMaps.js';
import { describeMaps, type QuasiGroundTruth } from '../run/maps/teacherMaps.js';
import { teacherStage } from '../run/training/teacherStage.js';
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
      `draw the maps of n frames over their faces, as many of each kind (${defaultOverlays} unless told)`,
      wholeNumber(1),
    );
  withCommonOptions(withConfigOptions(withOutOption(withDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc cam --protocol 'O&C&I-to-M' --overlay");
  return command.action(async (flags: CamFlags) => {
    const config = await configOf(flags);
    const experiment = await openExperiment(parseProtocol(flags.protocol), config, flags.data);
    const progress = progressFor(flags);
    for (const notice of experiment.notices) progress.note(notice);
    const stage1 = await teacherStage(experiment, deviceOf(config), flags.out, progress, interruption());
    const { folder, network, maps } = stage1;
    const directory = join(folder, 'overlays');
    const sheet = join(directory, 'sheet.png');
    const overlays = flags.overlay === undefined ? [] : await draw(experiment, maps, flags.overlay, directory, sheet);
    const { zero, recognised } = maps;
    const images = experiment.train.length;
    printResult(flags, { folder, network, images, zero_maps: zero, recognised, overlays }, () =>
      [
        `${experiment.synthetic ? 'SYNTHETIC: ' : ''}${images} maps in ${folder}; ${describeMaps(maps)}`,
        ...(overlays.length > 0 ? [`${overlays.length} overlays in ${directory}`, `sheet: ${sheet}`] : []),
      ].join('\n'),
    );
  });
}

/** Draws maps over faces: a picture each in `directory`, and `sheet` with all of them. Returns the paths of the pictures. */
async function draw(
  { train, config, synthetic }: Experiment,
  { values, size }: QuasiGroundTruth,
  asked: number | true,
  directory: string,
  sheet: string,
): Promise<string[]> {
  const overlays: string[] = [];
  const cells: SheetCell[] = [];
  const side = config.data.image_size;
  for (const row of rowsToDraw(train, asked)) {
    const frame = train[row]!;
    const kind = kindOf(frame);
    const map = { values: values.subarray(row * size * size, (row + 1) * size * size), size };
    const pixels = await readImage(frame.path, side);
    const name = `${frame.domain}-${kind}-${frame.video}-${frame.frame}.png`.replaceAll('/', '_');
    const picture = await mapOver(pixels, side, map);
    await writeFileWhole(join(directory, name), await stripPng([pixels, picture], side));
    overlays.push(join(directory, name));
    cells.push({ kind, pixels, picture });
  }
  const note = `${synthetic ? 'SYNTHETIC. ' : ''}Grad-CAM of each image's own class`;
  await writeFileWhole(sheet, await contactSheet(cells, side, note));
  return overlays;
}

/** As many rows of each kind, evenly spread: so many in all as are asked for, or a few more. */
function rowsToDraw(frames: readonly Frame[], asked: number | true): number[] {
  const kinds = [...new Set(frames.map(kindOf))];
  const each = Math.ceil((asked === true ? defaultOverlays : asked) / kinds.length);
  const rowsOf = (kind: string) => frames.flatMap((frame, row) => (kindOf(frame) === kind ? [row] : []));
  return kinds.flatMap((kind) => evenly(rowsOf(kind), each));
}
