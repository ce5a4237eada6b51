/** `ldc synth` */
import { Command } from 'commander';
import { drawSets } from '../run/demo/drawSets.js';
import { wholeNumber } from './numbers.js';
import { type CommonOptions, interruption, printResult, progressFor, withCommonOptions } from './output.js';

interface SynthFlags extends CommonOptions {
  out: string;
  seed: number;
  subjects: number;
  frames: number;
  size: number;
  faces?: string;
}

export function synthCommand(): Command {
  const command = new Command('synth')
    .description(
      'make four synthetic domains (O, C, I, M) as prepare would leave them; for trying out, never for figures to report',
    )
    .requiredOption('--out <dir>', 'folder for the crop sets')
    .option('--seed <n>', 'seed of everything drawn', wholeNumber(0), 0)
    .option('--subjects <n>', 'people in each domain', wholeNumber(1), 20)
    .option('--frames <n>', 'frames of each video', wholeNumber(1), 4)
    .option('--size <px>', 'side of the crops', wholeNumber(1), 256)
    .option('--faces <dir>', 'recapture the face photos in this folder instead of drawing faces');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc synth --out data --subjects 12 --size 96');
  return command.action(async (flags: SynthFlags) => {
    const signal = interruption('the same command starts anew; there is nothing half done');
    const summary = await drawSets({ ...flags, signal }, progressFor(flags));
    printResult(flags, summary, () => {
      const sets = summary.sets.map(
        ({ letter, name, images, path }) => `  ${letter}  ${name}: ${images} images in ${path}`,
      );
      return [`SYNTHETIC: ${summary.images} images`, ...sets].join('\n');
    });
  });
}
