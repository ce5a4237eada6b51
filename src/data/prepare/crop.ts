/** Square face crops: where they lie in a frame, and their pixels as JPEG. */
import sharp from 'sharp';
import type { Face } from '../sources/source.js';
import { boxOf } from './faces.js';

/** High enough that the traces of print and screen survive; no chroma subsampling, which would blur colour fringes. */
const jpeg = { quality: 95, chromaSubsampling: '4:4:4' } as const;

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
 * it would stand over the frame's edge it is moved inwards, so that a crop has no invented pixels.
 */
export function squareOf(face: Face, margin: number, width: number, height: number): Square {
  const { x, y, w, h } = boxOf(face);
  const side = Math.max(1, Math.min(Math.round(Math.max(w, h) * (1 + margin)), width, height));
  const place = (centre: number, length: number) => Math.min(Math.max(Math.round(centre - side / 2), 0), length - side);
  return { x: place(x + w / 2, width), y: place(y + h / 2, height), side, angle: 0 };
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

/** The square's pixels, resized to `size` × `size`, as JPEG. */
export async function cropJpeg(picture: Picture, square: Square, size: number): Promise<Buffer> {
  const { left, top, width, height, pixels } = picture;
  if (square.angle === 0) {
    return sharp(pixels, { raw: { width, height, channels: 3 } })
      .extract({ left: square.x - left, top: square.y - top, width: square.side, height: square.side })
      .resize(size, size, { fit: 'fill' })
      .jpeg(jpeg)
      .toBuffer();
  }
  const reach = reachOf(square);
  const patch = copyClamped(picture, reach);
  // Turning enlarges the canvas about the same centre; the square is what remains in its middle.
  const turned = await sharp(patch, { raw: { width: reach.side, height: reach.side, channels: 3 } })
    .rotate(-square.angle)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width: w, height: h, channels } = turned.info;
  return sharp(turned.data, { raw: { width: w, height: h, channels } })
    .extract({
      left: Math.round((w - square.side) / 2),
      top: Math.round((h - square.side) / 2),
      width: square.side,
      height: square.side,
    })
    .resize(size, size, { fit: 'fill' })
    .jpeg(jpeg)
    .toBuffer();
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
