/** What falls on a scene, and how a painted surface answers it. */
import type { Philox } from '../../engine/random.js';
import type { Colour } from './image.js';
import { betweenOf, type Range } from './range.js';

export interface Light {
  /** Unit vector from the scene to the key light; x right, y down, z to the camera. */
  readonly direction: readonly [number, number, number];
  /** Irradiance of the key light, and of what the room returns from above and from below. */
  readonly key: Colour;
  readonly sky: Colour;
  readonly ground: Colour;
}

/** A range of lights that a domain's visits draw from. */
export interface LightStyle {
  /** Mean direction to the key light and how far it wanders. */
  readonly from: readonly [number, number, number];
  readonly wander: number;
  readonly colour: Colour;
  /** Irradiance of the key light and of the room, `[least, most]`. */
  readonly key: Range;
  readonly room: Range;
}

export function drawLight(style: LightStyle, random: Philox): Light {
  const [x, y, z] = style.from.map((v) => v + style.wander * random.normal()) as [number, number, number];
  const depth = Math.max(0.35, z);
  const length = Math.hypot(x, y, depth);
  const between = betweenOf(random);
  const key = between(...style.key);
  const sky = between(...style.room);
  const [r, g, b] = style.colour;
  return {
    direction: [x / length, y / length, depth / length],
    key: [r * key, g * key, b * key],
    sky: [sky * (0.5 + 0.5 * r), sky * (0.5 + 0.5 * g), sky * (0.5 + 0.5 * b)],
    ground: [0.55 * sky * r, 0.5 * sky * g, 0.45 * sky * b],
  };
}

/** Surfaces waiting for light, `[size, size]` each; three values a pixel for albedo and normal. */
export interface Canvas {
  readonly size: number;
  readonly albedo: Float32Array;
  /** Unit normals in screen axes; all zero marks a pixel whose albedo already is its radiance. */
  readonly normal: Float32Array;
  readonly gloss: Float32Array;
  /** 1 in the open, towards 0 in hollows (weakens the room's light) and in cast shadow (weakens the key light). */
  readonly openness: Float32Array;
  readonly lit: Float32Array;
}

export function createCanvas(size: number): Canvas {
  const n = size * size;
  return {
    size,
    albedo: new Float32Array(3 * n),
    normal: new Float32Array(3 * n),
    gloss: new Float32Array(n),
    openness: new Float32Array(n).fill(1),
    lit: new Float32Array(n).fill(1),
  };
}

/** How far light wraps round a curve by travelling under the skin: most in red. */
const wrap: Colour = [0.22, 0.1, 0.07];

/** Radiance `[size, size, 3]` of a canvas: wrapped Lambert for the key light, hemisphere for the room, Blinn-Phong gloss. */
export function shade(canvas: Canvas, light: Light): Float32Array {
  const { size, albedo, normal, gloss, openness, lit } = canvas;
  const [lx, ly, lz] = light.direction;
  const halfLength = Math.hypot(lx, ly, lz + 1);
  const hx = lx / halfLength;
  const hy = ly / halfLength;
  const hz = (lz + 1) / halfLength;
  const out = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++) {
    const at = 3 * i;
    const nx = normal[at]!;
    const ny = normal[at + 1]!;
    const nz = normal[at + 2]!;
    if (nx === 0 && ny === 0 && nz === 0) {
      out.set(albedo.subarray(at, at + 3), at);
      continue;
    }
    const facing = nx * lx + ny * ly + nz * lz;
    const mirror = Math.max(0, nx * hx + ny * hy + nz * hz) ** 2;
    const m4 = mirror * mirror;
    const m8 = m4 * m4;
    const shine = gloss[i]! * lit[i]! * m8 * m4 * (0.35 + 0.65 * m8 * m8);
    const up = 0.5 - 0.5 * ny;
    for (let c = 0; c < 3; c++) {
      const w = wrap[c]!;
      const direct = Math.max(0, (facing + w) / (1 + w)) * lit[i]! * light.key[c]!;
      const room = (light.ground[c]! + (light.sky[c]! - light.ground[c]!) * up) * openness[i]!;
      out[at + c] = albedo[at + c]! * (direct + room) + shine * light.key[c]!;
    }
  }
  return out;
}
