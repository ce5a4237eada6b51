/** `ldc serve` */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { withOutOption } from './experimentOptions.js';
import { wholeNumber } from './numbers.js';
import { type CommonOptions, printResult, progressFor, repeated, withCommonOptions } from './output.js';

interface ServeFlags extends CommonOptions {
  out: string;
  host: string;
  port: number;
  model?: string[];
  device?: 'auto' | 'cpu' | 'cuda';
  threads?: number;
  open?: boolean;
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description(
      'a local page: runs and studies while they go on, comparisons, and pictures or the webcam to try a model on',
    )
    .option('--port <n>', 'port to listen on; 0: any that is free', wholeNumber(0), 0)
    .option('--host <address>', 'address to listen on; other machines reach all but 127.0.0.1', '127.0.0.1')
    .option('--model <file>', 'ONNX model to try, with its card beside it; may be repeated', repeated)
    .addOption(new Option('--device <name>', 'what runs that are tried compute on').choices(['auto', 'cpu', 'cuda']))
    .option('--threads <n>', 'threads of what is tried', wholeNumber(1))
    .option('--open', 'also open the page in the browser');
  withCommonOptions(withOutOption(command));
  command.addHelpText('after', '\nExample:\n  ldc serve --out runs --open');
  return command.action(async (flags: ServeFlags) => {
    for (const model of flags.model ?? []) if (!existsSync(model)) throw new UserError(`${model} does not exist`);
    // Loaded when it is asked for: the server's libraries reach for Node's own fetch, and its WebAssembly needs more addresses than a
    // training under a limit of memory may have.
    const { serve } = await import('../serve/server.js');
    const { isLoopback } = await import('../serve/guard.js');
    const served = await serve({ ...flags, models: flags.model ?? [] });
    // What trains beside it comes first.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    const { address, port } = served;
    const progress = progressFor(flags);
    if (!isLoopback(flags.host)) {
      progress.note(
        'other machines reach this server, and what it sends is not encrypted: whoever reads the address along the way sees all runs; a tunnel (ssh -L) is safer',
      );
    }
    printResult(
      flags,
      { address, port, out: flags.out },
      () => `${address}\nthis address holds a token: it is for you alone; Ctrl-C ends the server`,
    );
    if (flags.open)
      spawn('xdg-open', [address], { stdio: 'ignore', detached: true }).once('error', () =>
        progress.note('there is no xdg-open; open the address yourself'),
      );
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    await served.close();
  });
}
