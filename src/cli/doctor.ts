/** `ldc doctor` */
import { Command } from 'commander';
import { examine, type Finding } from '../run/doctor.js';
import { examineRun } from '../run/doctorRun.js';
import { defaultData, withRunDataOption } from './experimentOptions.js';
import { type CommonOptions, printResult, withCommonOptions } from './output.js';

export function doctorCommand(): Command {
  const command = withCommonOptions(
    withRunDataOption(
      new Command('doctor').description(
        'what this machine offers and what is missing, or how a run ended, each with what to do',
      ),
    ).option('--run <dir>', 'a run: how it ended and whether it can go on'),
  );
  command.addHelpText('after', "\nExample:\n  ldc doctor --run 'runs/O&C&I-to-M/ldc-seed0'");
  return command.action(async (flags: CommonOptions & { data?: string; run?: string }) => {
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

function findingText(findings: readonly Finding[], otherwise: string): string {
  return findings
    .map(
      ({ name, ok, value, hint }) =>
        `${ok ? 'ok     ' : otherwise} ${name.padEnd(12)} ${value}${!ok && hint ? `\n${' '.repeat(21)}${hint}` : ''}`,
    )
    .join('\n');
}
