import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerBound, risingOrder, upperBound } from '../../src/evaluate/sorting.js';

/** Values of every size and sign, with ties, zeros of both signs and the smallest numbers among them. */
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1, -1, 5e-324, -5e-324, 0.5, Number.MAX_VALUE, -Number.MAX_VALUE),
);

describe('the rising order', () => {
  it('is that of a stable sort by comparison', () => {
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const expected = [...values.keys()].sort((a, b) => values[a]! - values[b]! || a - b);
        expect([...risingOrder(values)]).toEqual(expected);
        expect([...risingOrder(Float64Array.from(values))]).toEqual(expected);
      }),
    );
  });
});

describe('places in a sorted array', () => {
  it('count what is below, and what is not above', () => {
    const sorted = Float64Array.of(1, 2, 2, 2, 5);
    expect([0, 1, 2, 3, 5, 6].map((x) => lowerBound(sorted, x))).toEqual([0, 0, 1, 4, 4, 5]);
    expect([0, 1, 2, 3, 5, 6].map((x) => upperBound(sorted, x))).toEqual([0, 1, 4, 4, 5, 5]);
  });
});
