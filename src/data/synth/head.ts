/** Skull, ears, neck and shoulders: where every pixel lies on the head, and its bare skin. */
import type { Identity, Pose } from './identity.js';
import { type Colour, clamp, smoothstep } from './image.js';
import type { Canvas } from './light.js';
import { fractal } from './noise.js';
import { depthRatio, gridX, gridY, headHalfWidth, type Relief, readGrid } from './relief.js';

/** A subject in a pose on a canvas. */
export interface View {
  readonly canvas: Canvas;
  readonly identity: Identity;
  readonly pose: Pose;
  readonly relief: Relief;
  /** Screen position of each pixel with roll and shift undone, head units. */
  readonly screenX: Float32Array;
  readonly screenY: Float32Array;
  /** Position on the front of the head; `headX` is NaN beside it. */
  readonly headX: Float32Array;
  readonly headY: Float32Array;
  /** Half widths of the head at even steps of y from -1.05 to 1.05. */
  readonly profile: Float32Array;
  /** Length of a pixel in head units. */
  readonly pixel: number;
}

export function createView(canvas: Canvas, identity: Identity, pose: Pose, relief: Relief): View {
  const { size } = canvas;
  const screenX = new Float32Array(size * size);
  const screenY = new Float32Array(size * size);
  const cos = Math.cos(pose.roll);
  const sin = Math.sin(pose.roll);
  for (let py = 0; py < size; py++) {
    const v = (((py + 0.5) / size) * 2 - 1) * pose.half - pose.shiftY;
    for (let px = 0; px < size; px++) {
      const u = (((px + 0.5) / size) * 2 - 1) * pose.half - pose.shiftX;
      screenX[py * size + px] = cos * u + sin * v;
      screenY[py * size + px] = cos * v - sin * u;
    }
  }
  const headX = new Float32Array(size * size).fill(Number.NaN);
  const headY = new Float32Array(size * size);
  const profile = Float32Array.from({ length: 401 }, (_, k) => headHalfWidth(identity, -1.05 + (2.1 * k) / 400));
  return { canvas, identity, pose, relief, screenX, screenY, headX, headY, profile, pixel: (2 * pose.half) / size };
}

/** The head's half width at a height, from the view's table. */
export function halfWidthAt(view: View, y: number): number {
  return view.profile[clamp(Math.round(((y + 1.05) / 2.1) * 400), 0, 400)]!;
}

/** Writes one pixel of matt surface. */
export function cover(canvas: Canvas, i: number, colour: Colour, level: number, normal: readonly number[]): void {
  const at = 3 * i;
  const length = Math.sqrt(normal[0]! * normal[0]! + normal[1]! * normal[1]! + normal[2]! * normal[2]!);
  for (let c = 0; c < 3; c++) {
    canvas.albedo[at + c] = Math.max(0, colour[c]! * level);
    canvas.normal[at + c] = normal[c]! / length;
  }
  canvas.gloss[i] = 0;
  canvas.openness[i] = 1;
  canvas.lit[i] = 1;
}

/** Blends a colour over the albedo of a pixel. */
export function tint(canvas: Canvas, i: number, colour: Colour, amount: number): void {
  for (let c = 0; c < 3; c++) canvas.albedo[3 * i + c]! += (colour[c]! - canvas.albedo[3 * i + c]!) * amount;
}

/** Multiplies the albedo of a pixel. */
export function darken(canvas: Canvas, i: number, level: number): void {
  for (let c = 0; c < 3; c++) canvas.albedo[3 * i + c]! *= level;
}

export function paintBody(view: View): void {
  const { canvas, identity, screenX, screenY } = view;
  const { chin, width } = identity.head;
  const neck = width * 0.66;
  for (let i = 0; i < screenX.length; i++) {
    const x = screenX[i]!;
    const y = screenY[i]!;
    if (y < 0.4) continue;
    const shoulder = y - (1.0 + 0.22 * x * x);
    if (shoulder > 0 && (Math.abs(x) > neck * 0.9 || shoulder > 0.06)) {
      const weave = 0.9 + 0.15 * fractal(x * 120, y * 120);
      cover(canvas, i, identity.clothes, weave, [x * 0.5, -0.6, 0.8]);
    } else if (Math.abs(x) < neck) {
      const s = x / neck;
      const level = 0.92 * (1 + 0.05 * fractal(x * 25 + identity.texture[0], y * 25));
      cover(canvas, i, identity.skin, level, [s, 0.1, Math.sqrt(1.02 - s * s)]);
      canvas.lit[i] = smoothstep(chin - 0.05, chin + 0.5, y + 0.25 * Math.abs(s));
      canvas.openness[i] = 0.35 + 0.5 * smoothstep(chin - 0.05, chin + 0.4, y);
    }
  }
}

export function paintEars(view: View): void {
  const { canvas, identity, pose, screenX, screenY } = view;
  const y0 = identity.eyes.y + 0.1;
  const half = headHalfWidth(identity, y0);
  for (const side of [-1, 1]) {
    const x0 = side * (half * Math.cos(pose.yaw) + 0.015) - 0.25 * Math.sin(pose.yaw) * half;
    for (let i = 0; i < screenX.length; i++) {
      const u = (side * (screenX[i]! - x0)) / 0.085;
      const v = (screenY[i]! - y0) / 0.17;
      const lean = u - 0.25 * (0.4 - v);
      const r2 = lean * lean + v * v;
      if (r2 > 1) continue;
      const shell = 0.75 + 0.25 * Math.cos(9 * Math.sqrt(r2));
      cover(canvas, i, identity.skin, shell, [side * (0.5 + 0.4 * lean), 0.4 * v, 0.7]);
      tint(canvas, i, [identity.skin[0], identity.skin[1] * 0.6, identity.skin[2] * 0.55], 0.35 * identity.redness);
      canvas.openness[i] = 0.6 + 0.4 * r2;
    }
  }
}

/** Finds the head under every pixel and paints its skin. */
export function paintSkull(view: View): void {
  const { identity, pose, screenX, screenY, headX, headY, canvas } = view;
  const { profile } = view;
  const steps = profile.length - 1;
  const sinYaw = Math.sin(pose.yaw);
  const cosYaw = Math.cos(pose.yaw);
  const reach = Math.hypot(cosYaw, depthRatio * sinYaw);
  const turn = Math.atan2(depthRatio * sinYaw, cosYaw);
  const sinPitch = Math.sin(pose.pitch);
  const normal = [0, 0, 1];
  for (let i = 0; i < screenX.length; i++) {
    const row = ((screenY[i]! + 1.05) / 2.1) * steps;
    if (row < 1 || row >= steps) continue;
    const k = Math.floor(row);
    const half = profile[k]! + (profile[k + 1]! - profile[k]!) * (row - k);
    const across = screenX[i]! / (half * reach);
    if (half <= 0.02 || Math.abs(across) >= 1) continue;
    const angle = Math.asin(across) - turn;
    const x = half * Math.sin(angle);
    const z = depthRatio * half * Math.cos(angle);
    const y = screenY[i]! - z * sinPitch;
    headX[i] = x;
    headY[i] = y;
    // Gradient of (x/half)² + (z/depth)² - 1, whose half width changes with height.
    const narrowing = ((profile[k + 1]! - profile[k]!) * steps) / 2.1 / half;
    const nx = Math.sin(angle) / half;
    const nz = Math.cos(angle) / (depthRatio * half);
    const ny = -narrowing;
    const gx = gridX(x);
    const gy = gridY(y);
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
    const front = Math.max(0, nz / length);
    const tx = nx / length - readGrid(view.relief.slopeX, gx, gy) * front;
    const ty = ny / length - readGrid(view.relief.slopeY, gx, gy) * front - 0.5 * sinPitch * front;
    normal[0] = tx * cosYaw + front * sinYaw;
    normal[1] = ty;
    normal[2] = Math.max(0.02, front * cosYaw - tx * sinYaw);
    paintSkin(canvas, i, identity, x, y, normal);
    canvas.openness[i] = readGrid(view.relief.openness, gx, gy) * (0.55 + 0.45 * front);
    canvas.lit[i] = readGrid(view.relief.lit, gx, gy);
  }
}

/** Skin with its patches of blood and pigment, and pores that tilt the surface and break its shine. */
function paintSkin(canvas: Canvas, i: number, identity: Identity, x: number, y: number, normal: number[]): void {
  const [ox, oy] = identity.texture;
  const patch = fractal(x * 24 + ox, y * 24 + oy);
  const poreX = fractal(x * 150 + oy, y * 150 + ox);
  const poreY = fractal(y * 150 - ox, x * 150 + oy);
  const rough = 0.06 + 0.05 * identity.age;
  normal[0]! += rough * poreX;
  normal[1]! += rough * poreY;
  const cheek = Math.exp(-(((Math.abs(x) - 0.38) / 0.17) ** 2) - ((y - 0.2) / 0.16) ** 2);
  const nose = Math.exp(-((x / 0.1) ** 2) - ((y - 0.24) / 0.1) ** 2);
  const blood = identity.redness * (0.28 * cheek + 0.22 * nose) + 0.06 * identity.mottling * patch;
  const level = 1 + 0.06 * identity.mottling * patch + 0.035 * poreX;
  const [r, g, b] = identity.skin;
  cover(canvas, i, [r * (1 + 0.05 * blood), g * (1 - 0.55 * blood), b * (1 - 0.5 * blood)], level, normal);
  const zone = Math.exp(-((x / 0.16) ** 2)) * (y < 0.35 ? 1 : 0.4) + 0.35;
  canvas.gloss[i] = 0.16 * identity.oil * zone * Math.max(0.2, 1 + 0.5 * poreY);
}
