/** Drawn people before a drawn room, at a known size, place and pose, with the middles of their eyes: what a face detector is tried on. */

import type { Point } from '../../../src/data/sources/source.js';
import { drawBackdrop } from '../../../src/data/synth/backdrop.js';
import { domains } from '../../../src/data/synth/domains.js';
import { renderFace } from '../../../src/data/synth/face.js';
import { drawIdentity, drawPose, type Identity, type Pose } from '../../../src/data/synth/identity.js';
import { drawLight } from '../../../src/data/synth/light.js';
import { depthRatio, headHalfWidth } from '../../../src/data/synth/relief.js';
import { Philox, purposes } from '../../../src/engine/random.js';

export interface ScenePlan {
  /** Height of the head as a part of the picture's. */
  share: number;
  /** Radians by which the head is turned aside and tilted, beside a small drawn pose. */
  yaw?: number;
  roll?: number;
}

export interface Scene {
  width: number;
  height: number;
  /** RGB bytes [height,width,3]. */
  pixels: Uint8Array;
  /** Middles of the two eyes' openings, from left to right. */
  eyes: [Point, Point];
  /** Height of the head in pixels. */
  head: number;
}

const [width, height] = [640, 480];

export function drawScene(seed: number, { share, yaw = 0, roll = 0 }: ScenePlan): Scene {
  const random = new Philox(seed, purposes.synth, 2 ** 50);
  const { light, backdrop } = domains[seed % domains.length]!;
  const identity = drawIdentity(random);
  const drawn = drawPose(random);
  // A head is two units high.
  const unit = (share * height) / 2;
  const pose: Pose = {
    ...drawn,
    yaw: drawn.yaw + yaw,
    roll: drawn.roll + roll,
    half: width / 2 / unit,
    shiftX: (width * (0.3 + 0.4 * random.uniform()) - width / 2) / unit,
    shiftY: (height * (0.4 + 0.2 * random.uniform()) - width / 2) / unit,
  };
  const lit = drawLight(light, random);
  const { data } = renderFace(width, identity, pose, lit, drawBackdrop(backdrop, random));
  // Exposed as a camera does it, by what is in the picture, which is the upper part of the square.
  const scene = data.subarray(0, 3 * width * height);
  const gain = (0.25 * scene.length) / scene.reduce((sum, value) => sum + value);
  const pixels = Uint8Array.from(scene, (value) => Math.round(255 * Math.min(1, value * gain) ** (1 / 2.2)));
  return { width, height, pixels, eyes: [eyeIn(identity, pose, -1), eyeIn(identity, pose, 1)], head: share * height };
}

/** Where the skull's own coordinates put the middle of an eye's six landmarks: its corners, and a third of the way along both lids. */
function eyeIn({ eyes, ...identity }: Identity, pose: Pose, side: -1 | 1): Point {
  const arc = 1 - (1 / 3) ** 2.2;
  const lids = (eyes.open * (0.62 * arc - 1.35 * pose.lids * arc ** 0.75)) / 3;
  const [x, y] = [side * eyes.x, eyes.y + eyes.width * lids];
  const half = headHalfWidth({ eyes, ...identity }, y);
  const z = depthRatio * half * Math.cos(Math.asin(x / half));
  const [u, v] = [x * Math.cos(pose.yaw) + z * Math.sin(pose.yaw), y + z * Math.sin(pose.pitch)];
  const [cos, sin] = [Math.cos(pose.roll), Math.sin(pose.roll)];
  const place = (value: number) => ((value / pose.half + 1) / 2) * width;
  return { x: place(cos * u - sin * v + pose.shiftX), y: place(sin * u + cos * v + pose.shiftY) };
}

/** Whether a box is of the face in the scene: the middle between the eyes is in its upper part, and it is about as large. */
export function isOfScene({ eyes, head }: Scene, box: { x: number; y: number; w: number; h: number }): boolean {
  const [x, y] = [(eyes[0].x + eyes[1].x) / 2, (eyes[0].y + eyes[1].y) / 2];
  const [u, v] = [(x - box.x) / box.w, (y - box.y) / box.h];
  return u > 0 && u < 1 && v > -0.1 && v < 0.7 && box.w > 0.35 * head && box.w < 1.6 * head;
}
