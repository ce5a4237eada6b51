/** `ldc features` */
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { makeFolder, writeFileWhole } from '../base/files.js';
import { LeftOut } from '../data/leftOut.js';
import { contactSheet, mostSheetRows, type SheetCell } from '../report/contactSheet.js';
import { targetFrames } from '../run/evaluation/evaluateRun.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { featurePictures, type KnownImage, knownImages, someOfEachKind } from '../run/maps/features.js';
import { kindOf } from '../run/maps/targetMaps.js';
import { newestRun, openRun } from '../run/runFolder.js';
import { evaluated } from '../run/threshold.js';
import {
  type DeviceOptions,
  dataOfRun,
  defaultOut,
  overridesOf,
  withDeviceOptions,
  withRunDataOption,
} from './experimentOptions.js';
import { wholeNumber } from './numbers.js';
import { type CommonOptions, printResult, progressFor, repeated, withCommonOptions } from './output.js';

interface FeatureFlags extends CommonOptions, DeviceOptions {
  run?: string;
  layer?: string[];
  each: number;
  data?: string;
  out?: string;
  strict?: boolean;
}

export function featuresCommand(): Command {
  const command = new Command('features')
    .description(
      'pictures of what LDC layers, or those that another method draws, answer to images, live beside print beside replay; with no path, to images of the target',
    )
    .argument('[path...]', 'images and folders')
    .option('--run <dir>', 'run to use (default: the newest)')
    .option(
      '--layer <name>',
      'layer of the network; may be repeated (default: the first: layer1.0.conv1 of LDCNet)',
      repeated,
    )
    .option('--each <n>', 'images of each kind when no path is given', wholeNumber(1), 4)
    .option('--out <dir>', 'folder for the pictures (default: features/ of the run)')
    .option('--strict', 'end with status 2 at the first image that cannot be read, which is otherwise left out');
  withCommonOptions(withDeviceOptions(withRunDataOption(command)));
  command.addHelpText('after', "\nExample:\n  ldc features --run 'runs/O&C&I-to-M/ldc-seed0' --layer layer1.0.conv2");
  return command.action(async (paths: string[], flags: FeatureFlags) => {
    const run = await openRun(flags.run ?? (await newestRun(defaultOut)), overridesOf(flags));
    const { config, facts, folder, notice } = run;
    const layers = [...new Set((flags.layer ?? []).map((layer) => layer.replace(/^backbone\./, '')))];
    const { checkpoint } = await evaluated(folder);
    const progress = progressFor(flags);
    if (notice) progress.note(notice);
    const data = dataOfRun(folder, facts, flags.data);
    const images =
      paths.length > 0 ? await knownImages(paths, data, progress) : await targetImages(run, data, flags.each);
    const out = flags.out ?? join(folder.path, 'features');
    const size = config.data.image_size;
    const cells = new Map<string, SheetCell[]>();
    const pictures: { path: string; kind: string; layer: string; picture: string }[] = [];
    const leftOut = new LeftOut((text) => progress.note(text), flags.strict);
    let count = 0;
    for await (const each of featurePictures(run, deviceOf(config), checkpoint, layers, images, progress, leftOut)) {
      if (count++ === 0) await makeFolder(out);
      for (const [layer, picture] of each.pictures) {
        const file = join(out, `${String(count).padStart(4, '0')}-${each.kind}-${layer}.png`.replaceAll('/', '_'));
        await writeFileWhole(file, await greyPng(picture, size));
        pictures.push({ path: each.path, kind: each.kind, layer, picture: file });
        const ofLayer = cells.get(layer) ?? [];
        cells.set(layer, ofLayer);
        if (ofLayer.filter(({ kind }) => kind === each.kind).length < mostSheetRows) {
          ofLayer.push({ kind: each.kind, pixels: each.pixels, picture });
        }
      }
    }
    const sheets: string[] = [];
    for (const [layer, ofLayer] of cells) {
      const file = join(out, `sheet-${layer}.png`);
      const note = `${facts.synthetic ? 'SYNTHETIC. ' : ''}${layer} of ${folder.name}, ${checkpoint}`;
      await writeFileWhole(file, await contactSheet(ofLayer, size, note));
      sheets.push(file);
    }
    const { synthetic } = facts;
    printResult(flags, { run: folder.path, checkpoint, synthetic, sheets, pictures, left_out: leftOut.files }, () =>
      [
        `${synthetic ? 'SYNTHETIC: ' : ''}${pictures.length} pictures of ${count} images in ${out}`,
        ...sheets.map((sheet) => `sheet: ${sheet}`),
      ].join('\n'),
    );
    leftOut.close();
  });
}

/** Some images of each kind, of the target that the run has not seen. */
async function targetImages(
  { protocol, config }: Awaited<ReturnType<typeof openRun>>,
  data: string,
  each: number,
): Promise<KnownImage[]> {
  const frames = targetFrames(await openExperiment(protocol, config, data));
  return someOfEachKind(frames, each).map((frame) => ({ path: frame.path, kind: kindOf(frame) }));
}

/** @param pixels [size,size] */
function greyPng(pixels: Uint8Array, size: number): Promise<Buffer> {
  return sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
    .png()
    .toBuffer();
}
