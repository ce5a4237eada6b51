/** `ldc calibrate` */
import { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { oneCropSet } from '../data/cropSet.js';
import { LeftOut } from '../data/leftOut.js';
import { type Calibration, type Criterion, calibrate, criterionOf } from '../evaluate/calibrate.js';
import { readScores, type ScoreFileOptions } from '../evaluate/scoreFile.js';
import { CALIBRATION_LEGEND, calibrationTable } from '../report/calibrationTable.js';
import { SYNTHETIC_NOTE } from '../report/evalTable.js';
import { toText, wrapped } from '../report/table.js';
import { calibrationText } from '../run/calibrationRecord.js';
import { calibrateModel, keepThreshold } from '../run/evaluation/calibrate.js';
import { noteOnce } from '../run/progress.js';
import { thresholdText } from '../run/threshold.js';
import { printNotes } from './evalViews.js';
import { defaultData, withDeviceOptions, withFollowOption, withOutOption } from './experimentOptions.js';
import { exclusive, flagOf, type ModelOptions, modelOf, withModelOptions } from './modelOptions.js';
import { type CommonOptions, printResult, progressFor, terminalWidth, withCommonOptions } from './output.js';
import { withScoreFileOptions } from './scoreFileOptions.js';

interface CalibrateFlags extends CommonOptions, ModelOptions, ScoreFileOptions {
  data?: string;
  at: string;
  scores?: string;
  allowMissing?: boolean;
  follow?: boolean;
}

export function calibrateCommand(): Command {
  const command = new Command('calibrate')
    .description(
      'the threshold of a run or a model for your own camera, from labelled recordings of your own; predict decides by it from then on',
    )
    .option('--run <dir>', 'run to use (default: the newest)')
    .option('--data <set>', `crop set of the recordings: its folder, or its letter or name in ${defaultData}`)
    .requiredOption(
      '--at <criterion>',
      'bpcer=0.02: at most 2 % of live rejected, and as few attacks accepted as that allows; apcer=0.05: the other way round; eer: both alike',
    )
    .option('--scores <file>', 'choose it from a score file instead, and write nothing')
    .option('--allow-missing', 'go on without images that cannot be read');
  withCommonOptions(
    withFollowOption(withDeviceOptions(withOutOption(withModelOptions(withScoreFileOptions(command))))),
  );
  command.addHelpText(
    'after',
    "\nExample:\n  ldc calibrate --run 'runs/O&C&I-to-M/ldc-seed0' --data data/visits --at eer",
  );
  return command.action(async (flags: CalibrateFlags) => {
    const criterion = criterionOf(flags.at);
    await (flags.scores === undefined ? ofModel(flags, criterion) : ofScores(flags.scores, flags, criterion));
  });
}

async function ofModel(flags: CalibrateFlags, criterion: Criterion): Promise<void> {
  for (const name of ['liveLabel', 'higher'] as const) {
    if (flags[name] !== undefined) throw new UserError(`${flagOf(name)} needs --scores: it is about score files`);
  }
  if (flags.data === undefined) {
    throw new UserError(
      'calibrate needs recordings of your own: --data SET',
      'ldc import folder makes a crop set of them',
    );
  }
  const set = await oneCropSet(flags.data, defaultData, flags.follow);
  const model = await modelOf(flags);
  try {
    const progress = progressFor(flags);
    const leftOut = flags.allowMissing ? new LeftOut(noteOnce(progress)) : undefined;
    const { threshold, ...calibration } = await calibrateModel(model, set, criterion, { progress, leftOut });
    const card = await keepThreshold(model, threshold);
    const { path, engine, checkpoint, foreign } = model;
    const synthetic = set.synthetic || model.synthetic === true;
    const before = model.threshold;
    const document = {
      model: path,
      name: foreign ?? null,
      engine,
      checkpoint,
      synthetic,
      threshold,
      ...calibration,
      card,
    };
    const width = terminalWidth();
    printCalibration(
      flags,
      calibration,
      document,
      synthetic,
      [
        `${path}${foreign ? `, model ${foreign}` : ''}${checkpoint ? `, ${checkpoint}` : ''}, engine ${engine}`,
        `${calibrationText(threshold.from)}: ${calibration.videos.live} live and ${calibration.videos.attack} attack videos, ${calibration.frames} frames`,
      ],
      wrapped(
        `Written to ${card}, instead of ${before.video.toPrecision(4)} (${thresholdText(before)}): ldc predict decides at it from now on, and ldc eval has it as the row card.`,
        width,
      ),
    );
  } finally {
    await model.release();
  }
}

async function ofScores(path: string, flags: CalibrateFlags, criterion: Criterion): Promise<void> {
  for (const name of [
    'run',
    'model',
    'data',
    'card',
    'method',
    'device',
    'precision',
    'threads',
    'allowMissing',
    'follow',
  ]) {
    exclusive(flags, ['scores', name]);
  }
  const calibration = calibrate(await readScores(path, flags), criterion);
  const document = { scores: path, synthetic: null, ...calibration, card: null };
  printCalibration(
    flags,
    calibration,
    document,
    false,
    [`${path}: ${calibration.at}`],
    'A score file has no card: nothing is written.',
  );
}

function printCalibration(
  flags: CommonOptions,
  { levels, notes }: Calibration,
  document: object,
  synthetic: boolean,
  head: readonly string[],
  end: string,
): void {
  printNotes(notes, flags);
  const width = terminalWidth();
  printResult(flags, document, () =>
    [
      ...head.map((line) => wrapped(line, width)),
      '',
      ...(synthetic ? [SYNTHETIC_NOTE, ''] : []),
      ...(['video', 'frame'] as const).map((level) => toText(calibrationTable(levels[level], level, synthetic), width)),
      ...CALIBRATION_LEGEND.map((line) => wrapped(line, width)),
      end,
    ].join('\n'),
  );
}
