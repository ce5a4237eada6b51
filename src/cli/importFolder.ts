/** `ldc import folder` */
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { type FolderImportOptions, importFolder } from '../data/import/folder.js';
import { LeftOut } from '../data/leftOut.js';
import { splits } from '../data/manifest.js';
import { formatAudit } from '../data/prepare/audit.js';
import { stageOf } from '../run/progress.js';
import { type CommonOptions, interruption, printResult, progressFor, repeated, withCommonOptions } from './output.js';
import { withCropOptions } from './prepare.js';

type FolderFlags = CommonOptions & Omit<FolderImportOptions, 'root' | 'signal' | 'onProgress' | 'leftOut' | 'note'>;

export function importFolderCommand(): Command {
  const command = new Command('folder')
    .description('images and videos of your own, of which globs say what they are')
    .argument('<dir>', 'the folder; it is only read')
    .option('--live <glob>', 'what is live, relative to the folder; repeatable', repeated)
    .option(
      '--attack <type=glob>',
      'what is an attack, and of which type: print, replay, mask, …; repeatable',
      repeated,
    )
    .requiredOption('--name <name>', 'name of the set')
    .requiredOption('--letter <letter>', 'its letter in protocols')
    .option('--out <dir>', 'folder of crop sets', 'data');
  withNameOptions(command)
    .addOption(
      new Option('--trust <side>', 'believe the globs where folders are named for another class').choices(['globs']),
    )
    .option('--detect', 'find the face in each picture and crop it; otherwise pictures are taken as they are');
  withCommonOptions(withCropOptions(command));
  command.addHelpText(
    'after',
    '\nExample:\n  ldc import folder mine --live real --attack print=fake --name mine --letter X',
  );
  return command.action(async (root: string, flags: FolderFlags) => {
    for (const flag of ['margin', 'align'] as const) {
      if (flags.detect || command.getOptionValueSource(flag) === 'default') continue;
      throw new UserError(`--${flag} is for faces that are looked for`, 'add --detect, or leave it out');
    }
    const progress = progressFor(flags);
    const say = (text: string) => progress.note(text);
    const leftOut = new LeftOut(say, flags.strict);
    const show = stageOf(progress, flags.name, 'files');
    const { passedOver, notes, ...summary } = await importFolder({
      ...flags,
      root,
      leftOut,
      note: say,
      signal: interruption(),
      onProgress: ({ done, total }) => show(done, total),
    });
    for (const note of notes) progress.note(note);
    printResult(
      flags,
      { ...summary, passed_over: passedOver, left_out: leftOut.files, notes },
      () => `${formatAudit(summary.audit)}${summary.images} images in ${summary.path}`,
    );
    leftOut.close();
  });
}

/** What says which part, video and person an image is of, where names are not those of a release. */
export function withNameOptions(command: Command): Command {
  return command
    .addOption(new Option('--split <part>', 'the part that all images are of').choices(splits))
    .option('--video <regex>', 'finds the video in a path; groups: (?<video>…), (?<frame>…), (?<subject>…)')
    .option('--subject <regex>', 'finds in a path who it is; the same groups');
}
