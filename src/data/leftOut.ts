/** Files that cannot be used: the work goes on without them, each is named with the reason, and they are counted at the end. */
import { UserError } from '../base/errors.js';

export interface LeftOutFile {
  path: string;
  reason: string;
}

export class LeftOut {
  readonly files: LeftOutFile[] = [];

  /**
   * @param note says of each file, when it is met, that it is left out
   * @param strict the first one ends the work
   */
  constructor(
    private readonly note: (text: string) => void,
    private readonly strict = false,
  ) {}

  /**
   * Goes on without the file. @throws what was thrown, when it is no `UserError` and so no fault of the file, or with `strict`
   * @param error says which file it is, and what is wrong with it
   */
  add(path: string, error: unknown): void {
    if (this.strict || !(error instanceof UserError)) throw error;
    this.files.push({ path, reason: error.message });
    this.note(`${error.message}; it is left out`);
  }
}
