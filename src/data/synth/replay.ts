/** A photograph or video on a display: coloured stripes of pixels that beat with the sensor, glow, glare, banding and bezel. */
import type { Philox } from '../../engine/random.js';
import { type Colour, createImage, type Image, onCurve, sampleInto, smoothstep, tabulate, wave } from './image.js';
import type { Light } from './light.js';
import { betweenOf, type Range } from './range.js';
import { beyondEnds, drawSheet, locate, type Sheet, type SheetStyle, toPicture } from './sheet.js';

/** A display; ranges are `[least, most]`. */
export interface DisplayModel {
  readonly name: string;
  /** Distance between display pixels, in pixels of the camera's sensor. */
  readonly pitch: Range;
  /** Contrast of the gaps between display pixels as the lens resolves them. */
  readonly depth: Range;
  readonly bezel: Colour;
  /** Strength of what the glass reflects. */
  readonly glare: number;
  readonly sheet: SheetStyle;
}

/** One display in one video. */
export interface Replay {
  readonly sheet: Sheet;
  readonly pitch: number;
  readonly depth: number;
  readonly rowDepth: number;
  readonly gamma: number;
  readonly white: Colour;
  readonly glow: number;
  readonly bezel: Colour;
  readonly bezelWidth: number;
  readonly streaks: readonly { angle: number; at: number; width: number; strength: number }[];
  readonly veil: number;
  readonly flicker: { period: number; strength: number };
}

export function drawReplay(model: DisplayModel, random: Philox): Replay {
  const between = betweenOf(random);
  const depth = between(...model.depth);
  return {
    sheet: drawSheet(model.sheet, random),
    pitch: between(...model.pitch),
    depth,
    rowDepth: depth * between(0.4, 0.9),
    gamma: between(0.92, 1.2),
    white: [between(0.84, 0.98), 0.96, between(1, 1.14)],
    glow: between(0.003, 0.02),
    bezel: model.bezel,
    bezelWidth: between(0.06, 0.2),
    streaks: Array.from({ length: random.int(3) }, () => ({
      angle: Math.PI * random.uniform(),
      at: between(-1, 1),
      width: between(0.05, 0.3),
      strength: model.glare * between(0.2, 1),
    })),
    veil: model.glare * between(0, 0.25),
    flicker: { period: between(0.3, 1.2), strength: between(0, 0.05) },
  };
}

/**
 * Radiance `[size, size, 3]` of a display showing `photo` (linear, 0…1) before `surroundings`, a radiance of the same size
 * that is asked for only where the display ends.
 * @param sensorPixels pixels of the camera's sensor across the scene, which scale the display's pixels
 * @param moment 0…1, where in its flicker the display is
 */
export function renderReplay(
  size: number,
  photo: Image,
  replay: Replay,
  light: Light,
  surroundings: () => Image,
  sensorPixels: number,
  moment: number,
): Image {
  const out = createImage(size, size);
  let wall: Image | undefined;
  const at = new Float64Array(4);
  const shown = new Float32Array(3);
  const cells = sensorPixels / 2 / replay.pitch;
  const screen = emit(photo, replay);
  for (let py = 0; py < size; py++) {
    const y = ((py + 0.5) / size) * 2 - 1;
    const scan = 1 + replay.flicker.strength * wave(y / replay.flicker.period + moment);
    for (let px = 0; px < size; px++) {
      const x = ((px + 0.5) / size) * 2 - 1;
      locate(at, replay.sheet, x, y);
      const u = at[0]!;
      const v = at[1]!;
      const to = 3 * (py * size + px);
      const edge = beyondEnds(replay.sheet, u, v);
      if (edge > replay.bezelWidth) {
        wall ??= surroundings();
        for (let c = 0; c < 3; c++) out.data[to + c] = wall.data[to + c]!;
        continue;
      }
      const glare = reflection(replay, u, v);
      if (edge > 0) {
        const lip = 1 + 1.5 * Math.exp(-((edge / 0.015) ** 2)) - 0.4 * smoothstep(0, replay.bezelWidth, edge);
        for (let c = 0; c < 3; c++) {
          out.data[to + c] = (replay.bezel[c]! * lip + 0.3 * glare) * (light.key[c]! + light.sky[c]!);
        }
        continue;
      }
      sampleInto(shown, screen, toPicture(u, screen.width), toPicture(v, screen.height));
      const row = 1 + replay.rowDepth * wave(cells * v);
      for (let c = 0; c < 3; c++) {
        // Red, green and blue stripes stand side by side in each pixel, a third of it apart.
        const stripe = 1 + replay.depth * wave(cells * u + c / 3);
        out.data[to + c] = shown[c]! * stripe * row * scan + glare * (light.key[c]! + light.sky[c]!);
      }
    }
  }
  return out;
}

/** What the panel gives out for a picture: its own gamma, a bluish white, a black that glows. */
function emit(photo: Image, replay: Replay): Image {
  const screen = createImage(photo.width, photo.height);
  const tone = tabulate((value) => replay.glow + value ** replay.gamma);
  for (let i = 0; i < screen.data.length; i++) {
    screen.data[i] = onCurve(tone, photo.data[i]!) * replay.white[i % 3]!;
  }
  return screen;
}

/** Radiance that the glass returns from lamps and windows: a veil, and soft streaks across. */
function reflection(replay: Replay, u: number, v: number): number {
  let glare = replay.veil;
  for (const { angle, at, width, strength } of replay.streaks) {
    const across = (u * Math.cos(angle) + v * Math.sin(angle) - at) / width;
    glare += strength * Math.exp(-across * across);
  }
  return glare;
}
