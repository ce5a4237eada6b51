/** `ldc eval` */
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { foldsOf, parseProtocol } from '../config/protocol.js';
import { type Evaluation, evaluateScores, targetCounts } from '../evaluate/evaluation.js';
import { type FoldsEvaluation, summarizeFolds } from '../evaluate/folds.js';
import type { Level } from '../evaluate/levels.js';
import { readScores } from '../evaluate/scoreFile.js';
import { evalText } from '../report/evalTable.js';
import { foldsText } from '../report/foldsText.js';
import { evaluateRun } from '../run/evaluateRun.js';
import { dataFacts, deviceOf, openExperiment } from '../run/experiment.js';
import { newestRun, openRun } from '../run/runFolder.js';
import {
  type DeviceOptions,
  overridesOf,
  withDataOption,
  withDeviceOptions,
  withOutOption,
} from './experimentOptions.js';
import { type CommonOptions, printResult, progressFor, terminalWidth, withCommonOptions } from './output.js';

interface EvalFlags extends CommonOptions, DeviceOptions {
  run?: string;
  protocol?: string;
  scores?: string;
  data: string;
  out: string;
  checkpoint: string;
  convention: 'honest' | 'paper';
  level?: Level;
}

export function evalCommand(): Command {
  const command = new Command('eval')
    .description(
      'HTER, AUC and the rest of a run on its unseen target, or of a score file; with nothing named, the newest run',
    )
    .option('--run <dir>', 'run to evaluate')
    .option('--protocol <expression>', 'the newest run of this protocol; oulu/3: of each of its six folds')
    .option('--scores <file>', 'compute everything from a score file alone')
    .option('--checkpoint <which>', 'last, best (on source development data) or an epoch', 'last')
    .addOption(
      new Option('--convention <name>', 'paper: thresholds and epoch from the target, marked oracle')
        .choices(['honest', 'paper'])
        .default('honest'),
    )
    .addOption(new Option('--level <name>', 'level that chooses the best checkpoint').choices(['frame', 'video']));
  withCommonOptions(withDeviceOptions(withOutOption(withDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc eval --protocol 'O&C&I-to-M' --checkpoint best");
  return command.action(async (flags: EvalFlags) => {
    if ([flags.run, flags.protocol, flags.scores].filter(Boolean).length > 1) {
      throw new UserError('--run, --protocol and --scores exclude each other');
    }
    const folds = foldsOf(flags.protocol ?? '');
    if (folds) {
      const result = await ofFolds(flags, folds);
      printResult(flags, result, () => foldsText(result, terminalWidth()));
      return;
    }
    const evaluation = flags.scores === undefined ? await ofRun(flags) : await ofScores(flags.scores);
    printResult(flags, evaluation, () => evalText(evaluation, terminalWidth()));
  });
}

/** The newest run of each fold. */
async function ofFolds(flags: EvalFlags, folds: readonly string[]): Promise<FoldsEvaluation> {
  const evaluations: Evaluation[] = [];
  for (const protocol of folds) evaluations.push(await ofRun({ ...flags, protocol }));
  return summarizeFolds(flags.protocol!.toLowerCase(), evaluations);
}

async function ofRun(flags: EvalFlags): Promise<Evaluation> {
  const protocol = flags.protocol === undefined ? undefined : parseProtocol(flags.protocol);
  const { device, precision, threads } = flags;
  const run = await openRun(
    flags.run ?? (await newestRun(flags.out, protocol)),
    overridesOf({ device, precision, threads }),
  );
  const { config, folder, facts } = run;
  const experiment = await openExperiment(run.protocol, config, flags.data);
  const progress = progressFor(flags);
  const reuse = JSON.stringify(facts.data) === JSON.stringify(dataFacts(experiment));
  if (!reuse)
    progress.note(`the data in ${flags.data} are not those the run was made from (hashes in run.json differ)`);
  const { evaluation } = await evaluateRun(experiment, deviceOf(config), folder, {
    checkpoint: flags.checkpoint,
    convention: flags.convention,
    level: flags.level ?? config.eval.level,
    mode: config.eval.score,
    reuse,
    progress,
  });
  return evaluation;
}

async function ofScores(path: string): Promise<Evaluation> {
  const scores = await readScores(path);
  return {
    protocol: null,
    checkpoint: null,
    engine: null,
    convention: 'honest',
    synthetic: null,
    targets: targetCounts(scores).map((counts) => ({ ...counts, name: null, subset: null })),
    levels: evaluateScores(scores, { why: 'a score file says nothing of the source domains' }),
  };
}
