/** `ldc demo` */
import { Command } from 'commander';
import { evalText } from '../report/evalTable.js';
import { writeRunReport } from '../report/runReport.js';
import { percent } from '../report/table.js';
import { demo } from '../run/demo/demo.js';
import { deviceOf, openExperiment } from '../run/experiment.js';
import { openRun } from '../run/runFolder.js';
import {
  type CommonOptions,
  interruption,
  printResult,
  progressFor,
  terminalWidth,
  withCommonOptions,
} from './output.js';

export function demoCommand(): Command {
  const command = withCommonOptions(
    new Command('demo')
      .description(
        'the whole pipeline on drawn faces in a few minutes: synth, activation network, maps, LDCNet, eval, report',
      )
      .option('--out <dir>', 'folder for data and runs', './ldc-demo'),
  );
  command.addHelpText('after', '\nExample:\n  ldc demo --out /tmp/ldc-demo');
  return command.action(async (flags: CommonOptions & { out: string }) => {
    const progress = progressFor(flags);
    const { evaluation, untrainedAuc, run, data, seconds } = await demo(flags.out, progress, interruption());
    const { folder, facts, config, protocol } = await openRun(run);
    const experiment = await openExperiment(protocol, config, data);
    const report = await writeRunReport(experiment, deviceOf(config), folder, facts, progress);
    const trained = evaluation.levels.video.auc;
    printResult(flags, { ...evaluation, untrained_auc: untrainedAuc, run, report, seconds }, () =>
      [
        evalText(evaluation, terminalWidth()),
        `Untrained network, same target, video level: AUC ${percent(untrainedAuc)} %. Trained: ${percent(trained)} %.`,
        trained > untrainedAuc + 0.05 ? '' : 'The trained network is NOT clearly better than the untrained one here.',
        `${seconds} s on ${facts.device}`,
        `run:    ${run}`,
        `report: ${report}`,
      ]
        .filter(Boolean)
        .join('\n'),
    );
  });
}
