/** A photograph on paper: screened or sprayed inks, the paper under them, its curl and its edges, in the light of a room. */
import type { Philox } from '../../engine/random.js';
import {
  type Colour,
  clamp,
  createImage,
  type Image,
  mixColour,
  onCurve,
  sampleInto,
  smoothstep,
  tabulate,
  wave,
} from './image.js';
import type { Light } from './light.js';
import { fractal, whiteNoise } from './noise.js';
import { betweenOf, type Range } from './range.js';
import { beyondEnds, drawSheet, locate, type Sheet, type SheetStyle, toPicture } from './sheet.js';

/** A printer and the paper in it; ranges are `[least, most]`. */
export interface PrinterModel {
  readonly name: string;
  /** `dots`: clustered dots on rotated grids (laser, offset). `spray`: scattered droplets in bands (inkjet). */
  readonly process: 'dots' | 'spray';
  /** Distance between dots, or size of droplets, in pixels of the camera's sensor. */
  readonly pitch: Range;
  /** Share of the tone that the screen carries, the rest being smooth ink. */
  readonly depth: Range;
  readonly gloss: number;
  readonly sheet: SheetStyle;
}

/** One print in one video. */
export interface Print {
  readonly sheet: Sheet;
  readonly process: 'dots' | 'spray';
  readonly pitch: number;
  readonly depth: number;
  readonly angle: number;
  readonly gamma: number;
  readonly black: number;
  readonly paper: Colour;
  readonly border: number;
  readonly gloss: number;
  readonly offset: readonly [number, number];
  /** A thumb that holds the paper: where it enters, on which side, and its skin. */
  readonly thumb: { side: -1 | 1; y: number; skin: Colour } | undefined;
}

export function drawPrint(model: PrinterModel, random: Philox): Print {
  const between = betweenOf(random);
  const white = between(0.72, 0.9);
  const warm = between(-0.05, 0.06);
  return {
    sheet: drawSheet(model.sheet, random),
    process: model.process,
    pitch: between(...model.pitch),
    depth: between(...model.depth),
    angle: between(-0.2, 0.2),
    gamma: between(0.8, 1.1),
    black: between(0.02, 0.09),
    paper: [white * (1 + warm), white, white * (1 - warm)],
    border: random.uniform() < 0.5 ? 0 : between(0.02, 0.1),
    gloss: model.gloss * random.uniform(),
    offset: [between(0, 512), between(0, 512)],
    thumb:
      random.uniform() < 0.18
        ? {
            side: random.uniform() < 0.5 ? -1 : 1,
            y: between(0, 0.9),
            skin: mixColour([0.7, 0.45, 0.34], [0.2, 0.1, 0.06], random.uniform()),
          }
        : undefined,
  };
}

/** Share of red, green and blue that full cyan, magenta and yellow ink swallow (rows: light, columns: ink). */
const absorption = [
  [0.9, 0.06, 0.01],
  [0.16, 0.86, 0.05],
  [0.05, 0.24, 0.86],
] as const;
/** Screen angles of cyan, magenta and yellow. */
const screenAngles = [0.262, 1.309, 0] as const;

/**
 * Radiance `[size, size, 3]` of a print of `photo` (linear, 0…1) before `surroundings`, a radiance of the same size that
 * is asked for only where the paper ends.
 * @param sensorPixels pixels of the camera's sensor across the scene, which scale the screen
 */
export function renderPrint(
  size: number,
  photo: Image,
  print: Print,
  light: Light,
  surroundings: () => Image,
  sensorPixels: number,
): Image {
  const out = createImage(size, size);
  let wall: Image | undefined;
  const at = new Float64Array(4);
  const reflect = new Float32Array(3);
  const screen = makeScreen(print, sensorPixels / 2);
  const plates = separate(photo, print);
  for (let py = 0; py < size; py++) {
    const y = ((py + 0.5) / size) * 2 - 1;
    for (let px = 0; px < size; px++) {
      const x = ((px + 0.5) / size) * 2 - 1;
      locate(at, print.sheet, x, y);
      const to = 3 * (py * size + px);
      const edge =
        beyondEnds(print.sheet, at[0]!, at[1]!) + 0.006 * fractal(at[0]! * 40 + print.offset[0], at[1]! * 40);
      if (edge > print.border) {
        wall ??= surroundings();
        const shadow = 0.55 + 0.45 * smoothstep(0, 0.12, edge - print.border);
        for (let c = 0; c < 3; c++) out.data[to + c] = wall.data[to + c]! * shadow;
      } else {
        if (edge > 0) reflect.fill(1);
        else ink(reflect, plates, print, screen, at);
        lightPaper(out.data, to, reflect, print, light, at);
      }
    }
  }
  if (print.thumb !== undefined) paintThumb(out, print.thumb, light);
  return out;
}

/** Coverage by cyan, magenta and yellow, 0…1. Equal steps of it look equal: printer drivers work on the eye's scale. */
function separate(photo: Image, print: Print): Image {
  const plates = createImage(photo.width, photo.height);
  const coverage = tabulate((value) => 1 - Math.sqrt(print.black + (1 - print.black) * value ** print.gamma));
  for (let i = 0; i < plates.data.length; i++) plates.data[i] = onCurve(coverage, photo.data[i]!);
  return plates;
}

/** Per ink: periods of the dot grid in a unit of u and v, turned by the screen angle; last, periods without a turn. */
function makeScreen(print: Print, pixelsPerUnit: number): Float64Array {
  const screen = new Float64Array(8);
  const step = pixelsPerUnit / print.pitch;
  screenAngles.forEach((angle, k) => {
    screen[2 * k] = step * Math.cos(angle + print.angle);
    screen[2 * k + 1] = step * Math.sin(angle + print.angle);
  });
  screen[6] = step;
  return screen;
}

/** Reflectance of the inked paper relative to bare paper. */
function ink(reflect: Float32Array, plates: Image, print: Print, screen: Float64Array, at: Float64Array): void {
  const u = at[0]!;
  const v = at[1]!;
  sampleInto(reflect, plates, toPicture(u, plates.width), toPicture(v, plates.height));
  let r = 1;
  let g = 1;
  let b = 1;
  for (let k = 0; k < 3; k++) {
    const coverage = reflect[k]!;
    const threshold = print.process === 'dots' ? dotThreshold(screen, k, u, v) : sprayThreshold(print, screen, k, u, v);
    const dot = smoothstep(-0.22, 0.22, coverage - threshold);
    const inked = coverage + print.depth * (dot - coverage);
    const density = inked * (2 - inked);
    r *= 1 - absorption[0][k]! * density;
    g *= 1 - absorption[1][k]! * density;
    b *= 1 - absorption[2][k]! * density;
  }
  reflect[0] = r;
  reflect[1] = g;
  reflect[2] = b;
}

function dotThreshold(screen: Float64Array, k: number, u: number, v: number): number {
  const a = screen[2 * k]! * u + screen[2 * k + 1]! * v;
  const b = screen[2 * k]! * v - screen[2 * k + 1]! * u;
  return 0.5 + 0.25 * (wave(a) + wave(b));
}

/** Droplets fall on a grid of their own size, in passes of the head that do not quite meet. */
function sprayThreshold(print: Print, screen: Float64Array, k: number, u: number, v: number): number {
  const tape = whiteNoise();
  const column = Math.floor((u + 4) * screen[6]! * 1.6 + print.offset[0]);
  const row = Math.floor((v + 4) * screen[6]! * 1.6 + print.offset[1]);
  const cell = Math.imul(row, 7919) + Math.imul(column, 104729);
  // The inks scatter partly together: their droplets share the paper's texture and the head's passes.
  const droplet = 0.7 * tape[cell & (tape.length - 1)]! + 0.7 * tape[(cell + k * 40503) & (tape.length - 1)]!;
  const band = wave((v * screen[6]!) / 2.5 + 0.16 * k);
  return clamp(0.5 + 0.2 * droplet + 0.13 * band, 0.02, 0.98);
}

function lightPaper(
  out: Float32Array,
  to: number,
  reflect: Float32Array,
  print: Print,
  light: Light,
  at: Float64Array,
): void {
  const u = at[0]!;
  const v = at[1]!;
  const fibres =
    1 + 0.014 * fractal(u * 150 + print.offset[0], v * 45) + 0.012 * fractal(u * 50, v * 160 + print.offset[1]);
  const length = Math.sqrt(at[2]! * at[2]! + at[3]! * at[3]! + 1);
  const nx = -at[2]! / length;
  const ny = -at[3]! / length;
  const nz = 1 / length;
  const [lx, ly, lz] = light.direction;
  const facing = Math.max(0, nx * lx + ny * ly + nz * lz);
  // The half vector between the lamp and the lens, which is near enough to be seen from another angle at each end.
  const hx = lx - 0.3 * u;
  const hy = ly - 0.3 * v;
  const hz = lz + 1;
  const mirror = Math.max(0, nx * hx + ny * hy + nz * hz) ** 2 / (hx * hx + hy * hy + hz * hz);
  const m4 = mirror ** 2 * mirror ** 2;
  const sheen = print.gloss * (m4 * m4) ** 2 * m4;
  for (let c = 0; c < 3; c++) {
    const irradiance = light.key[c]! * facing + 0.5 * (light.sky[c]! + light.ground[c]!);
    out[to + c] = print.paper[c]! * reflect[c]! * fibres * irradiance + sheen * light.key[c]!;
  }
}

function paintThumb(image: Image, thumb: { side: -1 | 1; y: number; skin: Colour }, light: Light): void {
  const size = image.width;
  for (let py = 0; py < size; py++) {
    const v = (((py + 0.5) / size) * 2 - 1 - thumb.y) / 0.13;
    if (Math.abs(v) > 1.3) continue;
    for (let px = 0; px < size; px++) {
      const inward = 1 - thumb.side * (((px + 0.5) / size) * 2 - 1);
      const tip = Math.max(0, inward - 0.1) / 0.13;
      const r = Math.hypot(v, tip);
      const at = 3 * (py * size + px);
      const level = r < 1 ? Math.sqrt(1.05 - r * r) * (1 + 0.06 * fractal(px * 0.8, py * 0.8)) : 0;
      const shadow = 0.6 + 0.4 * smoothstep(1, 1.3, r);
      for (let c = 0; c < 3; c++) {
        const lit = thumb.skin[c]! * level * (light.key[c]! + light.sky[c]!);
        image.data[at + c] = r < 1 ? lit : image.data[at + c]! * shadow;
      }
    }
  }
}
