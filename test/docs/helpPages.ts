/** The help page of every command, as commander prints it. */
import type { Command } from 'commander';
import { program } from '../../src/cli/main.js';

export interface HelpPage {
  /** As it is typed: `ldc import npy`. */
  name: string;
  text: string;
}

/** All commands, sub-commands behind their parents, without commander's own `help`. */
export function helpPages(): HelpPage[] {
  return pagesOf(program(), '');
}

function pagesOf(command: Command, parents: string): HelpPage[] {
  const name = `${parents}${command.name()}`;
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return [{ name, text }, ...command.commands.flatMap((child) => pagesOf(child, `${name} `))];
}
