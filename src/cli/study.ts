/** `ldc study` */
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { cudaHint, cudaState } from '../engine/device.js';
import { type Gpu, gpusOf } from '../study/gpus.js';
import { runLocally } from '../study/local.js';
import { dataOf, type Plan, planStudy } from '../study/plan.js';
import { submit } from '../study/slurm/submit.js';
import { studyStatus } from '../study/status.js';
import { statusText, submittedText } from '../study/statusText.js';
import { readStudy } from '../study/studyFile.js';
import { writeStudyReport } from '../study/studyReport.js';
import { defaultData, withOutOption } from './experimentOptions.js';
import { numberList, wholeNumber } from './numbers.js';
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
  gpus?: number[];
  perGpu?: number;
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
    .option(
      '--gpus <list>',
      'local: numbers of the GPUs to use, as in 0,2,3 (default: all that CUDA lists)',
      numberList,
    )
    .option('--per-gpu <n>', 'local: runs at a time on each GPU (default: 1)', wholeNumber(1))
    .option('--data <dir>', `folder of crop sets (default: ${defaultData}, or what the study draws)`);
  command.addHelpText('after', '\nExample:\n  ldc study run experiments/ocim.yaml --backend slurm');
  return command.action(async (file: string, flags: RunFlags) => {
    const study = await readStudy(file);
    const local = { '--jobs': flags.jobs, '--gpus': flags.gpus, '--per-gpu': flags.perGpu };
    const [misplaced] = Object.entries(local).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
    if (flags.backend === 'slurm' && misplaced !== undefined) {
      const hint = 'on Slurm the partition and the QOS limit what runs, and slurm.gpus of the study file asks for GPUs';
      throw new UserError(`${misplaced} is for the local backend`, hint);
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
    const { jobs = 1, perGpu = 1 } = flags;
    const gpus = gpusFor(plan, flags.gpus);
    if (gpus.length > 0 && jobs > gpus.length * perGpu) {
      progress.note(
        `${gpus.length * perGpu} runs at a time, not ${jobs}: ${perGpu} on each of ${gpus.length} GPUs (--per-gpu)`,
      );
    }
    await runLocally(plan, { jobs, gpus, perGpu, progress, signal });
    const status = await studyStatus(study, flags.out);
    printResult(flags, status, () => `${statusText(status, terminalWidth())}next: ldc study report ${file}`);
  });
}

/** Those that the tasks are spread over; none where they compute on the CPU. */
function gpusFor(plan: Plan, wanted: readonly number[] | undefined): Gpu[] {
  const onCpu = plan.tasks.every(({ mayUseGpu }) => !mayUseGpu);
  if (onCpu && wanted !== undefined) throw new UserError('--gpus has no place in a study whose device is cpu');
  const { unusable, gpus } = onCpu ? { unusable: 'not wanted', gpus: [] } : cudaState();
  if (unusable !== '' && wanted !== undefined)
    throw new UserError(`the device cuda cannot be used: ${unusable}`, cudaHint());
  return unusable === '' ? gpusOf(gpus, wanted, process.env.CUDA_VISIBLE_DEVICES) : [];
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
