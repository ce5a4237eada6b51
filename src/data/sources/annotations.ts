/** The text formats in which releases say where faces are: one row a frame, numbers between commas or blanks. */
import type { Box, Face, Point } from './source.js';

/** Replay-Attack and CASIA-FASD: `frame x y w h`. A frame without a face is left out or has a box of no size. */
export function parseBoxes(text: string): Map<number, Face> {
  return parseRows(text, 5, ([x, y, w, h]) => boxFace({ x: x!, y: y!, w: w!, h: h! }));
}

/** OULU-NPU: `frame,x_right,y_right,x_left,y_left`, the subject's right eye being on the left of the picture. */
export function parseEyes(text: string): Map<number, Face> {
  return parseRows(text, 5, ([xRight, yRight, xLeft, yLeft]) => {
    const eyes = eyesOf({ x: xRight!, y: yRight! }, { x: xLeft!, y: yLeft! });
    return eyes ? { eyes } : null;
  });
}

/** MSU-MFSD: `frame,left,top,right,bottom,left_eye_x,left_eye_y,right_eye_x,right_eye_y`. */
export function parseCorners(text: string): Map<number, Face> {
  return parseRows(text, 5, ([left, top, right, bottom, xLeft, yLeft, xRight, yRight]) => {
    const face = boxFace({ x: left!, y: top!, w: right! - left!, h: bottom! - top! });
    if (!face || yRight === undefined) return face;
    // Which eye the release calls left is not documented; in the picture one of them is.
    const [a, b] = [
      { x: xLeft!, y: yLeft! },
      { x: xRight!, y: yRight },
    ];
    const eyes = a.x < b.x ? eyesOf(a, b) : eyesOf(b, a);
    return eyes ? { ...face, eyes } : face;
  });
}

/** SiW: `left top right bottom`, the n-th row being of the n-th frame; zeros where no face was found. */
export function parseRectangles(text: string): Map<number, Face> {
  const rows = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  // Rows may stand between brackets, as the release's own page has them.
  return parseCorners(rows.map((row, frame) => `${frame} ${row.replace(/[[\]]/g, ' ').trim()}`).join('\n'));
}

/** CelebA-Spoof: one row `x y w h score` for the one frame there is. */
export function parseBox(text: string): Map<number, Face> {
  return parseBoxes(`0 ${text.trim().split(/\r|\n/)[0]!}`);
}

/** WFAS: points `x y` a line: upper left and lower right of the box, then left and right eye, nose and corners of the mouth. */
export function parsePoints(text: string): Map<number, Face> {
  const rows = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  const points = rows.map((row) =>
    row
      .trim()
      .split(/[\s,;]+/)
      .slice(0, 2)
      .map(Number),
  );
  if (points.length < 2 || points.some((point) => point.length < 2 || !point.every(Number.isFinite))) return new Map();
  const [[left, top], [right, bottom], a, b] = points as [number[], number[], number[]?, number[]?];
  return parseCorners([0, left, top, right, bottom, ...(a && b ? [...a, ...b] : [])].join(' '));
}

/** Rows that do not start with a whole number (headings, blank lines) or are too short say nothing. */
function parseRows(text: string, width: number, toFace: (values: number[]) => Face | null): Map<number, Face> {
  const faces = new Map<number, Face>();
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [frame, ...values] = line
      .trim()
      .split(/[\s,;]+/)
      .map((field) => (field === '' ? Number.NaN : Number(field)));
    if (!Number.isInteger(frame) || frame! < 0) continue;
    if (values.length < width - 1 || !values.every(Number.isFinite)) continue;
    const face = toFace(values);
    if (face) faces.set(frame!, face);
  }
  return faces;
}

function boxFace(box: Box): Face | null {
  return box.w > 0 && box.h > 0 ? { box } : null;
}

/** Two eyes at one place are no eyes; zeros stand for "not found". */
export function eyesOf(first: Point, second: Point): readonly [Point, Point] | null {
  return first.x === second.x && first.y === second.y ? null : [first, second];
}
