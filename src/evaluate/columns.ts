/** Growing columns: millions of score rows in a few typed arrays instead of millions of objects. */

const FIRST_CAPACITY = 1024;

/** A column of strings that repeat: one code a row, each distinct name kept once. */
export interface Factor {
  readonly codes: Int32Array;
  readonly names: readonly string[];
}

/** Builds a `Factor`; codes are given in the order of first appearance. */
export class FactorBuilder {
  private readonly ints = new NumberBuilder();
  private readonly known = new Map<string, number>();
  private readonly names: string[] = [];
  private lastName: string | undefined;
  private lastCode = 0;

  add(name: string): void {
    // Neighbouring rows mostly agree; the shortcut saves the hashing.
    if (name !== this.lastName) {
      this.lastCode = this.known.get(name) ?? this.learn(name);
      this.lastName = this.names[this.lastCode];
    }
    this.ints.add(this.lastCode);
  }

  build(): Factor {
    return { codes: new Int32Array(this.ints.build()), names: this.names };
  }

  private learn(name: string): number {
    // A substring would keep the whole block of the file alive that it was cut from; this copy does not.
    const own = Buffer.from(name, 'utf8').toString('utf8');
    const code = this.names.push(own) - 1;
    this.known.set(own, code);
    return code;
  }
}

/** Builds a column of numbers. */
export class NumberBuilder {
  private values = new Float64Array(FIRST_CAPACITY);
  private count = 0;

  add(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Float64Array(this.count * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count++] = value;
  }

  build(): Float64Array {
    return this.values.slice(0, this.count);
  }
}

/** A column of strings that are mostly distinct (file paths), kept as UTF-8 in one block. */
export class TextColumn {
  private bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  private readonly ends = new NumberBuilder();
  private used = 0;
  private offsets: Float64Array | undefined;

  add(text: string): void {
    const most = text.length * 3;
    if (this.used + most > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.used + most));
      this.bytes.copy(larger, 0, 0, this.used);
      this.bytes = larger;
    }
    this.used += this.bytes.write(text, this.used, 'utf8');
    this.ends.add(this.used);
    this.offsets = undefined;
  }

  /** The text of a row. */
  at(row: number): string {
    this.offsets ??= this.ends.build();
    const start = row === 0 ? 0 : this.offsets[row - 1]!;
    return this.bytes.toString('utf8', start, this.offsets[row]!);
  }
}
