/** Schedules at their ends and turns; the released ones are also in test/fixtures-methods. */
import { expect, it } from 'vitest';
import { constant, cosine, phases, reversal, steps, warmUp } from '../../../src/engine/optim/schedules.js';

const at = (schedule: (at: number) => number, ...times: number[]) => times.map(schedule);

it('constant stays', () => expect(at(constant(0.1), 0, 7, 1e6)).toEqual([0.1, 0.1, 0.1]));

it('steps falls by gamma', () => {
  expect(at(steps(8, { every: 3, gamma: 0.5 }), 0, 2, 3, 5, 6, 9)).toEqual([8, 8, 4, 4, 2, 1]);
});

it('phases counts epochs from 1 and skips a phase that ends at 0', () => {
  const ssdg = phases(100, { ends: [0, 2], length: 10 });
  expect(at(ssdg, 0, 19, 20, 1000)).toEqual([10, 10, 1, 1].map((value) => expect.closeTo(value, 10)));
  const three = phases(100, { ends: [1, 2], gamma: 0.5 });
  expect(at(three, 0, 1, 2)).toEqual([100, 50, 25]);
});

it('cosine goes from its value to its end and stays', () => {
  const falling = cosine(1, { length: 10, end: 0.2 });
  expect(at(falling, 0, 5, 10, 50)).toEqual([1, 0.6, 0.2, 0.2].map((value) => expect.closeTo(value, 12)));
  expect(falling(2.5)).toBeCloseTo(0.2 + (0.8 * (1 + Math.SQRT1_2)) / 2, 12);
});

it('warmUp rises to the schedule it warms up', () => {
  expect(at(warmUp(constant(1), 4), 0, 1, 3, 4, 9)).toEqual([0.25, 0.5, 1, 1, 1]);
  expect(at(warmUp(steps(8, { every: 1, gamma: 0.5 }), 2), 0, 1, 2)).toEqual([4, 4, 2]);
  expect(warmUp(constant(3), 0)(0)).toBe(3);
});

it('reversal starts at low, tends to high', () => {
  const coefficient = reversal({ length: 4000 });
  expect(coefficient(0)).toBe(0);
  expect(coefficient(1)).toBeCloseTo(0.00125, 7);
  expect(coefficient(1e6)).toBe(1);
  expect(reversal({ length: 10, low: 0.2, high: 0.7 })(0)).toBeCloseTo(0.2, 12);
});
