/** Square face crops: where they lie in a frame, and their pixels as JPEG. */
import sharp, { type Sharp } from 'sharp';
import type { Face } from '../sources/source.js';
import { boxOf } from './faces.js';

/**
 * High enough that the traces of print and screen survive; no chroma subsampling, which would blur colour fringes. Codes fitted to each
 * image would save 7 % of its bytes and cost nearly twice the time.
 */
const jpeg = { quality: 95, chromaSubsampling: '4:4:4', optimiseCoding: false } as const;

/** What is added to the longer side of a face's box unless told otherwise, as a part of it. */
export const defaultMargin = 0.3;

/** A square of whole pixels, turned about its centre. */
export interface Square {
  /** Upper left corner before it is turned. */
  x: number;
  y: number;
  side: number;
  /** Degrees, clockwise in the picture; 0 unless eyes are aligned. */
  angle: number;
}

/** RGB bytes of a part of a frame: the part's place in the frame, and `[height,width,3]`. */
export interface Picture {
  left: number;
  top: number;
  width: number;
  height: number;
  pixels: Uint8Array;
}

/**
 * The square around a face. Its side is the longer side of the face's box times 1 + `margin`, at most the frame's shorter side; where
 * it would stand over the frame's edge it is moved inwards, so that a crop has no invented pixels. Side and place are even, as videos
 * store colour at half the resolution.
 */
export function squareOf(face: Face, margin: number, width: number, height: number): Square {
  const { x, y, w, h } = boxOf(face);
  const most = Math.min(width, height);
  const side = most < 2 ? most : clampEven(Math.max(w, h) * (1 + margin), 2, most);
  const place = (centre: number, length: number) => clampEven(centre - side / 2, 0, length - side);
  return { x: place(x + w / 2, width), y: place(y + h / 2, height), side, angle: 0 };
}

/** The even number nearest to `value` from `least`, which is even, to `most`. */
function clampEven(value: number, least: number, most: number): number {
  return Math.min(Math.max(2 * Math.round(value / 2), least), most - (most % 2));
}

/**
 * The square around a face turned so that the eyes are level. It is not moved, as it could not stay straight and inside; pixels beyond
 * the frame's edge repeat the edge.
 */
export function alignedSquareOf(face: Face, margin: number): Square {
  const [a, b] = face.eyes!;
  const tilt = Math.atan2(b.y - a.y, b.x - a.x);
  // The box follows from the eyes, so that aligned crops agree in where eyes are.
  const { y, w, h } = boxOf({ eyes: face.eyes! });
  const side = Math.max(1, Math.round(Math.max(w, h) * (1 + margin)));
  // The box's centre lies below the eyes as the face sees it, which is askew in the frame.
  const below = y + h / 2 - (a.y + b.y) / 2;
  const centre = { x: (a.x + b.x) / 2 - below * Math.sin(tilt), y: (a.y + b.y) / 2 + below * Math.cos(tilt) };
  const angle = (tilt * 180) / Math.PI;
  return { x: Math.round(centre.x - side / 2), y: Math.round(centre.y - side / 2), side, angle };
}

/** The part of a frame that a square shows, which is larger than the square when it is turned. */
export function reachOf({ x, y, side, angle }: Square): { x: number; y: number; side: number } {
  if (angle === 0) return { x, y, side };
  const reach = Math.ceil(side * Math.SQRT2) + 4;
  const excess = Math.ceil((reach - side) / 2);
  return { x: x - excess, y: y - excess, side: side + 2 * excess };
}

/** The square's pixels, resized to `size` × `size`. */
export async function cropOf(picture: Picture, square: Square, size: number): Promise<Sharp> {
  const { left, top, width, height, pixels } = picture;
  const { x, y, side, angle } = square;
  const cut = (from: Sharp, at: { left: number; top: number }) =>
    from.extract({ ...at, width: side, height: side }).resize(size, size, { fit: 'fill' });
  if (angle === 0) return cut(imageOf(pixels, width, height), { left: x - left, top: y - top });
  const reach = reachOf(square);
  // Turning enlarges the canvas about the same centre; the square is what remains in its middle.
  const { data, info } = await imageOf(copyClamped(picture, reach), reach.side, reach.side)
    .rotate(-angle)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const middle = (length: number) => Math.round((length - side) / 2);
  return cut(imageOf(data, info.width, info.height), { left: middle(info.width), top: middle(info.height) });
}

/** RGB bytes `[height,width,3]` as an image to work on. */
export function imageOf(pixels: Uint8Array, width: number, height: number): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The bytes of a crop's file. */
export function jpegOf(crop: Sharp): Promise<Buffer> {
  return crop.jpeg(jpeg).toBuffer();
}

/** A square of the frame that may stand over its edges, where the edge's pixels are repeated. */
function copyClamped(picture: Picture, { x, y, side }: { x: number; y: number; side: number }): Uint8Array {
  const { left, top, width, height, pixels } = picture;
  const patch = new Uint8Array(side * side * 3);
  const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  for (let row = 0; row < side; row++) {
    const from = clamp(y + row - top, height) * width;
    for (let column = 0; column < side; column++) {
      const source = (from + clamp(x + column - left, width)) * 3;
      const target = (row * side + column) * 3;
      patch[target] = pixels[source]!;
      patch[target + 1] = pixels[source + 1]!;
      patch[target + 2] = pixels[source + 2]!;
    }
  }
  return patch;
}
