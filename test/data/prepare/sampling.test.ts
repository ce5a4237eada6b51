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

test("takes SSDG's frames of short videos, each once: 6 again and again, and the last in place of those behind it", () => {
  const taken = [1, 3, 6, 7, 8, 9, 13, 14].map((length) => sampleFrames(length, 8, 'ssdg'));
  expect(taken).toEqual([
    [0],
    [2],
    [5],
    [6],
    [6, 7],
    [6, 7, 8],
    [6, 7, 8, 9, 10, 11, 12],
    [6, 7, 8, 9, 10, 11, 12, 13],
  ]);
  for (let length = 1; length < 40; length++) {
    const frames = sampleFrames(length, 8, 'ssdg');
    expect(frames.length).toBeGreaterThan(0);
    expect(new Set(frames).size).toBe(frames.length);
    expect(Math.max(...frames)).toBeLessThan(length);
  }
});

test('takes the first, all, or what there is', () => {
  expect(sampleFrames(100, 3, 'first')).toEqual([0, 1, 2]);
  expect(sampleFrames(3, 8, 'first')).toEqual([0, 1, 2]);
  expect(sampleFrames(4, 'all', 'uniform')).toEqual([0, 1, 2, 3]);
  expect(sampleFrames(0, 8, 'uniform')).toEqual([]);
});
