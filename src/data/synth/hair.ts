/** Hair behind and before the head, beard and glasses. */

import { cover, darken, halfWidthAt, tint, type View } from './head.js';
import { type Colour, clamp, smoothstep } from './image.js';
import { fractal } from './noise.js';

/** The volume of hair that stands out beyond the skull, and what falls behind the shoulders. Painted before body and skull. */
export function paintBackHair(view: View): void {
  const { identity, screenX, screenY, pose } = view;
  const { style, volume } = identity.hair;
  if (style === 'shaved') return;
  const lowest = style === 'long' ? 2 : 0.12;
  const thick = style === 'receding' ? volume * 0.4 : style === 'long' ? volume + 0.05 : volume;
  for (let i = 0; i < screenX.length; i++) {
    const x = screenX[i]! + 0.12 * pose.yaw;
    const y = screenY[i]!;
    if (y > lowest || y < -1.3) continue;
    const edge = 0.025 * fractal(x * 30 + identity.texture[0], y * 30 + identity.texture[1]);
    const fall = 1 + 0.06 * identity.hair.wave * Math.sin(6 * y);
    const at = y < -0.12 ? (y + 0.12) / (1 + thick * 1.1) - 0.12 : style === 'long' ? -0.12 : y;
    const skull = halfWidthAt(view, at);
    const body = thick * 0.8 * (style === 'long' ? 1 : smoothstep(0.08, -0.25, y));
    const half = (skull + body) * (y > 0 ? fall : 1) + edge;
    if (skull > 0 && Math.abs(x) < half) paintStrand(view, i, style === 'long' && y > 0.1 ? 0.7 : 1);
  }
}

/** Hair that lies on the skull. Painted after the face. */
export function paintFrontHair(view: View): void {
  const { identity, headX, headY, canvas } = view;
  const { style } = identity.hair;
  for (let i = 0; i < headX.length; i++) {
    const x = headX[i]!;
    if (Number.isNaN(x)) continue;
    const y = headY[i]!;
    const edge = hairEdge(view, x, y);
    if (style === 'shaved') {
      const stubble = 0.5 + 0.2 * fractal(x * 220, y * 220);
      tint(canvas, i, identity.hair.colour, clamp(stubble, 0, 0.8) * smoothstep(0.03, -0.08, y - edge) * 0.6);
    } else if (y < edge) {
      paintStrand(view, i, 0.75 + 0.25 * smoothstep(0, -0.15, y - edge));
    } else if (y < edge + 0.07) {
      canvas.openness[i]! *= 0.6 + 0.4 * smoothstep(0, 0.07, y - edge);
      canvas.lit[i]! *= 0.6 + 0.4 * smoothstep(0, 0.05, y - edge);
    }
  }
}

/** Height above which hair grows at `x`: the line of the forehead, then temples and sides. */
function hairEdge(view: View, x: number, y: number): number {
  const { identity } = view;
  const { style, line, part } = identity.hair;
  const across = Math.abs(x) / Math.max(0.05, halfWidthAt(view, clamp(y, -0.6, 0.3)));
  const lock = fractal(x * 45 + identity.texture[0], y * 5 + identity.texture[1]);
  let front = line + 0.25 * x * x;
  if (style === 'fringe') front = Math.min(-0.3, line + 0.28) - 0.12 * Math.abs(x - part) + 0.05 * lock;
  if (style === 'long') front = line - 0.06 + 0.45 * Math.max(0, Math.abs(x - part * 0.5) - 0.05);
  if (style === 'receding')
    front = line - 0.14 - 0.09 * smoothstep(0.05, 0.3, Math.abs(x)) * smoothstep(0.65, 0.45, Math.abs(x));
  const bottom = style === 'long' ? 2 : style === 'fringe' ? 0.16 : 0.06;
  const side = smoothstep(style === 'long' ? 0.86 : 0.8, 0.97, across + 0.02 * lock);
  return front + 0.02 * lock + (bottom - front) * side;
}

function paintStrand(view: View, i: number, level: number): void {
  const { identity, screenX, screenY, canvas } = view;
  const { colour, part, wave } = identity.hair;
  const x = screenX[i]!;
  const y = screenY[i]!;
  const radius = Math.sqrt((x - part * 0.6) ** 2 + (y + 0.95) ** 2);
  // Strands fan out from the parting and hang straight below the ears.
  const fan = y < 0 ? Math.atan2(x - part * 0.6, y + 1.25) : x * 1.1;
  const along = fan * 34 + wave * 0.9 * Math.sin(7 * radius) + identity.texture[0];
  const strand = fractal(along * 2.2, radius * 5 + identity.texture[1]);
  const shade = level * clamp(0.8 + 0.5 * strand, 0.15, 2);
  const nx = x / 0.85;
  const ny = (y + 0.15) / 1.05;
  const nz = Math.sqrt(Math.max(0.06, 1 - Math.min(1, nx * nx + ny * ny)));
  cover(canvas, i, colour, shade, [nx + 0.25 * strand, ny * 0.8, nz]);
  canvas.gloss[i] = (0.02 + 0.12 * (colour[0] + 0.15)) * clamp(0.6 + 0.7 * strand, 0, 2);
  canvas.openness[i] = 0.75;
}

export function paintBeard(view: View): void {
  const { identity, headX, headY, canvas } = view;
  if (identity.beard === 0) return;
  const { mouth, hair } = identity;
  const dark: Colour = [hair.colour[0] * 0.8, hair.colour[1] * 0.8, hair.colour[2] * 0.8];
  for (let i = 0; i < headX.length; i++) {
    const x = headX[i]!;
    const y = headY[i]!;
    if (Number.isNaN(x) || y < 0.1) continue;
    const cheek = y - (0.42 - 0.55 * Math.max(0, Math.abs(x) - 0.3));
    const moustache = Math.exp(-(((y - mouth.y + 0.09) / 0.04) ** 2) - (x / 0.2) ** 4);
    const bare = Math.exp(-((x / (mouth.width * 0.95)) ** 4 + ((y - mouth.y - 0.01) / 0.075) ** 4));
    const region = Math.max(smoothstep(-0.05, 0.14, cheek), moustache) * (1 - bare);
    const hairs = fractal(x * 160 + identity.texture[1], y * 70 + identity.texture[0]);
    const amount = clamp(region * (identity.beard * 0.85 + 0.28 * identity.beard * hairs), 0, 0.93);
    tint(canvas, i, dark, amount);
    canvas.gloss[i]! *= 1 - amount;
  }
}

export function paintGlasses(view: View): void {
  const { identity, headX, headY, canvas, pixel } = view;
  const { glasses, eyes } = identity;
  if (glasses === undefined) return;
  const half = Math.max(glasses.thickness, pixel * 0.8) / 2;
  for (let i = 0; i < headX.length; i++) {
    const x = headX[i]!;
    const y = headY[i]!;
    if (Number.isNaN(x) || Math.abs(y - eyes.y) > 0.3) continue;
    const qx = Math.abs(Math.abs(x) - eyes.x - 0.01) - glasses.radius + 0.07;
    const qy = Math.abs(y - eyes.y - 0.02) - glasses.height + 0.07;
    const outside = Math.sqrt(Math.max(qx, 0) ** 2 + Math.max(qy, 0) ** 2) + Math.min(Math.max(qx, qy), 0) - 0.07;
    const inner = eyes.x - glasses.radius;
    const bridge = Math.abs(x) < inner + 0.02 ? Math.abs(y - eyes.y + 0.03 - 0.3 * x * x) : 1;
    const temple = Math.abs(x) > eyes.x + glasses.radius ? Math.abs(y - eyes.y + 0.04) : 1;
    const distance = Math.min(Math.abs(outside), bridge, temple);
    const frame = smoothstep(half + pixel, half - pixel * 0.3, distance);
    if (frame > 0.01) {
      tint(canvas, i, glasses.rim, frame);
      canvas.gloss[i] = 0.15 * frame;
    } else if (outside < 0) {
      darken(canvas, i, 0.93);
      const streak = Math.exp(-(((x - Math.sign(x) * eyes.x + 0.6 * (y - eyes.y) + 0.05) / 0.03) ** 2));
      tint(canvas, i, [1, 1, 1], 0.12 * streak);
    } else if (distance < 0.05) {
      canvas.lit[i]! *= 0.8 + 0.2 * smoothstep(0.02, 0.05, distance);
    }
  }
}
