import { expect, test } from 'vitest';
import { sampleFrames } from '../../../src/data/prepare/sampling.js';

test('takes the middles of equal parts', () => {
  expect(sampleFrames(150, 8, 'uniform')).toEqual([9, 28, 46, 65, 84, 103, 121, 140]);
  expect(sampleFrames(10, 1, 'uniform')).toEqual([5]);
});

test("takes SSDG's frames, ended by the last one", () => {
  expect(sampleFrames(151, 2, 'ssdg')).toEqual([6, 81]);
  expect(sampleFrames(11, 2, 'ssdg')).toEqual([6, 10]);
  expect(sampleFrames(5, 2, 'ssdg')).toEqual([4]);
});

test('takes the first, all, or what there is', () => {
  expect(sampleFrames(100, 3, 'first')).toEqual([0, 1, 2]);
  expect(sampleFrames(3, 8, 'ssdg')).toEqual([0, 1, 2]);
  expect(sampleFrames(4, 'all', 'uniform')).toEqual([0, 1, 2, 3]);
  expect(sampleFrames(0, 8, 'uniform')).toEqual([]);
});
