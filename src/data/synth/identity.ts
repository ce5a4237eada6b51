/** Who is drawn: the parameters that stay the same in every picture of one synthetic subject, and those of one moment. */
import type { Philox } from '../../engine/random.js';
import { type Colour, clamp, mixColour } from './image.js';
import { type Between, betweenOf } from './range.js';

/**
 * Lengths are in head units: the skull reaches from y = -1 to the chin near y = 0.9, x to the subject's left, y downwards,
 * z towards the camera.
 */
export interface Identity {
  skin: Colour;
  /** Blood under cheeks, nose and lips, patchiness of the skin, oil that shines: each about 0…1. */
  redness: number;
  mottling: number;
  oil: number;
  /** Lines and folds, 0 (child) … 1. */
  age: number;
  head: { width: number; chin: number; jaw: number; taper: number };
  eyes: { x: number; y: number; width: number; open: number; tilt: number; fold: number; iris: Colour };
  brows: { y: number; arch: number; thickness: number };
  nose: { length: number; width: number; bridge: number; tip: number };
  mouth: { y: number; width: number; upper: number; lower: number };
  hair: { style: HairStyle; colour: Colour; line: number; volume: number; wave: number; part: number };
  /** 0 is shaved, 1 is a full beard. */
  beard: number;
  moles: readonly { x: number; y: number; radius: number }[];
  glasses: { rim: Colour; radius: number; height: number; thickness: number } | undefined;
  clothes: Colour;
  /** Where in the noise this subject's skin and hair lie. */
  texture: readonly [number, number];
}

export type HairStyle = 'short' | 'fringe' | 'long' | 'receding' | 'shaved';

/** How the subject holds head and face in one frame; angles in radians, the rest in head units. */
export interface Pose {
  yaw: number;
  pitch: number;
  roll: number;
  /** Half of the crop's height in head units. */
  half: number;
  shiftX: number;
  shiftY: number;
  gazeX: number;
  gazeY: number;
  /** 1 is the subject's usual opening, 0 is shut. */
  lids: number;
  smile: number;
  mouthOpen: number;
}

const skinTones: readonly Colour[] = [
  [0.83, 0.6, 0.49],
  [0.74, 0.47, 0.35],
  [0.6, 0.35, 0.23],
  [0.38, 0.19, 0.11],
  [0.19, 0.085, 0.05],
];
const hairTones: readonly Colour[] = [
  [0.012, 0.01, 0.009],
  [0.04, 0.022, 0.014],
  [0.1, 0.05, 0.025],
  [0.3, 0.18, 0.075],
  [0.3, 0.3, 0.3],
];
const irisTones: readonly Colour[] = [
  [0.05, 0.02, 0.01],
  [0.13, 0.06, 0.025],
  [0.15, 0.17, 0.08],
  [0.15, 0.24, 0.34],
];
const hairStyles: readonly HairStyle[] = ['short', 'fringe', 'long', 'receding', 'short', 'long', 'shaved'];

/** Draws a subject. The same random stream gives the same subject. */
export function drawIdentity(random: Philox): Identity {
  const between = betweenOf(random);
  const tone = random.uniform();
  const dark = tone > 0.55;
  const age = random.uniform() ** 1.5;
  const grey = age > 0.6 && random.uniform() < 0.6;
  const hairColour = grey ? hairTones[4]! : hairTones[dark ? random.int(2) : random.int(4)]!;
  const style = hairStyles[random.int(hairStyles.length)]!;
  const bearded = style !== 'long' && random.uniform() < 0.45;
  return {
    skin: varied(along(skinTones, tone), between, 0.08),
    redness: between(0.2, 1),
    mottling: between(0.3, 1),
    oil: between(0.25, 1),
    age,
    ...drawFeatures(random, dark),
    hair: {
      style,
      colour: varied(hairColour, between, 0.2),
      line: between(-0.72, -0.55),
      volume: between(0.04, 0.13),
      wave: between(0, 1),
      part: between(-0.35, 0.35),
    },
    beard: bearded ? between(0.15, 1) : 0,
    moles: Array.from({ length: random.int(5) }, () => ({
      x: between(-0.5, 0.5),
      y: between(-0.5, 0.75),
      radius: between(0.008, 0.018),
    })),
    glasses: random.uniform() < 0.22 ? drawGlasses(random) : undefined,
    clothes: [between(0.02, 0.5), between(0.02, 0.5), between(0.02, 0.5)],
    texture: [between(0, 512), between(0, 512)],
  };
}

/** The shape of the head and of what is on its front; the eyes of a dark subject are dark. */
function drawFeatures(random: Philox, dark: boolean): Pick<Identity, 'head' | 'eyes' | 'brows' | 'nose' | 'mouth'> {
  const between = betweenOf(random);
  return {
    head: { width: between(0.63, 0.73), chin: between(0.86, 0.97), jaw: between(2.3, 3.8), taper: between(0.1, 0.32) },
    eyes: {
      x: between(0.265, 0.31),
      y: between(-0.09, -0.03),
      width: between(0.115, 0.14),
      open: between(0.3, 0.46),
      tilt: between(-0.05, 0.12),
      fold: between(0.05, 0.3),
      iris: varied(irisTones[dark ? random.int(2) : random.int(4)]!, between, 0.2),
    },
    brows: { y: between(-0.27, -0.21), arch: between(0.02, 0.07), thickness: between(0.022, 0.045) },
    nose: {
      length: between(0.25, 0.33),
      width: between(0.085, 0.125),
      bridge: between(0.07, 0.15),
      tip: between(0.07, 0.14),
    },
    mouth: {
      y: between(0.47, 0.54),
      width: between(0.2, 0.27),
      upper: between(0.03, 0.06),
      lower: between(0.045, 0.085),
    },
  };
}

function drawGlasses(random: Philox): Identity['glasses'] {
  const between = betweenOf(random);
  return {
    rim: random.uniform() < 0.7 ? [0.015, 0.015, 0.018] : [0.3, 0.2, 0.09],
    radius: between(0.17, 0.205),
    height: between(0.12, 0.17),
    thickness: between(0.01, 0.024),
  };
}

/** The subject's posture in a video; `settle` then moves it from frame to frame. */
export function drawPose(random: Philox): Pose {
  return {
    yaw: 0.12 * random.normal(),
    pitch: 0.07 * random.normal(),
    roll: 0.05 * random.normal(),
    half: 1.08 + 0.06 * random.normal(),
    shiftX: 0.03 * random.normal(),
    shiftY: 0.03 * random.normal(),
    gazeX: 0.1 * random.normal(),
    gazeY: 0.06 * random.normal(),
    lids: clamp(0.95 + 0.1 * random.normal(), 0.6, 1.15),
    smile: clamp(0.2 + 0.3 * random.normal(), -0.2, 1),
    mouthOpen: Math.max(0, 0.02 * random.normal()),
  };
}

/** The same posture a moment later. */
export function settle(pose: Pose, random: Philox): Pose {
  const blink = random.uniform() < 0.06;
  return {
    yaw: pose.yaw + 0.05 * random.normal(),
    pitch: pose.pitch + 0.03 * random.normal(),
    roll: pose.roll + 0.02 * random.normal(),
    half: pose.half * (1 + 0.015 * random.normal()),
    shiftX: pose.shiftX + 0.015 * random.normal(),
    shiftY: pose.shiftY + 0.015 * random.normal(),
    gazeX: pose.gazeX + 0.05 * random.normal(),
    gazeY: pose.gazeY + 0.03 * random.normal(),
    lids: blink ? 0.15 : pose.lids,
    smile: clamp(pose.smile + 0.1 * random.normal(), -0.4, 1),
    mouthOpen: Math.max(0, pose.mouthOpen + 0.012 * random.normal()),
  };
}

function along(tones: readonly Colour[], t: number): Colour {
  const position = t * (tones.length - 1);
  const i = Math.min(Math.floor(position), tones.length - 2);
  return mixColour(tones[i]!, tones[i + 1]!, position - i);
}

function varied(colour: Colour, between: Between, share: number): Colour {
  const level = between(1 - share, 1 + share);
  const part = () => level * between(1 - share / 3, 1 + share / 3);
  return [colour[0] * part(), colour[1] * part(), colour[2] * part()];
}
