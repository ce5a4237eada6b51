/** `ldc import npy` and `ldc import list` */
import { dirname } from 'node:path';
import { Command } from 'commander';
import { type ImportedSet, importArrays } from '../data/import/arrays.js';
import { importList } from '../data/import/list.js';
import { findSource, sources } from '../data/sources/sources.js';
import { stageOf } from '../run/progress.js';
import { type CommonOptions, interruption, printResult, progressFor, withCommonOptions } from './output.js';

export function importCommand(): Command {
  return new Command('import')
    .description('make crop sets of images that were cropped elsewhere')
    .addCommand(npyCommand())
    .addCommand(listCommand())
    .addHelpText('after', '\nExample:\n  ldc import npy --root arrays --out data');
}

function npyCommand(): Command {
  const command = new Command('npy')
    .description('the arrays of the released LDCNet program: NAME_images_live.npy, NAME_print_images.npy, …')
    .requiredOption('--root <dir>', 'folder of the arrays')
    .option('--out <dir>', 'folder of crop sets', 'data');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc import npy --root arrays --out data');
  return command.action(async (flags: CommonOptions & { root: string; out: string }) => {
    const sets = await importArrays({
      ...flags,
      signal: interruption(),
      onProgress: stageOf(progressFor(flags), 'import', 'images'),
    });
    printResult(flags, sets, () => sets.map(line).join('\n'));
  });
}

interface ListFlags extends CommonOptions {
  out: string;
  root?: string;
  set?: string;
  name?: string;
  letter?: string;
}

function listCommand(): Command {
  const command = new Command('list')
    .description('an image list: JSON as SSDG writes it, or text with a path a line as FLIP does')
    .argument('<file>', 'the list')
    .option('--root <dir>', "what the list's paths start from (default: the list's folder)")
    .option('--out <dir>', 'folder of crop sets', 'data')
    .option('--set <set>', `the data set they are of: ${sources.map(({ id }) => id).join(', ')}`)
    .option('--name <name>', 'name of a set that is none of these')
    .option('--letter <letter>', 'its letter in protocols');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc import list oulu/all_label.json --root / --set oulu');
  return command.action(async (file: string, { set, root = dirname(file), ...flags }: ListFlags) => {
    const source = set === undefined ? null : findSource(set);
    const imported = await importList({
      ...flags,
      file,
      root,
      source,
      signal: interruption(),
      onProgress: stageOf(progressFor(flags), 'import', 'images'),
    });
    printResult(flags, imported, () => line(imported));
  });
}

function line({ letter, name, images, path }: ImportedSet): string {
  return `${letter}  ${name}: ${images} images in ${path}`;
}
