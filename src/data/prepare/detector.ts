/** Finds faces where a release ships no annotations: the networks of `@vladmandic/face-api`, which the user may install, in onnxruntime. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, UserError } from '../../base/errors.js';
import { readTfjsWeights } from '../../formats/tfjsWeights.js';
import { type OpenSession, openSession } from '../../onnxruntime/session.js';
import type { Box, Face, Point } from '../sources/source.js';
import { imageOf, type Picture } from './crop.js';
import { anchors, cellSide, detectorNetwork, landmarkNetwork, landmarkSide } from './faceNetworks.js';

const PACKAGE = '@vladmandic/face-api';

/** How to get it. */
export const installDetector = `npm install ${PACKAGE}`;

/** The face of a picture that is taken. */
export interface Detection {
  face: Face;
  /** How sure the network is of it, 0…1. */
  certainty: number;
  /** How many faces were found. */
  faces: number;
}

export interface Detector {
  /** Package, version, networks and runtime, as recipes name it. */
  name: string;
  /** All faces that are found, the most certain first; boxes in the picture's own pixels. */
  find(picture: Picture): Promise<Find[]>;
  /** The face that is taken, in the frame that the picture is part of; `null` when none is found. */
  detect(picture: Picture): Promise<Detection | null>;
}

/**
 * The longer sides, in pixels, at which the network looks at a picture: it knows faces of 25 to 250 pixels, which at 608 may be small and at
 * 192 fill the picture.
 */
const scales = [608, 352, 192];
/** The certainty from which a find counts, as the package has it. */
const leastCertainty = 0.4;
/** Of two boxes that share this part of both together, or this part of the smaller, the more certain stays. */
const sameFace = { ofBoth: 0.3, ofSmaller: 0.6 };

/** A box, and how sure the network is of it. */
export interface Find extends Box {
  certainty: number;
}

/**
 * The detector with its models; `null` when the package is not installed.
 * @throws UserError when it is installed and cannot be used
 */
export async function loadDetector(): Promise<Detector | null> {
  const folder = findPackage();
  if (folder === null) return null;
  try {
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
    const open = async (model: string, network: typeof detectorNetwork) => {
      const weights = await readTfjsWeights(join(folder, 'model', `${model}-weights_manifest.json`));
      // One thread: clips are worked on side by side, and no byte may depend on how many.
      return openSession(network(weights), model, { threads: 1 });
    };
    const boxes = await open('tiny_face_detector_model', detectorNetwork);
    const points = await open('face_landmark_68_model', landmarkNetwork);
    const runtime = boxes.runtime.env.versions.node;
    return {
      name: `${PACKAGE} ${version}, tiny face detector at ${scales.join(', ')}, onnxruntime ${runtime}`,
      find: (picture) => facesIn(boxes, picture),
      detect: (picture) => detect(boxes, points, picture),
    };
  } catch (error) {
    const hint = error instanceof UserError ? error.hint : undefined;
    throw new UserError(
      `the detector in ${folder} cannot be used: ${messageOf(error)}`,
      `${hint ? `${hint}; or ` : ''}go without it: --detector none`,
    );
  }
}

function findPackage(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  } catch {
    return null;
  }
}

async function detect(boxes: OpenSession, points: OpenSession, picture: Picture): Promise<Detection | null> {
  const finds = await facesIn(boxes, picture);
  // Who holds a picture, or stands behind, is smaller than who is presented: of two, half as wide has to be twice as sure.
  const weight = ({ w, h, certainty }: Find) => certainty * Math.sqrt(w * h);
  const [best] = finds.sort((a, b) => weight(b) - weight(a));
  if (!best) return null;
  const { certainty, ...box } = best;
  const { left, top } = picture;
  const moved = ({ x, y }: Point): Point => ({ x: x + left, y: y + top });
  const [a, b] = await eyesIn(points, picture, box);
  const face: Face = { box: { ...box, ...moved(box) }, eyes: [moved(a), moved(b)] };
  return { face, certainty, faces: finds.length };
}

/** The faces of a picture, in its own pixels, the most certain first. */
async function facesIn({ runtime, session }: OpenSession, picture: Picture): Promise<Find[]> {
  let { pixels, width, height } = picture;
  const longer = Math.max(width, height);
  const finds: Find[] = [];
  for (const scale of scales) {
    const part = scale / Math.max(width, height);
    const [w, h] = [Math.max(1, Math.round(width * part)), Math.max(1, Math.round(height * part))];
    // Each scale is made of the one before, which is less work than of the picture.
    pixels = await imageOf(pixels, width, height).resize(w, h, { fit: 'fill', kernel: 'linear' }).raw().toBuffer();
    [width, height] = [w, h];
    const input = padded(pixels, w, h);
    const { cells } = await session.run({ picture: new runtime.Tensor('uint8', input.pixels, input.shape) });
    finds.push(...boxesOf(cells!, longer / scale));
  }
  finds.sort((a, b) => b.certainty - a.certainty);
  const kept: Find[] = [];
  for (const find of finds) if (kept.every((other) => !isSame(other, find))) kept.push(find);
  return kept;
}

/** The picture with black to its right and below it, up to whole cells. */
function padded(pixels: Uint8Array, width: number, height: number): { pixels: Uint8Array; shape: number[] } {
  const whole = (side: number) => Math.ceil(side / cellSide) * cellSide;
  const shape = [1, whole(height), whole(width), 3];
  const canvas = new Uint8Array(3 * whole(width) * whole(height));
  const row = 3 * width;
  for (let y = 0; y < height; y++) canvas.set(pixels.subarray(y * row, (y + 1) * row), 3 * y * whole(width));
  return { pixels: canvas, shape };
}

/** The boxes that count in a picture whose pixels are `scale` of the network's. */
function boxesOf({ data, dims }: InferenceSession.ReturnType[string], scale: number): Find[] {
  const values = data as Float32Array;
  const [rows, columns] = [dims[2]!, dims[3]!];
  const area = rows * columns;
  const finds: Find[] = [];
  anchors.forEach(([width, height], anchor) => {
    for (let cell = 0; cell < area; cell++) {
      const value = (k: number) => values[(5 * anchor + k) * area + cell]!;
      const certainty = sigmoid(value(4));
      if (certainty <= leastCertainty) continue;
      const side = cellSide * scale;
      const [w, h] = [Math.exp(value(2)) * width * side, Math.exp(value(3)) * height * side];
      const x = ((cell % columns) + sigmoid(value(0))) * side - w / 2;
      const y = (Math.floor(cell / columns) + sigmoid(value(1))) * side - h / 2;
      finds.push({ x, y, w, h, certainty });
    }
  });
  return finds;
}

function isSame(a: Box, b: Box): boolean {
  const across = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  if (across <= 0 || down <= 0) return false;
  const [shared, first, second] = [across * down, a.w * a.h, b.w * b.h];
  return shared > sameFace.ofBoth * (first + second - shared) || shared > sameFace.ofSmaller * Math.min(first, second);
}

/**
 * The middles of the eyes, from left to right, in the picture's own pixels: the mean of what the network says of the face and of its mirror
 * image, which on drawn faces halves its bias to one side.
 */
async function eyesIn({ runtime, session }: OpenSession, picture: Picture, box: Box): Promise<[Point, Point]> {
  const { square, toPicture } = await squareWith(picture, box);
  const mirrored = await imageOf(square, landmarkSide, landmarkSide).flop().raw().toBuffer();
  const shape = [2, landmarkSide, landmarkSide, 3];
  const input = new runtime.Tensor('uint8', Buffer.concat([square, mirrored]), shape);
  const { points } = await session.run({ picture: input });
  const values = points!.data as Float32Array;
  const middle = (copy: 0 | 1, eye: 'left' | 'right', axis: 0 | 1) => {
    const own = eyePoints[eye].map((point) => values[2 * (68 * copy + point) + axis]!);
    // The network was taught the numbers of pixels, whose middles lie half a pixel further.
    return (own.reduce((sum, value) => sum + value) / own.length) * landmarkSide + 0.5;
  };
  const eye = (name: 'left' | 'right', other: 'left' | 'right') =>
    toPicture({
      x: (middle(0, name, 0) + landmarkSide - middle(1, other, 0)) / 2,
      y: (middle(0, name, 1) + middle(1, other, 1)) / 2,
    });
  const eyes: [Point, Point] = [eye('left', 'right'), eye('right', 'left')];
  return eyes[0].x <= eyes[1].x ? eyes : [eyes[1], eyes[0]];
}

/** The landmarks around each eye, as the picture shows them. */
const eyePoints = { left: [36, 37, 38, 39, 40, 41], right: [42, 43, 44, 45, 46, 47] };

/** What the landmark network is shown: the box's part of the picture in the middle of a square, black beside it; and the way back. */
async function squareWith({ pixels, width, height }: Picture, { x, y, w, h }: Box) {
  const clamp = (value: number, least: number, most: number) => Math.min(Math.max(Math.round(value), least), most);
  const [left, top] = [clamp(x, 0, width - 1), clamp(y, 0, height - 1)];
  const [right, bottom] = [clamp(x + w, left + 1, width), clamp(y + h, top + 1, height)];
  const scale = landmarkSide / Math.max(right - left, bottom - top);
  const length = (side: number) => Math.max(1, Math.round(side * scale));
  const [across, down] = [length(right - left), length(bottom - top)];
  const [before, above] = [Math.floor((landmarkSide - across) / 2), Math.floor((landmarkSide - down) / 2)];
  const square = await imageOf(pixels, width, height)
    .extract({ left, top, width: right - left, height: bottom - top })
    .resize(across, down, { fit: 'fill', kernel: 'linear' })
    .extend({
      ...{ left: before, right: landmarkSide - across - before, top: above, bottom: landmarkSide - down - above },
      background: { r: 0, g: 0, b: 0 },
    })
    .raw()
    .toBuffer();
  const toPicture = (point: Point): Point => ({
    x: left + (point.x - before) / scale,
    y: top + (point.y - above) / scale,
  });
  return { square, toPicture };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
