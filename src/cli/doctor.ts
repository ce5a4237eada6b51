/** `ldc doctor` */
import { Command } from 'commander';
import { examine } from '../run/doctor.js';
import { withDataOption } from './experimentOptions.js';
import { type CommonOptions, printResult, withCommonOptions } from './output.js';

export function doctorCommand(): Command {
  const command = withCommonOptions(
    withDataOption(
      new Command('doctor').description('what this machine offers and what is missing, each with what to do'),
    ),
  );
  command.addHelpText('after', '\nExample:\n  ldc doctor');
  return command.action(async (flags: CommonOptions & { data: string }) => {
    const findings = await examine(flags.data);
    printResult(flags, findings, () =>
      findings
        .map(
          ({ name, ok, value, hint }) =>
            `${ok ? 'ok     ' : 'missing'} ${name.padEnd(12)} ${value}${!ok && hint ? `\n${' '.repeat(21)}${hint}` : ''}`,
        )
        .join('\n'),
    );
  });
}
