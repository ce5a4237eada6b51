/** The command line: registers the commands, turns what they throw into one sentence and an exit status. */
import completion from '@bomb.sh/tab/commander';
import { Command, CommanderError, Help, type Option } from 'commander';
import { version } from '../run/version.js';
import { calibrateCommand } from './calibrate.js';
import { camCommand } from './cam.js';
import { protocolCompletions } from './completion.js';
import { convertCommand } from './convert.js';
import { datasetsCommand } from './datasets.js';
import { demoCommand } from './demo.js';
import { doctorCommand } from './doctor.js';
import { evalCommand } from './eval.js';
import { exportCommand } from './export.js';
import { featuresCommand } from './features.js';
import { importCommand } from './import.js';
import { modelCommand } from './model.js';
import { reportError } from './output.js';
import { predictCommand } from './predict.js';
import { prepareCommand } from './prepare.js';
import { reportCommand } from './report.js';
import { serveCommand } from './serve.js';
import { studyCommand } from './study.js';
import { synthCommand } from './synth.js';
import { trainCommand } from './train.js';

export function program(): Command {
  const ldc = new Command('ldc')
    .description('LDCNet for cross-domain face anti-spoofing: data, training, evaluation')
    .version(version)
    .showSuggestionAfterError()
    .addHelpText('after', '\nExample:\n  ldc demo');
  const commands = [
    demoCommand(),
    synthCommand(),
    prepareCommand(),
    importCommand(),
    datasetsCommand(),
    camCommand(),
    trainCommand(),
    evalCommand(),
    featuresCommand(),
    predictCommand(),
    calibrateCommand(),
    reportCommand(),
    studyCommand(),
    serveCommand(),
    convertCommand(),
    exportCommand(),
    modelCommand(),
    doctorCommand(),
  ];
  for (const command of commands) ldc.addCommand(command);
  for (const command of [ldc, ...commands.flatMap(withSubcommands)]) {
    command.configureHelp({ helpWidth: 80, optionDescription });
    command.exitOverride();
    command.configureOutput({ outputError: (text, write) => write(inOurWords(text)) });
  }
  addCompletion(ldc);
  return ldc;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** `ldc complete SHELL` prints a completion script, which asks `ldc complete -- WORDS` for what may come next. */
function addCompletion(ldc: Command): void {
  const { commands } = completion(ldc);
  for (const { options } of commands.values()) {
    const protocol = options.get('protocol');
    if (!protocol) continue;
    protocol.handler = (complete) => {
      for (const [expression, what] of protocolCompletions(process.argv.at(-1) ?? '')) complete(expression, what);
    };
  }
  ldc.commands
    .find((command) => command.name() === 'complete')
    ?.description('print a completion script for a shell: bash, zsh, fish or powershell')
    .addHelpText('after', '\nExample:\n  source <(ldc complete bash)');
}

/** What commander says of a flag, and whether it has to be given, which commander leaves out. */
function optionDescription(option: Option): string {
  const description = new Help().optionDescription(option);
  return option.mandatory ? `${description} (required)` : description;
}

/** commander's message in the form of all others: one sentence, then a hint. */
function inOurWords(text: string): string {
  return text
    .replace(/^error: /, 'ldc: error: ')
    .replace(/( is invalid(?: for argument '.*')?|arguments for '.*')\. (.)(.*)\.$/m, (_, what, first, rest) => {
      return `${what}\nhint: ${first.toLowerCase()}${rest}`;
    })
    .replace(/^\(Did you mean (.*)\)$/m, 'hint: did you mean $1');
}

/** Runs the command line and returns the exit status: 0 done, 1 the work failed, 2 the user must change something. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv);
    return 0;
  } catch (error) {
    // commander has printed its own message; asking for help or the version is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' ? 0 : 2;
    return reportError(error, argv.includes('--debug'));
  }
}
