/** Eyes, brows, nostrils, mouth and marks, painted where the skull has laid out the head's own coordinates. */

import { cover, darken, tint, type View } from './head.js';
import { type Colour, clamp, mixColour, smoothstep } from './image.js';
import { fractal } from './noise.js';

export function paintFeatures(view: View): void {
  const { identity, headX, headY } = view;
  for (let i = 0; i < headX.length; i++) {
    const x = headX[i]!;
    if (Number.isNaN(x)) continue;
    const y = headY[i]!;
    paintFolds(view, i, x, y);
    if (Math.abs(y - identity.eyes.y) < 0.2) paintEye(view, i, x, y);
    if (Math.abs(y - identity.brows.y) < 0.14) paintBrow(view, i, x, y);
    paintNostril(view, i, x, y);
    if (Math.abs(y - identity.mouth.y) < 0.2 && Math.abs(x) < 0.4) paintMouth(view, i, x, y);
    for (const mole of identity.moles) {
      const distance = Math.sqrt((x - mole.x) ** 2 + (y - mole.y) ** 2);
      if (distance < mole.radius * 1.5)
        darken(view.canvas, i, 0.45 + 0.55 * smoothstep(0.5, 1.5, distance / mole.radius));
    }
  }
}

function paintFolds(view: View, i: number, x: number, y: number): void {
  const { identity, canvas, pose } = view;
  const { eyes, mouth, age } = identity;
  const side = Math.abs(x);
  const t = clamp((y - 0.3) / (mouth.y + 0.04 - 0.3), 0, 1);
  const crease = (side - (identity.nose.width + 0.05 + 0.14 * t)) / 0.022;
  const depth = (0.12 + 0.25 * age + 0.2 * Math.max(0, pose.smile)) * Math.sin(Math.PI * t);
  let level = 1 - depth * Math.exp(-crease * crease);
  const bag = ((side - eyes.x) / 0.1) ** 2 + ((y - eyes.y - 0.085) / 0.022) ** 2;
  level *= 1 - (0.08 + 0.16 * age) * Math.exp(-bag);
  if (y < -0.3 && y > -0.62 && age > 0.3) {
    const line = Math.cos((y + 0.02 * fractal(x * 12, y * 4)) * 70) ** 8;
    level *= 1 - 0.22 * (age - 0.3) * line * Math.exp(-((x / 0.3) ** 4));
  }
  if (level < 0.998) darken(canvas, i, level);
}

function paintEye(view: View, i: number, x: number, y: number): void {
  const { identity, pose, canvas } = view;
  const { eyes } = identity;
  const side = x < 0 ? -1 : 1;
  const soft = Math.max(0.06, view.pixel / eyes.width);
  const u = (Math.abs(x) - eyes.x) / eyes.width;
  const v = (y - eyes.y) / eyes.width + eyes.tilt * u;
  if (Math.abs(u) > 1.5 || Math.abs(v) > 1.2) return;
  const arc = Math.max(0, 1 - Math.abs(u) ** 2.2);
  const upper = -eyes.open * pose.lids * 1.35 * arc ** 0.75 * (1 - 0.12 * u);
  const lower = eyes.open * 0.62 * arc;
  const inside = smoothstep(-soft, soft, Math.min(v - upper, lower - v)) * smoothstep(1.02, 0.98, Math.abs(u));
  if (inside > 0.01) paintEyeball(view, i, { u: u * side, v, upper, inside });
  // Lashes along the upper lid, thicker outwards; a crease above; a moist rim below.
  const within = smoothstep(1.15, 0.95, Math.abs(u));
  const lash = Math.exp(-(((v - upper) / (0.085 + 0.04 * u)) ** 2)) * within;
  const rim = Math.exp(-(((v - lower) / 0.06) ** 2)) * within * 0.35;
  const fold = Math.exp(-(((v - upper + 0.16 + eyes.fold) / 0.08) ** 2)) * within * 0.45;
  darken(canvas, i, (1 - 0.88 * lash) * (1 - rim) * (1 - fold));
}

interface EyePoint {
  u: number;
  v: number;
  upper: number;
  /** Share of the pixel that shows the eye. */
  inside: number;
}

function paintEyeball(view: View, i: number, { u, v, upper, inside }: EyePoint): void {
  const { identity, pose, canvas } = view;
  const skin: Colour = [canvas.albedo[3 * i]!, canvas.albedo[3 * i + 1]!, canvas.albedo[3 * i + 2]!];
  const du = u - clamp(pose.gazeX - pose.yaw * 0.6, -0.35, 0.35);
  const dv = v - clamp(pose.gazeY, -0.15, 0.15) + 0.06;
  const r = Math.sqrt(du * du + dv * dv);
  const veins = 0.03 * fractal(u * 30 + identity.texture[0], v * 30);
  // The white of the eye follows the skin a little, as it does in faces.
  const white = 0.3 + 0.25 * Math.min(1, identity.skin[0] / 0.8);
  let colour: Colour = [white, white * 0.91 - veins, white * 0.86 - veins];
  if (r < 0.5) {
    const rays = 0.75 + 0.3 * fractal(Math.atan2(dv, du) * 14 + identity.texture[1], r * 8);
    const level = rays * (0.55 + 1.1 * smoothstep(0.15, 0.4, r)) * (1 - 0.75 * smoothstep(0.36, 0.46, r));
    const [ir, ig, ib] = identity.eyes.iris;
    const iris: Colour = [ir * level, ig * level, ib * level];
    const dark: Colour = [0.004, 0.004, 0.005];
    colour = mixColour(mixColour(dark, iris, smoothstep(0.15, 0.2, r)), colour, smoothstep(0.42, 0.5, r));
  }
  const shadow = 0.35 + 0.65 * smoothstep(0, 0.28, v - upper);
  colour = mixColour(skin, [colour[0] * shadow, colour[1] * shadow, colour[2] * shadow], inside);
  cover(canvas, i, colour, 1 - 0.2 * u * u, [0.35 * u, 0.35 * v - 0.05, 1]);
  canvas.openness[i] = 0.8;
  canvas.gloss[i] = 0.03;
  const glint = Math.hypot(du + 0.13, dv + 0.14);
  if (glint < 0.11) tint(canvas, i, [0.95, 0.95, 1], inside * (1 - smoothstep(0.04, 0.11, glint)));
}

function paintBrow(view: View, i: number, x: number, y: number): void {
  const { identity, canvas } = view;
  const { brows, hair } = identity;
  const u = (Math.abs(x) - 0.1) / 0.36;
  if (u < -0.05 || u > 1.05) return;
  const centre = brows.y + 0.02 - brows.arch * Math.sin(Math.PI * (0.15 + 0.75 * u)) + 0.05 * u * u;
  const thickness = brows.thickness * (1 - 0.75 * u * u * Math.abs(u)) * smoothstep(-0.05, 0.12, u);
  const hairs = fractal(Math.abs(x) * 90 - y * 70, y * 20 + identity.texture[0]);
  const amount =
    smoothstep(1.25, 0.5, Math.abs(y - centre) / (thickness + 1e-4) - 0.25 * hairs) * smoothstep(1.05, 0.8, u);
  const [r, g, b] = hair.colour;
  tint(canvas, i, [r * 0.6 + 0.01, g * 0.6 + 0.008, b * 0.6 + 0.006], amount * clamp(0.75 + 0.15 * hairs, 0, 0.95));
  canvas.gloss[i]! *= 1 - amount;
}

function paintNostril(view: View, i: number, x: number, y: number): void {
  const { identity, canvas } = view;
  const { eyes, nose } = identity;
  const tipY = eyes.y + nose.length + 0.03;
  const u = (Math.abs(x) - nose.width * 0.55) / (nose.width * 0.36);
  const v = (y - tipY - 0.062 + 0.014 * u) / 0.02;
  const hole = u * u + v * v;
  if (hole < 3) darken(canvas, i, 1 - 0.85 * Math.exp(-(hole ** 1.5)));
  const wing = Math.sqrt((Math.abs(x) - nose.width) ** 2 + (y - tipY - 0.035) ** 2) / 0.05;
  if (Math.abs(x) > nose.width && wing < 1.6) darken(canvas, i, 1 - 0.22 * Math.exp(-(((wing - 1) / 0.25) ** 2)));
}

function paintMouth(view: View, i: number, x: number, y: number): void {
  const { identity, pose, canvas } = view;
  const { mouth, skin, redness } = identity;
  const u = x / (mouth.width * (1 + 0.14 * pose.smile));
  if (Math.abs(u) > 1.15) return;
  const arc = Math.max(0, 1 - u * u);
  const open = pose.mouthOpen + 0.012 * Math.max(0, pose.smile);
  const line = mouth.y - 0.055 * pose.smile * u * u + 0.006 * Math.cos(9 * u) * arc;
  const bow = 1 - 0.4 * Math.exp(-((u / 0.13) ** 2)) + 0.15 * Math.exp(-(((Math.abs(u) - 0.3) / 0.15) ** 2));
  const top = line - open * 0.5 * arc - mouth.upper * arc ** 0.8 * bow;
  const bottom = line + open * 0.5 * arc + mouth.lower * arc ** 0.7;
  const soft = Math.max(0.012, view.pixel);
  const lips = smoothstep(-soft, soft, Math.min(y - top, bottom - y)) * smoothstep(1.03, 0.9, Math.abs(u));
  const wrinkle = fractal(x * 130 + identity.texture[0], y * 25);
  const full: Colour = [skin[0] * 0.82, skin[1] * (0.62 - 0.15 * redness), skin[2] * (0.68 - 0.12 * redness)];
  tint(canvas, i, full, 0.8 * lips);
  darken(canvas, i, 1 + 0.06 * wrinkle * lips - (y < line ? 0.16 : 0) * lips);
  if (y > line) canvas.gloss[i] = canvas.gloss[i]! * (1 - lips) + lips * (0.07 + 0.04 * Math.max(0, wrinkle));
  const gap = Math.abs(y - line) - open * 0.5 * arc;
  if (open * arc > 0.02 && gap < 0) {
    const teeth = smoothstep(0.3, 0, (y - line + open * 0.5 * arc) / (open * arc) - 0.35) * (1 - u * u);
    tint(canvas, i, mixColour([0.03, 0.008, 0.008], [0.5, 0.47, 0.4], teeth), smoothstep(0, soft, -gap));
    canvas.openness[i]! *= 0.7;
  }
  const seam = Math.exp(-((Math.max(0, gap) / 0.011) ** 2)) * smoothstep(1.12, 0.95, Math.abs(u));
  if (gap >= 0) darken(canvas, i, 1 - 0.72 * seam);
}
