/** What long work says while it runs. The command line shows it; a library caller may listen or not. */

export interface Progress {
  /** A stage begins: what it is, how many units it has, how many are done already. */
  begin(title: string, total: number, done?: number, unit?: string): void;
  /** Units done so far in this stage, and figures to show beside them. */
  update(done: number, figures?: Readonly<Record<string, number>>): void;
  end(): void;
  /** One sentence the user should know. */
  note(text: string): void;
}

export const silent: Progress = { begin: () => {}, update: () => {}, end: () => {}, note: () => {} };

/** Notes of `progress`, each said once. */
export function noteOnce(progress: Pick<Progress, 'note'>): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (!said.has(text)) progress.note(text);
    said.add(text);
  };
}

/** Shows work that says how much of it is done as one stage, which begins with the first word of it and ends with its last unit. */
export function stageOf(progress: Progress, title: string, unit: string): (done: number, total: number) => void {
  let begun = false;
  return (done, total) => {
    if (!begun) progress.begin(title, total, 0, unit);
    begun = true;
    progress.update(done);
    if (done === total) progress.end();
  };
}

/** The user, or a scheduler, asked to stop: what was done is saved. Exit status 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** @param hint how to go on */
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** `Interrupted` with a message of its own and the hint of what aborted `signal`. */
export function interruptedBy(signal: AbortSignal, message: string): Interrupted {
  return new Interrupted(message, signal.reason instanceof Interrupted ? signal.reason.hint : undefined);
}
