/** `ldc doctor` */
import { Command } from 'commander';
import { writeFileWhole } from '../base/files.js';
import { type GpuReport, gpuProof, proveGpu } from '../run/doctor/gpu.js';
import { examine, type Finding } from '../run/doctor/machine.js';
import { examineRun } from '../run/doctor/run.js';
import { defaultData, withRunDataOption } from './experimentOptions.js';
import { type CommonOptions, printResult, progressFor, withCommonOptions } from './output.js';

export function doctorCommand(): Command {
  const command = withCommonOptions(
    withRunDataOption(
      new Command('doctor').description(
        'what this machine offers and what is missing, or how a run ended, each with what to do',
      ),
    )
      .option('--run <dir>', 'a run: how it ended and whether it can go on')
      .option(
        '--gpu [file]',
        'prove the GPU, in at most five minutes: values in each precision against the CPU, the same bits in every way of running a step, ' +
          'times; all of it goes to a JSON file (default: ldc-gpu.json)',
      ),
  );
  command.addHelpText('after', "\nExample:\n  ldc doctor --run 'runs/O&C&I-to-M/ldc-seed0'");
  return command.action(async (flags: CommonOptions & { data?: string; run?: string; gpu?: string | true }) => {
    if (flags.gpu !== undefined) {
      const file = flags.gpu === true ? 'ldc-gpu.json' : flags.gpu;
      const progress = progressFor(flags);
      const report = await proveGpu(gpuProof((name) => progress.note(name)));
      await writeFileWhole(file, `${JSON.stringify(report, null, 2)}\n`);
      printResult(flags, report, () => `${gpuText(report)}\n\nall of it: ${file}`);
      if (report.findings.some(({ ok }) => !ok)) process.exitCode = 1;
      return;
    }
    if (flags.run === undefined) {
      const findings = await examine(flags.data ?? defaultData);
      printResult(flags, findings, () => findingText(findings, 'missing'));
      return;
    }
    const diagnosis = await examineRun(flags.run, flags.data);
    const { run, state, what, hint, findings } = diagnosis;
    printResult(flags, diagnosis, () =>
      [`${run}: ${state}`, what, ...(hint ? [`hint: ${hint}`] : []), '', findingText(findings, 'look at')].join('\n'),
    );
  });
}

function gpuText({ cuda, findings, graphs, expected, pytorch }: GpuReport): string {
  const rows = findings.map(
    ({ name, ok, seconds, value, hint }) =>
      `${ok ? 'ok     ' : 'FAILED '} ${name.padEnd(29)} ${`${seconds.toFixed(0)} s`.padStart(5)}  ${value}${hint ? `\n${' '.repeat(8)}${hint}` : ''}`,
  );
  const { updated, made, remade } = graphs;
  return [
    ...[cuda, '', ...rows, ''],
    `graphs: ${updated} brought up to date, ${made} made, ${remade} made anew`,
    ...(expected === undefined ? [] : [`expected of a training step of LDCNet in tf32: ${expected.toFixed(1)} ms`]),
    pytorch === undefined
      ? 'PyTorch: python3 has none with CUDA'
      : `PyTorch ${pytorch.version}, the same step: ${pytorch.milliseconds.toFixed(1)} ms`,
  ].join('\n');
}

function findingText(findings: readonly Finding[], otherwise: string): string {
  return findings
    .map(
      ({ name, ok, value, hint }) =>
        `${ok ? 'ok     ' : otherwise} ${name.padEnd(12)} ${value}${!ok && hint ? `\n${' '.repeat(21)}${hint}` : ''}`,
    )
    .join('\n');
}
