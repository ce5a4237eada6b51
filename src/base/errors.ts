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

/** One file is at fault: work on many may go on without it. */
export class FileError extends UserError {}

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

const knownCodes: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EACCES: 'permission is denied',
  EROFS: 'the file system is read-only',
  EDQUOT: 'the disk quota is used up',
};

/** What went wrong in one sentence, for people. */
export function sentenceOf(error: unknown): string {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : knownCodes[code];
  if (known !== undefined) return `${known}${path ? `, ${path}` : ''}`;
  return printable(messageOf(error).split('\n')[0]!);
}

/** What to do about it, where that is known. */
export function hintOf(error: unknown): string | undefined {
  if (isOutOfMemory(error)) return lessMemory;
  const { hint } = (error ?? {}) as { hint?: unknown };
  return typeof hint === 'string' ? hint : undefined;
}

/** The device's memory, or Node's. */
export function isOutOfMemory(error: unknown): boolean {
  return /out of memory|^Array buffer allocation failed$/i.test(messageOf(error));
}

/** What makes a step smaller. */
export const lessMemory =
  'less memory is needed with smaller batches (train.per_domain, activation.batch_size, eval.batch_size) or data.image_size';
