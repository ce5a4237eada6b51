/** `ldc study` */
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { runLocally } from '../study/local.js';
import { dataOf, planStudy } from '../study/plan.js';
import { submit } from '../study/slurm/submit.js';
import { studyStatus } from '../study/status.js';
import { statusText, submittedText } from '../study/statusText.js';
import { readStudy } from '../study/studyFile.js';
import { writeStudyReport } from '../study/studyReport.js';
import { defaultData, withOutOption } from './experimentOptions.js';
import { wholeNumber } from './numbers.js';
import {
  type CommonOptions,
  interruption,
  printResult,
  progressFor,
  terminalWidth,
  withCommonOptions,
} from './output.js';

interface StudyFlags extends CommonOptions {
  out: string;
}

interface RunFlags extends StudyFlags {
  backend: 'local' | 'slurm';
  jobs?: number;
  data?: string;
}

export function studyCommand(): Command {
  return new Command('study')
    .description('many runs from one YAML file (protocols × seeds × variants), resumable, and their tables')
    .addCommand(runCommand())
    .addCommand(statusCommand())
    .addCommand(reportCommand())
    .addHelpText('after', '\nExample:\n  ldc study run experiments/synthetic.yaml --jobs 2');
}

function runCommand(): Command {
  const command = studyPart('run', 'do every run that is not done; after an interruption the same command goes on')
    .addOption(new Option('--backend <name>', 'where runs are computed').choices(['local', 'slurm']).default('local'))
    .option('--jobs <n>', 'local: runs at a time (default: 1)', wholeNumber(1))
    .option('--data <dir>', `folder of crop sets (default: ${defaultData}, or what the study draws)`);
  command.addHelpText('after', '\nExample:\n  ldc study run experiments/ocim.yaml --backend slurm');
  return command.action(async (file: string, flags: RunFlags) => {
    const study = await readStudy(file);
    if (flags.backend === 'slurm' && flags.jobs !== undefined) {
      throw new UserError('--jobs is for the local backend', 'on Slurm the partition and the QOS limit what runs');
    }
    if (study.synth !== undefined && flags.data !== undefined) {
      throw new UserError(`${file} draws its own data (key synth); --data has no place`, 'leave one of them out');
    }
    const [progress, signal] = [progressFor(flags), interruption()];
    const data = await dataOf(study, { data: flags.data ?? defaultData, out: flags.out }, progress, signal);
    const plan = await planStudy(study, { data, out: flags.out });
    if (flags.backend === 'slurm') {
      const submitted = await submit(plan);
      printResult(flags, submitted, () => submittedText(submitted, file));
      return;
    }
    await runLocally(plan, { jobs: flags.jobs ?? 1, progress, signal });
    const status = await studyStatus(study, flags.out);
    printResult(flags, status, () => `${statusText(status, terminalWidth())}next: ldc study report ${file}`);
  });
}

function statusCommand(): Command {
  const command = studyPart('status', 'where every run stands');
  command.addHelpText('after', '\nExample:\n  ldc study status experiments/ocim.yaml --json');
  return command.action(async (file: string, flags: StudyFlags) => {
    const status = await studyStatus(await readStudy(file), flags.out);
    printResult(flags, status, () => statusText(status, terminalWidth()));
  });
}

function reportCommand(): Command {
  const command = studyPart('report', 'tables (Markdown, CSV, LaTeX) and one HTML page of the runs that are done');
  command.addHelpText('after', '\nExample:\n  ldc study report experiments/ocim.yaml');
  return command.action(async (file: string, flags: StudyFlags) => {
    const report = await writeStudyReport(await readStudy(file), flags.out, terminalWidth());
    printResult(flags, report.document, () => report.text);
  });
}

function studyPart(name: string, description: string): Command {
  const command = new Command(name).description(description).argument('<file>', 'YAML file of the study');
  return withCommonOptions(withOutOption(command));
}
