import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/config/nearest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['sunday', 'saturday', 3],
    ['same', 'same', 0],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearest', () => {
  const known = ['seed', 'train', 'train.lr', 'train.epochs', 'eval.batch_size', 'activation.lr'];
  it('prefers the fewest mistakes', () => expect(nearest('train.epoch', known)).toEqual(['train.epochs']));
  it('finds the right name in the wrong section', () =>
    expect(nearest('batch_size', known)).toEqual(['eval.batch_size']));
  it('names those equally near, the most alike first', () =>
    expect(nearest('lr', known)).toEqual(['train.lr', 'activation.lr']));
  it('ignores case and separators', () => expect(nearest('eval.batchSize', known)).toEqual(['eval.batch_size']));
  it('names three at most', () => expect(nearest('x', ['a', 'b', 'c', 'd'])).toEqual(['a', 'b', 'c']));
});
