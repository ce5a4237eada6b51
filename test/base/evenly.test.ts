import { expect, it } from 'vitest';
import { evenly } from '../../src/base/evenly.js';

it('takes from all of a list, in its order, each once', () => {
  const list = Array.from({ length: 10 }, (_, i) => i);
  expect(evenly(list, 4)).toEqual([0, 2, 5, 7]);
  expect(evenly(list, 10)).toEqual(list);
  expect(evenly(list, 11)).toEqual(list);
  expect(evenly([], 3)).toEqual([]);
});
