/** What stands behind a face or around a sheet of paper: a wall, its pattern, and blurred things before it. */
import type { Philox } from '../../engine/random.js';
import { type Colour, mixColour, smoothstep } from './image.js';
import type { Canvas, Light } from './light.js';
import { fractal } from './noise.js';
import { type Between, betweenOf } from './range.js';

/** A range of walls and clutter that a domain's videos draw from. */
export interface BackdropStyle {
  readonly walls: readonly Colour[];
  /** Weight of the wall's own texture. */
  readonly texture: number;
  /** Largest number of things in view. */
  readonly things: number;
}

export interface Backdrop {
  readonly wall: Colour;
  readonly far: Colour;
  readonly angle: number;
  readonly texture: number;
  readonly offset: readonly [number, number];
  readonly things: readonly { x: number; y: number; w: number; h: number; soft: number; colour: Colour }[];
}

export function drawBackdrop(style: BackdropStyle, random: Philox): Backdrop {
  const between = betweenOf(random);
  const wall = style.walls[random.int(style.walls.length)]!;
  const level = between(0.4, 1.4);
  return {
    wall,
    far: [wall[0] * level * between(0.9, 1.1), wall[1] * level, wall[2] * level * between(0.9, 1.1)],
    angle: between(0, 2 * Math.PI),
    texture: style.texture * between(0.5, 1.5),
    offset: [between(0, 512), between(0, 512)],
    things: Array.from({ length: random.int(style.things + 1) }, () => ({
      x: between(-1.2, 1.2),
      y: between(-1.2, 1),
      w: between(0.1, 0.5),
      h: between(0.15, 0.9),
      soft: between(0.02, 0.12),
      colour: thingColour(wall, between),
    })),
  };
}

/** Mostly grey, seldom loud. */
function thingColour(wall: Colour, between: Between): Colour {
  const grey = between(0.02, 0.7);
  const hue = () => grey * between(0.7, 1.3);
  return mixColour(wall, [hue(), hue(), hue()], between(0.3, 0.95));
}

/** Fills the canvas with the backdrop's radiance. */
export function paintBackdrop(canvas: Canvas, backdrop: Backdrop, light: Light): void {
  const { size, albedo } = canvas;
  const { wall, far, things, texture, offset } = backdrop;
  const dx = Math.cos(backdrop.angle) / 2;
  const dy = Math.sin(backdrop.angle) / 2;
  const glow = [0, 1, 2].map((c) => 0.45 * light.key[c]! + 0.5 * light.sky[c]!) as [number, number, number];
  const colour = new Float32Array(3);
  for (let py = 0; py < size; py++) {
    const y = ((py + 0.5) / size) * 2 - 1;
    for (let px = 0; px < size; px++) {
      const x = ((px + 0.5) / size) * 2 - 1;
      const t = smoothstep(-0.8, 0.8, x * dx + y * dy);
      for (let c = 0; c < 3; c++) colour[c] = wall[c]! + (far[c]! - wall[c]!) * t;
      for (const thing of things) {
        const edge = Math.max(Math.abs(x - thing.x) - thing.w, Math.abs(y - thing.y) - thing.h);
        if (edge > thing.soft) continue;
        const cover = 1 - smoothstep(-thing.soft, thing.soft, edge);
        for (let c = 0; c < 3; c++) colour[c]! += (thing.colour[c]! - colour[c]!) * cover;
      }
      const grain = 1 + texture * fractal(x * 60 + offset[0], y * 60 + offset[1]);
      const at = 3 * (py * size + px);
      for (let c = 0; c < 3; c++) albedo[at + c] = Math.max(0, colour[c]! * grain * glow[c]!);
    }
  }
}
