/** The head as a surface: a tapered cylinder of elliptic section with nose, sockets, lips and cheeks raised on it. */

import type { Identity, Pose } from './identity.js';
import { clamp, smoothstep } from './image.js';
import type { Light } from './light.js';

/** Depth of the head over its width. */
export const depthRatio = 1.12;

/** Half width of the head at height `y`, 0 above the skull and below the chin. */
export function headHalfWidth(identity: Identity, y: number): number {
  const { width, chin, jaw, taper } = identity.head;
  const widest = -0.12;
  if (y <= widest) {
    const t = (widest - y) / (widest + 1);
    return t >= 1 ? 0 : width * (1 - t ** 2.3) ** (1 / 2.1);
  }
  const t = (y - widest) / (chin - widest);
  return t >= 1 ? 0 : width * Math.sqrt(1 - t ** jaw) * (1 - taper * smoothstep(0.15, 1, t));
}

/** The front of the head on a grid over x -0.85…0.85, y -1.05…1.05: slopes of the relief, hollows and cast shadow. */
export interface Relief {
  readonly slopeX: Float32Array;
  readonly slopeY: Float32Array;
  /** 1 on open skin, less in hollows. */
  readonly openness: Float32Array;
  /** 1 where the key light arrives, 0 where nose, brow or cheek stand before it. */
  readonly lit: Float32Array;
}

const gridWidth = 112;
const gridHeight = 136;
const stepX = 1.7 / (gridWidth - 1);
const stepY = 2.1 / (gridHeight - 1);

/** Grid coordinates of a point of the head. */
export function gridX(x: number): number {
  return clamp((x + 0.85) / stepX, 0, gridWidth - 1.001);
}
export function gridY(y: number): number {
  return clamp((y + 1.05) / stepY, 0, gridHeight - 1.001);
}

/** Bilinear value of a grid. */
export function readGrid(grid: Float32Array, gx: number, gy: number): number {
  const x0 = gx | 0;
  const y0 = gy | 0;
  const fx = gx - x0;
  const fy = gy - y0;
  const i = y0 * gridWidth + x0;
  const a = grid[i]! * (1 - fx) + grid[i + 1]! * fx;
  const b = grid[i + gridWidth]! * (1 - fx) + grid[i + gridWidth + 1]! * fx;
  return a * (1 - fy) + b * fy;
}

export function makeRelief(identity: Identity, pose: Pose, light: Light): Relief {
  const height = raise(identity, pose);
  const smooth = boxBlur(boxBlur(height, 4), 4);
  const slopeX = new Float32Array(height.length);
  const slopeY = new Float32Array(height.length);
  const openness = new Float32Array(height.length);
  for (let y = 1; y < gridHeight - 1; y++) {
    for (let x = 1; x < gridWidth - 1; x++) {
      const i = y * gridWidth + x;
      slopeX[i] = (height[i + 1]! - height[i - 1]!) / (2 * stepX);
      slopeY[i] = (height[i + gridWidth]! - height[i - gridWidth]!) / (2 * stepY);
      openness[i] = clamp(1 + 7 * (height[i]! - smooth[i]!), 0.35, 1.05);
    }
  }
  return { slopeX, slopeY, openness, lit: castShadow(identity, height, pose, light) };
}

/** Bumps `[x, y, σx, σy, height]`; those away from x = 0 come in pairs. */
function bumps(identity: Identity, pose: Pose): number[][] {
  const { eyes, nose, mouth } = identity;
  const tipY = eyes.y + nose.length + 0.03;
  const smile = 0.03 * pose.smile;
  return [
    [0.25, eyes.y - 0.17, 0.17, 0.06, 0.04],
    [0, -0.45, 0.35, 0.18, 0.03],
    [eyes.x, eyes.y, 0.13, 0.075, -0.06],
    [0.12, eyes.y, 0.045, 0.07, -0.065],
    [eyes.x, eyes.y + 0.005, 0.085, 0.045, 0.045],
    [0.4, 0.17, 0.16, 0.13, 0.045 + smile],
    [0, eyes.y + 0.06, 0.05, 0.16, nose.bridge],
    [0, tipY - 0.09, 0.075, 0.11, nose.bridge + 0.04],
    [0, tipY, 0.065, 0.05, nose.tip],
    [nose.width, tipY + 0.035, 0.042, 0.038, 0.06],
    [0, mouth.y - 0.1, 0.022, 0.045, -0.015],
    [0, mouth.y, 0.24, 0.12, 0.035],
    [0.05, mouth.y - 0.025, 0.09, 0.025, 0.03],
    [0, mouth.y, 0.18, 0.014, -0.03],
    [0, mouth.y + 0.045, 0.12, 0.032, 0.045],
    [mouth.width + 0.02, mouth.y, 0.035, 0.045, -0.03],
    [0, mouth.y + 0.125, 0.13, 0.03, -0.035],
    [0, mouth.y + 0.25, 0.12, 0.08, 0.055],
    [0.58, -0.3, 0.1, 0.2, -0.045],
  ];
}

function raise(identity: Identity, pose: Pose): Float32Array {
  const out = new Float32Array(gridWidth * gridHeight);
  const alongX = new Float32Array(gridWidth);
  for (const [bx, by, sx, sy, height] of bumps(identity, pose) as [number, number, number, number, number][]) {
    for (let x = 0; x < gridWidth; x++) {
      const at = -0.85 + x * stepX;
      alongX[x] = height * Math.exp(-0.5 * ((at - bx) / sx) ** 2);
      if (bx !== 0) alongX[x]! += height * Math.exp(-0.5 * ((at + bx) / sx) ** 2);
    }
    const first = Math.max(0, Math.floor((by - 3.5 * sy + 1.05) / stepY));
    const last = Math.min(gridHeight - 1, Math.ceil((by + 3.5 * sy + 1.05) / stepY));
    for (let y = first; y <= last; y++) {
      const alongY = Math.exp(-0.5 * ((-1.05 + y * stepY - by) / sy) ** 2);
      for (let x = 0; x < gridWidth; x++) out[y * gridWidth + x]! += alongY * alongX[x]!;
    }
  }
  return out;
}

function boxBlur(grid: Float32Array, radius: number): Float32Array {
  const across = new Float32Array(grid.length);
  const out = new Float32Array(grid.length);
  const share = 1 / (2 * radius + 1);
  for (let y = 0; y < gridHeight; y++) {
    for (let x = radius; x < gridWidth - radius; x++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += grid[y * gridWidth + x + k]!;
      across[y * gridWidth + x] = sum * share;
    }
  }
  for (let y = radius; y < gridHeight - radius; y++) {
    for (let x = 0; x < gridWidth; x++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += across[(y + k) * gridWidth + x]!;
      out[y * gridWidth + x] = sum * share;
    }
  }
  return out;
}

/** Marches from every point towards the light and asks how far the surface rises above the ray. */
function castShadow(identity: Identity, height: Float32Array, pose: Pose, light: Light): Float32Array {
  const surface = new Float32Array(height.length);
  for (let y = 0; y < gridHeight; y++) {
    const half = Math.max(headHalfWidth(identity, -1.05 + y * stepY), 1e-3);
    for (let x = 0; x < gridWidth; x++) {
      const s = clamp((-0.85 + x * stepX) / half, -1, 1);
      surface[y * gridWidth + x] = depthRatio * half * Math.sqrt(1 - s * s) + height[y * gridWidth + x]!;
    }
  }
  // The light turned into the head's own frame.
  const [lx, ly, lz] = light.direction;
  const hx = lx * Math.cos(pose.yaw) - lz * Math.sin(pose.yaw);
  const hz = Math.max(0.15, lz * Math.cos(pose.yaw) + lx * Math.sin(pose.yaw));
  const stride = 0.035 / Math.max(1e-3, Math.hypot(hx, ly));
  const dx = (hx * stride) / stepX;
  const dy = (ly * stride) / stepY;
  const dz = hz * stride;
  const lit = new Float32Array(height.length);
  for (let y = 0; y < gridHeight; y++) {
    for (let x = 0; x < gridWidth; x++) {
      const z = surface[y * gridWidth + x]!;
      let above = 0;
      for (let k = 1; k <= 9; k++) {
        const px = x + dx * k;
        const py = y + dy * k;
        if (px < 0 || py < 0 || px > gridWidth - 1.01 || py > gridHeight - 1.01) break;
        above = Math.max(above, (readGrid(surface, px, py) - z - dz * k) / (0.04 + 0.02 * k));
      }
      lit[y * gridWidth + x] = 1 - smoothstep(0, 1, above);
    }
  }
  return lit;
}
