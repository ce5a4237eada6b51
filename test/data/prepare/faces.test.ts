import { expect, test } from 'vitest';
import { squareOf } from '../../../src/data/prepare/crop.js';
import {
  boxOf,
  faceAt,
  farthestNeighbour,
  isOverturned,
  showsFace,
  turnOver,
} from '../../../src/data/prepare/faces.js';
import type { Face } from '../../../src/data/sources/source.js';

const box = (x: number, w = 10): Face => ({ box: { x, y: 0, w, h: w } });

test('a face moves in a straight line between annotated frames and stays beyond them, for a second at most', () => {
  const faces = new Map([
    [10, box(0)],
    [20, box(100, 30)],
  ]);
  expect(faceAt(faces, 10)).toEqual({ face: box(0), origin: 'annotation' });
  expect(faceAt(faces, 15)).toEqual({ face: { box: { x: 50, y: 0, w: 20, h: 20 } }, origin: 'interpolated' });
  expect(faceAt(faces, 0)).toEqual({ face: box(0), origin: 'nearest' });
  expect(faceAt(faces, 20 + farthestNeighbour)).toEqual({ face: box(100, 30), origin: 'nearest' });
  expect(faceAt(faces, 21 + farthestNeighbour)).toBeNull();
  expect(
    faceAt(
      new Map([
        [0, box(0)],
        [100, box(0)],
      ]),
      50,
    ),
  ).toBeNull();
  expect(faceAt(new Map(), 0)).toBeNull();
});

test('between a box and eyes, the nearer one is taken', () => {
  const eyes: Face = {
    eyes: [
      { x: 1, y: 2 },
      { x: 3, y: 2 },
    ],
  };
  const faces = new Map([
    [0, box(0)],
    [10, eyes],
  ]);
  expect(faceAt(faces, 4)!.face).toEqual(box(0));
  expect(faceAt(faces, 6)!.face).toEqual(eyes);
});

test('a box around eyes has the proportions of a face', () => {
  const { x, y, w, h } = boxOf({
    eyes: [
      { x: 100, y: 200 },
      { x: 163, y: 200 },
    ],
  });
  // 63 mm between the eyes in a face of about 140 mm by 185 mm, at one pixel a millimetre.
  expect(w).toBeCloseTo(140, -1);
  expect(h).toBeCloseTo(185, -1);
  expect(x + w / 2).toBeCloseTo(131.5);
  expect((200 - y) / h).toBeCloseTo(0.4);
});

test('a face turned over twice is where it was, its left eye still left', () => {
  const face: Face = {
    box: { x: 10, y: 20, w: 30, h: 40 },
    eyes: [
      { x: 15, y: 30 },
      { x: 33, y: 31 },
    ],
  };
  const turned = turnOver(face, 160, 120);
  expect(turned.box).toEqual({ x: 120, y: 60, w: 30, h: 40 });
  expect(turned.eyes![0].x).toBeLessThan(turned.eyes![1].x);
  expect(turnOver(turned, 160, 120)).toEqual(face);
  expect([
    isOverturned([face]),
    isOverturned([turned]),
    isOverturned([turned, face, turned]),
    isOverturned([]),
  ]).toEqual([false, true, true, false]);
});

test('a box is no face where the picture shows too little of it', () => {
  const shows = (x: number, y: number, w: number, h: number) => showsFace({ x, y, w, h }, 200, 100);
  expect([shows(10, 10, 16, 16), shows(-40, -30, 60, 60), shows(180, 60, 90, 90)]).toEqual([true, true, true]);
  expect([shows(28, 43, 3, 1.5), shows(10, 10, 90, 15)]).toEqual([false, false]);
  expect([shows(-60, 10, 70, 70), shows(185, 10, 70, 70), shows(10, 120, 70, 70)]).toEqual([false, false, false]);
});

test('a square stays inside the frame, holds the box, and is even in side and place', () => {
  expect(squareOf({ box: { x: 50, y: 40, w: 20, h: 30 } }, 0, 200, 100)).toEqual({ x: 46, y: 40, side: 30, angle: 0 });
  expect(squareOf({ box: { x: -5, y: 80, w: 20, h: 30 } }, 0.5, 200, 100)).toEqual({ x: 0, y: 54, side: 46, angle: 0 });
  expect(squareOf({ box: { x: 20, y: 5, w: 60, h: 90 } }, 0.3, 200, 100)).toEqual({ x: 0, y: 0, side: 100, angle: 0 });
  expect(squareOf({ box: { x: 90, y: 3, w: 90, h: 95 } }, 0.3, 201, 99)).toEqual({ x: 86, y: 0, side: 98, angle: 0 });
  expect(squareOf({ box: { x: 0, y: 0, w: 1, h: 1 } }, 0, 1, 1)).toEqual({ x: 0, y: 0, side: 1, angle: 0 });
});
