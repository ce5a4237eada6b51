/** Files that cannot be used: the work goes on without them, each is named with the reason, and they are counted at the end. */
import { FileError, UserError, WorkError } from '../base/errors.js';

export interface LeftOutFile {
  path: string;
  reason: string;
}

/** So many are named where they are counted. */
const mostNamed = 5;

export class LeftOut {
  readonly files: LeftOutFile[] = [];
  /** Files there are, those left out included; set by whoever lists them. */
  total = 0;

  /**
   * @param note says of each file, when it is met, that it is left out
   * @param strict the first one ends the work
   */
  constructor(
    private readonly note: (text: string) => void,
    private readonly strict = false,
  ) {}

  /** Goes on without the file that `error` is about. @throws the error, when it is about something else, or with `strict` */
  add(path: string, error: unknown): void {
    if (this.strict || !(error instanceof FileError)) throw error;
    this.files.push({ path, reason: error.message });
    this.note(`${error.message}; it is left out`);
  }

  /** @throws UserError when nothing is left */
  checkSome(): void {
    const [first] = this.files;
    if (first === undefined || this.files.length < this.total) return;
    throw new UserError(
      this.total === 1 ? first.reason : `not one of ${this.total} files can be used: ${first.reason}`,
    );
  }

  /**
   * Called when all else is done.
   * @throws WorkError that counts and names those left out, if there are any
   */
  close(): void {
    const count = this.files.length;
    if (count === 0) return;
    const names = this.files.slice(0, mostNamed).map(({ path }) => path);
    if (count > mostNamed) names.push('…');
    throw new WorkError(`${count} of ${this.total} files could not be used: ${names.join(', ')}`);
  }
}
