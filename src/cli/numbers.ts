/** Numbers on the command line. */
import { InvalidArgumentError } from 'commander';
import { parseBytes } from '../base/bytes.js';

/** A parser for commander: a whole number from `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`a whole number of at least ${least} is needed.`);
    }
    return value;
  };
}

/** A parser for commander: whole numbers from 0, each once, as in `0,2,3`. */
export function numberList(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every((part) => /^\d{1,6}$/.test(part)) || new Set(parts.map(Number)).size < parts.length) {
    throw new InvalidArgumentError('a list of different numbers as in 0,2,3 is needed.');
  }
  return parts.map(Number);
}

/** A parser for commander: a number from 0 to 1. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('a number from 0 to 1 is needed.');
  }
  return value;
}

/** A parser for commander: a number, whose bounds are known where it is used. */
export function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('a number is needed.');
  return value;
}

/** A parser for commander: bytes, as `6G` or `512M`, in powers of 1024. */
export function byteCount(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === null) throw new InvalidArgumentError('a size as in 6G or 512M is needed.');
  return bytes;
}
