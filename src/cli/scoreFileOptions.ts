/** Flags that say how score files are to be read. */
import { type Command, Option } from 'commander';

export function withScoreFileOptions(command: Command): Command {
  return command
    .option('--live-label <value>', 'the label that means live in score files, all others being attacks')
    .addOption(
      new Option('--higher <what>', 'what a higher score means in score files; attack: s is read as 1 - s').choices([
        'live',
        'attack',
      ]),
    );
}
