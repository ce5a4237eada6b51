/** `ldc import`: `npy` and `list`; `folder` has a file of its own */
import { Command, Option } from 'commander';
import { type ImportedSet, importArrays } from '../data/import/arrays.js';
import { sides } from '../data/import/contradictions.js';
import { importList } from '../data/import/list.js';
import { type ListImportOptions, rowChoices } from '../data/import/listOptions.js';
import { LeftOut } from '../data/leftOut.js';
import { findSource, sources } from '../data/sources/sources.js';
import { stageOf } from '../run/progress.js';
import { importFolderCommand, withNameOptions } from './importFolder.js';
import { type CommonOptions, interruption, printResult, progressFor, repeated, withCommonOptions } from './output.js';

export function importCommand(): Command {
  return new Command('import')
    .description('make crop sets of your own images and videos, and of images that were cropped elsewhere')
    .addCommand(importFolderCommand())
    .addCommand(npyCommand())
    .addCommand(listCommand())
    .addHelpText(
      'after',
      '\nExample:\n  ldc import folder mine --live real --attack print=fake --name mine --letter X',
    );
}

function npyCommand(): Command {
  const command = new Command('npy')
    .description('the arrays of the released LDCNet program: NAME_images_live.npy, NAME_print_images.npy, …')
    .requiredOption('--root <dir>', 'folder of the arrays')
    .option('--out <dir>', 'folder of crop sets', 'data')
    .option('--strict', 'end with status 2 at the first array that cannot be used, which is otherwise left out');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc import npy --root arrays --out data');
  return command.action(async (flags: CommonOptions & { root: string; out: string; strict?: boolean }) => {
    const progress = progressFor(flags);
    const leftOut = new LeftOut((text) => progress.note(text), flags.strict);
    const sets = await importArrays({
      ...flags,
      leftOut,
      signal: interruption(),
      onProgress: stageOf(progress, 'import', 'images'),
    });
    printResult(flags, sets, () => sets.map(line).join('\n'));
    leftOut.close();
  });
}

type ListFlags = CommonOptions & { set?: string; strict?: boolean } & Omit<
    ListImportOptions,
    'files' | 'source' | 'leftOut' | 'signal' | 'onProgress'
  >;

function listCommand(): Command {
  const command = new Command('list')
    .description('image lists: JSON as SSDG writes it, or text with a path a line as FLIP does; several make one set')
    .argument('<file...>', 'the lists')
    .option('--root <dir>', "what the lists' paths start from (default: each list's own folder)")
    .option('--out <dir>', 'folder of crop sets', 'data')
    .option('--set <set>', `the data set they are of: ${sources.map(({ id }) => id).join(', ')}`)
    .option('--name <name>', 'name of a set that is none of these')
    .option('--letter <letter>', 'its letter in protocols')
    .option('--label <[list=]label>', 'what all images are, or those of one list: live or spoof; repeatable', repeated)
    .option('--attack-type <[list=]type>', 'what their attacks are: print, replay, mask, …; repeatable', repeated)
    .option(
      '--live-label <value>',
      'what stands for live in the lists, the rest being attacks (default: 1, and words)',
    );
  withNameOptions(command)
    .addOption(
      new Option('--trust <side>', 'whom to believe where labels and names contradict each other').choices(sides),
    )
    .addOption(new Option('--twice <row>', 'which of two rows of one image counts').choices(rowChoices))
    .option('--strict', 'end with status 2 at the first image that cannot be read, which is otherwise left out');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc import list oulu/all_label.json --root / --set oulu');
  return command.action(async (files: string[], { set, ...flags }: ListFlags) => {
    const progress = progressFor(flags);
    const leftOut = new LeftOut((text) => progress.note(text), flags.strict);
    const imported = await importList({
      ...flags,
      leftOut,
      files,
      source: set === undefined ? null : findSource(set),
      signal: interruption(),
      onProgress: stageOf(progress, 'import', 'images'),
    });
    for (const note of imported.notes ?? []) progress.note(note);
    printResult(flags, { ...imported, left_out: leftOut.files }, () => line(imported));
    leftOut.close();
  });
}

function line({ letter, name, images, path }: ImportedSet): string {
  return `${letter}  ${name}: ${images} images in ${path}`;
}
