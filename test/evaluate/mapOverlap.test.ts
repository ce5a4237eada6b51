import { describe, expect, it } from 'vitest';
import { mapOverlap, summarizeOverlaps } from '../../src/evaluate/mapOverlap.js';

describe('the overlap of a map with Grad-CAM', () => {
  it('is worked out by hand on a map of 2×3', () => {
    // Regions above half of the maximum: CAM {0,1}, estimator {1,2,5}; one of four in both.
    const cam = [200, 100, 10, 0, 99, 0];
    expect(mapOverlap([0, 30, 40, 0, 0, 20], cam)).toEqual({ iou: 1 / 4, hit: false });
    expect(mapOverlap([0, 50, 40, 0, 0, 25], cam)).toEqual({ iou: 1 / 4, hit: true });
    expect(mapOverlap(cam, cam)).toEqual({ iou: 1, hit: true });
  });

  it('does not depend on the scale of either map', () => {
    const [a, cam] = [
      [1, 5, 3, 2],
      [0, 4, 4, 1],
    ] as const;
    expect(mapOverlap(a, cam)).toEqual(
      mapOverlap(
        a.map((x) => x * 51),
        cam.map((x) => x / 7),
      ),
    );
  });

  it('leaves out images whose Grad-CAM is zero, and counts an estimator that sees nothing as a miss', () => {
    expect(mapOverlap([1, 2], [0, 0])).toBeNull();
    expect(mapOverlap([0, 0], [1, 2])).toEqual({ iou: 0, hit: false });
    expect(summarizeOverlaps([null, { iou: 0.5, hit: true }, { iou: 0, hit: false }])).toEqual({
      images: 3,
      counted: 2,
      iou: 0.25,
      pointing: 0.5,
    });
    expect(summarizeOverlaps([null])).toEqual({ images: 1, counted: 0, iou: null, pointing: null });
  });
});
