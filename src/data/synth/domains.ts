/** The four synthetic domains as data: each stands in for a benchmark's kind of camera, light, room and attack instruments. */
import type { BackdropStyle } from './backdrop.js';
import type { CameraModel } from './camera.js';
import type { LightStyle } from './light.js';
import type { PrinterModel } from './print.js';
import type { DisplayModel } from './replay.js';

export interface Domain {
  readonly letter: string;
  readonly name: string;
  readonly camera: CameraModel;
  readonly light: LightStyle;
  readonly backdrop: BackdropStyle;
  readonly printers: readonly PrinterModel[];
  readonly displays: readonly DisplayModel[];
  /** Share of subjects in each split, as the benchmark that lends its letter divides them. */
  readonly splits: Readonly<Record<'train' | 'dev' | 'test', number>>;
}

/** O: mobile phones in offices, sharp and clean; good prints and displays. */
const office: Domain = {
  letter: 'O',
  name: 'synthetic-O',
  camera: {
    resolution: [0.95, 1.2],
    blur: [0.4, 0.6],
    noise: [0.012, 0.03],
    whiteBalance: 0.75,
    colour: [
      [1.25, -0.2, -0.05],
      [-0.12, 1.2, -0.08],
      [-0.02, -0.2, 1.22],
    ],
    saturation: [0.95, 1.15],
    brightness: [0.38, 0.58],
    contrast: [0.16, 0.24],
    sharpening: [0.3, 0.9],
    quality: [78, 95],
    rate: [1.7, 3],
  },
  light: { from: [0.1, -0.6, 0.8], wander: 0.3, colour: [1, 0.98, 0.95], key: [0.5, 0.9], room: [0.25, 0.45] },
  backdrop: {
    walls: [
      [0.55, 0.55, 0.52],
      [0.42, 0.45, 0.48],
      [0.6, 0.56, 0.48],
    ],
    texture: 0.02,
    things: 4,
  },
  printers: [
    {
      name: 'printer1',
      process: 'dots',
      pitch: [2.3, 3.2],
      depth: [0.3, 0.55],
      gloss: 0.35,
      sheet: { tilt: 0.05, bend: 0.2, edges: 0.1 },
    },
    {
      name: 'printer2',
      process: 'spray',
      pitch: [1.2, 1.8],
      depth: [0.3, 0.5],
      gloss: 0.6,
      sheet: { tilt: 0.05, bend: 0.25, edges: 0.1 },
    },
  ],
  displays: [
    {
      name: 'display1',
      pitch: [1.15, 1.7],
      depth: [0.4, 0.7],
      bezel: [0.02, 0.02, 0.022],
      glare: 0.1,
      sheet: { tilt: 0.04, bend: 0, edges: 0.1 },
    },
    {
      name: 'display2',
      pitch: [1.6, 2.3],
      depth: [0.35, 0.6],
      bezel: [0.015, 0.015, 0.015],
      glare: 0.14,
      sheet: { tilt: 0.05, bend: 0, edges: 0.12 },
    },
  ],
  splits: { train: 20 / 55, dev: 15 / 55, test: 20 / 55 },
};

/** C: cameras of several grades in a lived-in room; warped and cut paper, video on a tablet. */
const room: Domain = {
  letter: 'C',
  name: 'synthetic-C',
  camera: {
    resolution: [0.7, 1.15],
    blur: [0.5, 0.85],
    noise: [0.015, 0.04],
    whiteBalance: 0.65,
    colour: [
      [1.1, -0.08, -0.02],
      [-0.04, 1.1, -0.06],
      [-0.02, -0.1, 1.12],
    ],
    saturation: [0.75, 1.1],
    brightness: [0.34, 0.54],
    contrast: [0.15, 0.25],
    sharpening: [0.1, 0.7],
    quality: [70, 92],
    rate: [1.4, 2.6],
  },
  light: { from: [-0.4, -0.4, 0.8], wander: 0.35, colour: [1, 0.88, 0.72], key: [0.5, 0.8], room: [0.2, 0.4] },
  backdrop: {
    walls: [
      [0.5, 0.44, 0.34],
      [0.35, 0.38, 0.32],
      [0.22, 0.2, 0.2],
      [0.6, 0.58, 0.55],
    ],
    texture: 0.05,
    things: 8,
  },
  printers: [
    {
      name: 'warped',
      process: 'dots',
      pitch: [2.6, 3.8],
      depth: [0.3, 0.6],
      gloss: 0.25,
      sheet: { tilt: 0.08, bend: 0.7, edges: 0.1 },
    },
    {
      name: 'cut',
      process: 'dots',
      pitch: [2.4, 3.4],
      depth: [0.3, 0.55],
      gloss: 0.2,
      sheet: { tilt: 0.05, bend: 0.25, edges: 0.45 },
    },
  ],
  displays: [
    {
      name: 'tablet',
      pitch: [1.3, 2],
      depth: [0.45, 0.8],
      bezel: [0.3, 0.3, 0.3],
      glare: 0.16,
      sheet: { tilt: 0.06, bend: 0, edges: 0.2 },
    },
  ],
  splits: { train: 20 / 50, dev: 0, test: 30 / 50 },
};

/** I: a laptop's webcam of low resolution, before a plain wall or a window; phone and tablet held by hand. */
const webcam: Domain = {
  letter: 'I',
  name: 'synthetic-I',
  camera: {
    resolution: [0.62, 0.85],
    blur: [0.4, 0.65],
    noise: [0.02, 0.05],
    whiteBalance: 0.7,
    colour: [
      [0.95, 0.08, -0.03],
      [0.05, 0.95, 0],
      [0, 0.06, 0.94],
    ],
    saturation: [0.7, 1],
    brightness: [0.32, 0.56],
    contrast: [0.15, 0.23],
    sharpening: [0.5, 1.2],
    quality: [74, 94],
    rate: [1.3, 2.4],
  },
  light: { from: [0.3, -0.5, 0.8], wander: 0.45, colour: [0.88, 0.95, 1], key: [0.35, 0.8], room: [0.3, 0.6] },
  backdrop: {
    walls: [
      [0.5, 0.5, 0.5],
      [0.66, 0.68, 0.7],
      [0.3, 0.34, 0.4],
    ],
    texture: 0.03,
    things: 3,
  },
  printers: [
    {
      name: 'print',
      process: 'dots',
      pitch: [2.2, 3],
      depth: [0.3, 0.6],
      gloss: 0.3,
      sheet: { tilt: 0.06, bend: 0.3, edges: 0.15 },
    },
  ],
  displays: [
    {
      name: 'mobile',
      pitch: [1.6, 2.4],
      depth: [0.4, 0.75],
      bezel: [0.01, 0.01, 0.012],
      glare: 0.12,
      sheet: { tilt: 0.06, bend: 0, edges: 0.3 },
    },
    {
      name: 'highdef',
      pitch: [1.15, 1.7],
      depth: [0.4, 0.7],
      bezel: [0.02, 0.02, 0.02],
      glare: 0.15,
      sheet: { tilt: 0.05, bend: 0, edges: 0.12 },
    },
  ],
  splits: { train: 15 / 50, dev: 15 / 50, test: 20 / 50 },
};

/** M: a laptop and a cheap phone in dim light from the side, noisy and soft; an A3 print, a tablet and a phone. */
const evening: Domain = {
  letter: 'M',
  name: 'synthetic-M',
  camera: {
    resolution: [0.8, 1.05],
    blur: [0.5, 0.75],
    noise: [0.025, 0.055],
    whiteBalance: 0.75,
    colour: [
      [1.05, 0, -0.05],
      [0.04, 1.04, -0.08],
      [0.02, 0.04, 0.94],
    ],
    saturation: [0.8, 1.05],
    brightness: [0.28, 0.5],
    contrast: [0.14, 0.24],
    sharpening: [0.1, 0.6],
    quality: [70, 92],
    rate: [1.4, 2.6],
  },
  light: { from: [0.75, -0.25, 0.6], wander: 0.3, colour: [1, 0.95, 0.78], key: [0.5, 0.9], room: [0.15, 0.35] },
  backdrop: {
    walls: [
      [0.2, 0.24, 0.2],
      [0.4, 0.4, 0.34],
      [0.12, 0.12, 0.14],
    ],
    texture: 0.06,
    things: 5,
  },
  printers: [
    {
      name: 'photo',
      process: 'spray',
      pitch: [1.3, 2],
      depth: [0.35, 0.6],
      gloss: 0.5,
      sheet: { tilt: 0.05, bend: 0.3, edges: 0.12 },
    },
    {
      name: 'poster',
      process: 'dots',
      pitch: [2.4, 3.6],
      depth: [0.3, 0.6],
      gloss: 0.25,
      sheet: { tilt: 0.05, bend: 0.2, edges: 0.08 },
    },
  ],
  displays: [
    {
      name: 'ipad',
      pitch: [1.2, 1.9],
      depth: [0.4, 0.75],
      bezel: [0.6, 0.6, 0.6],
      glare: 0.14,
      sheet: { tilt: 0.05, bend: 0, edges: 0.15 },
    },
    {
      name: 'iphone',
      pitch: [1.5, 2.3],
      depth: [0.4, 0.7],
      bezel: [0.015, 0.015, 0.018],
      glare: 0.1,
      sheet: { tilt: 0.05, bend: 0, edges: 0.3 },
    },
  ],
  splits: { train: 15 / 35, dev: 0, test: 20 / 35 },
};

export const domains: readonly Domain[] = [office, room, webcam, evening];
