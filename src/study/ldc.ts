/** How a study starts `ldc` again: this program, by this Node. */
import { join } from 'node:path';
import { packageFolder } from '../base/packageFolder.js';
import type { Command, Task } from './plan.js';

export const ldcProgram: readonly string[] = [process.execPath, join(packageFolder, 'bin', 'ldc.js')];

/** The commands of a task with the number of threads that it may have; a configuration that names one keeps it. */
export function commandsOf(task: Task, threads: string): Command[] {
  const flags = task.threadsFree ? ['--threads', threads] : [];
  // The evaluation reads the threads from the run's configuration.
  return task.commands.map((command) =>
    command.args[0] === 'eval' ? command : { ...command, args: [...command.args, ...flags] },
  );
}
