/** `ldc report` */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { writeRunReport } from '../report/runReport.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { newestRun, openRun } from '../run/runFolder.js';
import { readStudy } from '../study/studyFile.js';
import { writeStudyReport } from '../study/studyReport.js';
import {
  type DeviceOptions,
  dataOfRun,
  overridesOf,
  withDeviceOptions,
  withOutOption,
  withRunDataOption,
} from './experimentOptions.js';
import { exclusive } from './modelOptions.js';
import { type CommonOptions, printResult, progressFor, terminalWidth, withCommonOptions } from './output.js';

interface ReportFlags extends CommonOptions, DeviceOptions {
  run?: string;
  study?: string;
  svg?: string;
  png?: string;
  data?: string;
  out: string;
}

export function reportCommand(): Command {
  const command = new Command('report')
    .description('one self-contained HTML page of an evaluated run: curves, ROC, histograms, maps, features, mistakes')
    .option('--run <dir>', 'run to report (default: the newest)')
    .option('--study <file>', 'the study of this YAML file instead, as ldc study report writes it')
    .option('--svg <dir>', 'also write the plots of a run as SVG files, for papers')
    .option('--png <dir>', 'also write them as PNG files');
  withCommonOptions(withDeviceOptions(withOutOption(withRunDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc report --run 'runs/O&C&I-to-M/ldc-seed0'");
  return command.action(async (flags: ReportFlags) => {
    if (flags.study !== undefined) {
      exclusive(flags, ['study', 'run']);
      const ofRun = (['svg', 'png', 'data', 'method', 'device', 'precision', 'threads'] as const).find(
        (name) => flags[name] !== undefined,
      );
      if (ofRun !== undefined) throw new UserError(`--${ofRun} is about one run, and --study names many`);
      const { document, text } = await writeStudyReport(await readStudy(flags.study), flags.out, terminalWidth());
      printResult(flags, document, () => text);
      return;
    }
    const { folder, facts, config, protocol, notice } = await openRun(
      flags.run ?? (await newestRun(flags.out)),
      overridesOf(flags),
    );
    if (notice) progressFor(flags).note(notice);
    if (!existsSync(folder.evaluation)) {
      throw new UserError(`${folder.path} is not evaluated yet`, `first: ldc eval --run '${folder.path}'`);
    }
    const experiment = await openExperiment(protocol, config, dataOfRun(folder, facts, flags.data));
    const report = await writeRunReport(experiment, deviceOf(config), folder, facts, progressFor(flags), flags);
    printResult(flags, { report }, () => report);
  });
}
