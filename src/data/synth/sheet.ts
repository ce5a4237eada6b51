/** How a flat medium (paper or display) hangs before the camera: tilt, bend, and where its picture ends. */
import type { Philox } from '../../engine/random.js';

/**
 * Maps the scene (x, y in -1…1 over the crop) to the medium (u, v in -1…1 over the picture it shows) by rotation, zoom and
 * perspective, then a bend along the unit vector (bendX, bendY).
 */
export interface Sheet {
  readonly cos: number;
  readonly sin: number;
  readonly shiftX: number;
  readonly shiftY: number;
  readonly tiltX: number;
  readonly tiltY: number;
  readonly bend: number;
  readonly bendX: number;
  readonly bendY: number;
  /** Ends of the picture, |u| or |v| for left, right, top, bottom; above about 1.15 an end lies outside the crop. */
  readonly ends: readonly [number, number, number, number];
}

/** The picture goes on this far beyond -1…1, so that a sheet askew in the crop still fills it. */
export const pictureReach = 1.15;

export interface SheetStyle {
  readonly tilt: number;
  readonly bend: number;
  /** Chance that a side of the picture ends inside the crop. */
  readonly edges: number;
}

export function drawSheet(style: SheetStyle, random: Philox): Sheet {
  const bendAngle = Math.PI * random.uniform();
  const end = () => (random.uniform() < style.edges ? 0.8 + 0.18 * random.uniform() : 2);
  return {
    ...rotation(0.05 * random.normal(), 0.96),
    shiftX: 0.02 * random.normal(),
    shiftY: 0.02 * random.normal(),
    tiltX: style.tilt * random.normal(),
    tiltY: style.tilt * random.normal(),
    bend: style.bend * random.normal(),
    bendX: Math.cos(bendAngle),
    bendY: Math.sin(bendAngle),
    ends: [end(), end(), end(), end()],
  };
}

/** The same sheet a moment later, in a hand or on a stand that is never quite still. */
export function sway(sheet: Sheet, random: Philox): Sheet {
  const zoom = Math.hypot(sheet.cos, sheet.sin) * (1 + 0.012 * random.normal());
  return {
    ...sheet,
    ...rotation(Math.atan2(sheet.sin, sheet.cos) + 0.012 * random.normal(), zoom),
    shiftX: sheet.shiftX + 0.015 * random.normal(),
    shiftY: sheet.shiftY + 0.015 * random.normal(),
    tiltX: sheet.tiltX + 0.01 * random.normal(),
    tiltY: sheet.tiltY + 0.01 * random.normal(),
  };
}

function rotation(angle: number, zoom: number): { cos: number; sin: number } {
  return { cos: zoom * Math.cos(angle), sin: zoom * Math.sin(angle) };
}

/** Writes u, v and the slope of the bend (along x and y) of a scene point to `out[0..3]`. */
export function locate(out: Float64Array, sheet: Sheet, x: number, y: number): void {
  const depth = 1 + sheet.tiltX * x + sheet.tiltY * y;
  const u = (sheet.cos * x - sheet.sin * y + sheet.shiftX) / depth;
  const v = (sheet.sin * x + sheet.cos * y + sheet.shiftY) / depth;
  const along = u * sheet.bendX + v * sheet.bendY;
  // A cylinder seen from the front: equal steps on the paper shrink where it turns away.
  const stretch = (sheet.bend * sheet.bend * along * along * along) / 6;
  out[0] = u + sheet.bendX * stretch;
  out[1] = v + sheet.bendY * stretch;
  out[2] = sheet.bend * along * sheet.bendX + sheet.tiltX;
  out[3] = sheet.bend * along * sheet.bendY + sheet.tiltY;
}

/** Pixel coordinate in a picture of `side` pixels of a sheet coordinate. */
export function toPicture(u: number, side: number): number {
  return ((u / pictureReach + 1) / 2) * side - 0.5;
}

/** Distance in scene units from a point of the sheet to the nearest end of the picture, negative inside. */
export function beyondEnds(sheet: Sheet, u: number, v: number): number {
  const [left, right, top, bottom] = sheet.ends;
  return Math.max(-u - left, u - right, -v - top, v - bottom);
}
