/** The two ways a command can fail, told apart by the exit status a script sees (docs: commands). */

/** The user must change something: a flag, a file, a configuration key. Exit status 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
  /**
   * @param message one sentence: what is wrong and where (file, key, line, row), without a full stop
   * @param hint what to do about it, when there is something to do
   */
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(printable(message));
  }
}

/** The work itself failed: disk full, training diverged, device lost. Exit status 1. */
export class WorkError extends Error {
  override readonly name = 'WorkError';
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(printable(message));
  }
}

/** One line, whatever stands in a file or its name: no line ends, and nothing that a terminal obeys. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
