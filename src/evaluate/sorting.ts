/** Orders of large arrays of numbers, without a comparison function, and places in sorted ones. */

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/** Bits of numbers that compare as the numbers do, and where each number came from. */
interface Keys {
  high: Uint32Array;
  low: Uint32Array;
  place: Uint32Array;
}

/**
 * The places of `values`, finite, in rising order of value; equal ones keep their order. By radix, 11 bits of the IEEE 754 pattern at a time:
 * a sort with a comparison function takes three times as long for millions.
 */
export function risingOrder(values: ArrayLike<number>): Uint32Array {
  let keys = keysOf(values);
  let spare = emptyKeys(values.length);
  const digits = new Uint16Array(values.length);
  for (let shift = 0; shift < 64; shift += DIGIT_BITS) {
    takeDigits(keys, shift, digits);
    moveByDigit(keys, digits, spare);
    [keys, spare] = [spare, keys];
  }
  return keys.place;
}

function emptyKeys(count: number): Keys {
  return { high: new Uint32Array(count), low: new Uint32Array(count), place: new Uint32Array(count) };
}

/** Of negative numbers all bits are turned, of the others the sign. */
function keysOf(values: ArrayLike<number>): Keys {
  const copy = new Float64Array(values.length);
  // Adding 0 makes −0 the 0 that it equals.
  for (let i = 0; i < copy.length; i++) copy[i] = values[i]! + 0;
  const words = new Uint32Array(copy.buffer);
  const keys = emptyKeys(values.length);
  for (let i = 0; i < copy.length; i++) {
    const negative = words[2 * i + 1]! >>> 31;
    keys.low[i] = words[2 * i]! ^ (negative ? 0xffffffff : 0);
    keys.high[i] = words[2 * i + 1]! ^ (negative ? 0xffffffff : 0x80000000);
    keys.place[i] = i;
  }
  return keys;
}

/** The bits of each key from `shift` on. */
function takeDigits({ high, low }: Keys, shift: number, digits: Uint16Array): void {
  for (let i = 0; i < digits.length; i++) {
    // Shifts are modulo 32.
    const bits = shift >= 32 ? high[i]! >>> shift : (low[i]! >>> shift) | (shift === 0 ? 0 : high[i]! << -shift);
    digits[i] = bits & (DIGITS - 1);
  }
}

/** Puts the keys in the order of their digits; equal digits keep their order. */
function moveByDigit(from: Keys, digits: Uint16Array, to: Keys): void {
  const starts = new Uint32Array(DIGITS + 1);
  for (let i = 0; i < digits.length; i++) starts[digits[i]! + 1]!++;
  for (let d = 0; d < DIGITS; d++) starts[d + 1]! += starts[d]!;
  for (let i = 0; i < digits.length; i++) {
    const at = starts[digits[i]!]!++;
    to.high[at] = from.high[i]!;
    to.low[at] = from.low[i]!;
    to.place[at] = from.place[i]!;
  }
}

/** How many values of a rising array are below `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  return countWhere(sorted, (other) => other < value);
}

/** How many values of a rising array are not above `value`. */
export function upperBound(sorted: Float64Array, value: number): number {
  return countWhere(sorted, (other) => other <= value);
}

/** How many leading values of `sorted` pass a test that no value passes after the first that does not. */
function countWhere(sorted: Float64Array, passes: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(sorted[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
