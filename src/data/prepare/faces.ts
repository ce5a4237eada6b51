/** From what a release says of faces to one face a wanted frame, by rules that are stated here. */
import type { Box, Face, Point } from '../sources/source.js';

/** Where a face comes from: the release, the release's neighbouring frames, or the detector; `whole`: the picture is one. */
export type FaceOrigin = 'annotation' | 'interpolated' | 'nearest' | 'detector' | 'whole';

export interface FoundFace {
  face: Face;
  origin: FaceOrigin;
  /** Of the detector: how sure it is, 0…1, and how many faces there are in the frame. */
  certainty?: number;
  faces?: number;
}

/** A frame further than this from every annotated frame has no face: a second of film, in which a head moves far. */
export const farthestNeighbour = 30;

/**
 * Proportions of a face in units of the distance between the eyes (63 mm in adults): 140 mm across the cheekbones, 185 mm from the
 * hairline to the chin, the eyes two fifths of the way down.
 */
const eyeUnits = { width: 2.2, height: 2.9, eyesAt: 0.4 };

/**
 * The face in frame `frame`. Annotated frames are taken as they are. Between two annotated frames the face moves in a straight
 * line; before the first and after the last it stays where the nearest one has it. No frame is filled from farther than
 * `farthestNeighbour` frames away.
 * @param faces by frame, for one video
 */
export function faceAt(faces: ReadonlyMap<number, Face>, frame: number): FoundFace | null {
  const exact = faces.get(frame);
  if (exact) return { face: exact, origin: 'annotation' };
  let before = Number.NEGATIVE_INFINITY;
  let after = Number.POSITIVE_INFINITY;
  for (const annotated of faces.keys()) {
    if (annotated < frame) before = Math.max(before, annotated);
    else after = Math.min(after, annotated);
  }
  if (Math.min(frame - before, after - frame) > farthestNeighbour) return null;
  if (before === Number.NEGATIVE_INFINITY) return { face: faces.get(after)!, origin: 'nearest' };
  if (after === Number.POSITIVE_INFINITY) return { face: faces.get(before)!, origin: 'nearest' };
  const face = between(faces.get(before)!, faces.get(after)!, (frame - before) / (after - before));
  return { face, origin: 'interpolated' };
}

/** What both neighbours say, at `t` of the way from `a` to `b`; where they have nothing in common, the nearer one. */
function between(a: Face, b: Face, t: number): Face {
  const mix = (from: number, to: number) => from + (to - from) * t;
  const point = (from: Point, to: Point) => ({ x: mix(from.x, to.x), y: mix(from.y, to.y) });
  const face: Face = {};
  if (a.box && b.box) face.box = { ...point(a.box, b.box), w: mix(a.box.w, b.box.w), h: mix(a.box.h, b.box.h) };
  if (a.eyes && b.eyes) face.eyes = [point(a.eyes[0], b.eyes[0]), point(a.eyes[1], b.eyes[1])];
  if (face.box || face.eyes) return face;
  return t < 0.5 ? a : b;
}

/** The box of a face, derived from the eyes where the release has no box. */
export function boxOf(face: Face): Box {
  if (face.box) return face.box;
  const [a, b] = face.eyes!;
  const distance = Math.hypot(b.x - a.x, b.y - a.y);
  const w = eyeUnits.width * distance;
  const h = eyeUnits.height * distance;
  return { x: (a.x + b.x) / 2 - w / 2, y: (a.y + b.y) / 2 - eyeUnits.eyesAt * h, w, h };
}

/** The face in a picture that is `sx` times as wide and `sy` times as high. */
export function scaleFace({ box, eyes }: Face, sx: number, sy: number): Face {
  const point = ({ x, y }: Point) => ({ x: x * sx, y: y * sy });
  const scaled: Face = {};
  if (box) scaled.box = { ...point(box), w: box.w * sx, h: box.h * sy };
  if (eyes) scaled.eyes = [point(eyes[0]), point(eyes[1])];
  return scaled;
}

/** The face after its frame of `width` × `height` is turned by 180°. */
export function turnOver(face: Face, width: number, height: number): Face {
  const turned: Face = {};
  if (face.box) {
    const { x, y, w, h } = face.box;
    turned.box = { x: width - x - w, y: height - y - h, w, h };
  }
  if (face.eyes) {
    const point = ({ x, y }: Point) => ({ x: width - x, y: height - y });
    turned.eyes = [point(face.eyes[1]), point(face.eyes[0])];
  }
  return turned;
}

/** Whether the annotations were made on an upside-down picture: most of their eyes lie in the lower half of their box. */
export function isOverturned(faces: Iterable<Face>): boolean {
  let votes = 0;
  for (const { box, eyes } of faces) {
    if (!box || !eyes) continue;
    votes += (eyes[0].y + eyes[1].y) / 2 > box.y + box.h / 2 ? 1 : -1;
  }
  return votes > 0;
}

/** What shows less of a face than this, in pixels across or down, is none: a crop of it would be made up of a few pixels. */
export const smallestFace = 16;

/** Whether a frame of `width` × `height` shows enough of a box: it may be small, or lie outside in part or altogether. */
export function showsFace({ x, y, w, h }: Box, width: number, height: number): boolean {
  const across = Math.min(x + w, width) - Math.max(x, 0);
  const down = Math.min(y + h, height) - Math.max(y, 0);
  return Math.min(across, down) >= smallestFace;
}

/**
 * Whether a box, as x, y, width and height, is too far from where it was in the wanted frame before, or too different in size, to be the
 * same face a moment later: its middle has moved by more than its width, or it is more than 1.6 times as wide.
 */
export function jumps(before: readonly number[], after: readonly number[]): boolean {
  const [x0, y0, w0, h0] = before as Four;
  const [x1, y1, w1, h1] = after as Four;
  const way = Math.hypot(x1 + w1 / 2 - x0 - w0 / 2, y1 + h1 / 2 - y0 - h0 / 2);
  return way > Math.max(w0, w1) || Math.max(w0, w1) > 1.6 * Math.min(w0, w1);
}

type Four = [number, number, number, number];
