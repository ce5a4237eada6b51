/** `ldc prepare` */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { LeftOut } from '../data/leftOut.js';
import { formatAudit } from '../data/prepare/audit.js';
import { defaultMargin } from '../data/prepare/crop.js';
import { type PrepareOptions, prepare } from '../data/prepare/prepare.js';
import { samplings } from '../data/prepare/sampling.js';
import { findSource, sources } from '../data/sources/sources.js';
import { stageOf } from '../run/progress.js';
import { anyNumber, wholeNumber } from './numbers.js';
import { type CommonOptions, interruption, printResult, progressFor, withCommonOptions } from './output.js';

type PrepareFlags = CommonOptions & Omit<PrepareOptions, 'signal' | 'onProgress' | 'leftOut' | 'note'>;

export function prepareCommand(): Command {
  const command = new Command('prepare')
    .description('crop the faces of an original release and say what is missing or wrong with it')
    .argument('<set>', `data set: ${sources.map(({ id }) => id).join(', ')}`)
    .requiredOption('--root <dir>', 'the release as it was unpacked; it is only read')
    .option('--out <dir>', 'folder of crop sets', 'data')
    .addOption(
      new Option('--detector <when>', 'find faces where the release does not say where they are')
        .choices(['auto', 'none'])
        .default('auto'),
    );
  withCommonOptions(withCropOptions(command));
  command.addHelpText('after', '\nExample:\n  ldc prepare oulu --root /media/OULU-NPU --out data --frames 8');
  return command.action(async (set: string, flags: PrepareFlags) => {
    const source = findSource(set);
    const progress = progressFor(flags);
    const note = (text: string) => progress.note(text);
    const leftOut = new LeftOut(note, flags.strict);
    const show = stageOf(progress, source.name, source.media === 'image' ? 'images' : 'videos');
    const summary = await prepare(source, {
      ...flags,
      note,
      leftOut,
      signal: interruption(),
      onProgress: ({ done, total }) => show(done, total),
    });
    printResult(
      flags,
      { ...summary, left_out: leftOut.files },
      () => `${formatAudit(summary.audit)}${summary.images} crops in ${summary.path}`,
    );
    leftOut.close();
  });
}

/** How videos and images become crops, whoever says what they are. */
export function withCropOptions(command: Command): Command {
  return command
    .option('--frames <n>', 'frames of each video, or all', frameCount, 8)
    .addOption(new Option('--sampling <rule>', 'which frames').choices(samplings).default('uniform'))
    .option('--size <px>', 'side of the crops', wholeNumber(1), 256)
    .option('--margin <f>', "added to the longer side of the face's box, as a part of it", anyNumber, defaultMargin)
    .addOption(
      new Option('--align <how>', 'turn crops so that eyes are level').choices(['none', 'eyes']).default('none'),
    )
    .option('--jobs <n>', 'videos worked on at once', wholeNumber(1), availableParallelism())
    .option('--ffmpeg <path>', 'ffmpeg to use, with ffprobe beside it; otherwise those of the system')
    .option(
      '--strict',
      'end with status 2 at the first file that cannot be read, or when all is done and anything is missing or wrong',
    );
}

function frameCount(text: string): number | 'all' {
  return text === 'all' ? 'all' : wholeNumber(1)(text);
}
