/** One video: a sitter, perhaps on paper or on a display, before a domain's camera, a frame at a time. */
import { Philox, purposes } from '../../engine/random.js';
import { type Backdrop, drawBackdrop, paintBackdrop } from './backdrop.js';
import { capture, drawExposure, type Exposure, readjust } from './camera.js';
import type { Domain } from './domains.js';
import { renderFace } from './face.js';
import { drawIdentity, drawPose, type Identity, type Pose, settle } from './identity.js';
import { clamp, gaussianBlur, type Image } from './image.js';
import { createCanvas, drawLight, type Light } from './light.js';
import { frameOfPhoto } from './photos.js';
import { drawPrint, renderPrint } from './print.js';
import { drawReplay, renderReplay } from './replay.js';
import { pictureReach, sway } from './sheet.js';

export type Medium = 'live' | 'print' | 'replay';

/** What one subject's videos in one domain share: who it is, the light, the room, the camera's settings. */
export interface Visit {
  readonly sitter: Identity | readonly Image[];
  readonly light: Light;
  readonly backdrop: Backdrop;
  readonly exposure: Exposure;
}

/** Addresses a stream of random numbers by what is drawn from it, so that no frame depends on which came before. */
export interface Stream {
  readonly seed: number;
  readonly domain: number;
  readonly subject: number;
}

/** `video` and `frame` count from 1; 0 stands for what all videos, or all frames, share. */
function stream({ seed, domain, subject }: Stream, video = 0, frame = 0): Philox {
  return new Philox(seed, purposes.synth, (((domain + 1) * 2 ** 20 + subject) * 16 + video) * 2 ** 16 + frame);
}

/**
 * Draws what a visit's videos share.
 * @param photos the sitter's photographs, square, which the videos take in turn; a face is drawn when there are none
 */
export function receive(domain: Domain, at: Stream, size: number, photos: readonly Image[] = []): Visit {
  const random = stream(at);
  return {
    sitter: photos.length > 0 ? photos : drawIdentity(random),
    light: drawLight(domain.light, random),
    backdrop: drawBackdrop(domain.backdrop, random),
    exposure: drawExposure(domain.camera, size, random),
  };
}

/** A frame as the sensor saw it: 8-bit RGB `[side, side, 3]`, and how it is to be kept. */
export interface Shot {
  readonly pixels: Uint8Array;
  readonly side: number;
  readonly quality: number;
  readonly bitsPerPixel: number;
}

/** Scene pixels per sensor pixel: enough for the stripes and dots of a medium to alias in the sensor and not before it. */
const oversampling = 2;
/** The same for the picture shown on a medium, which the medium resamples. */
const photoOversampling = 1.5;

/**
 * The frames of one video, in order.
 * @param video number of the video in the visit, from 1, below 16
 */
export function* film(
  domain: Domain,
  visit: Visit,
  at: Stream,
  video: number,
  medium: Medium,
  frames: number,
): Generator<Shot> {
  const random = stream(at, video);
  const exposure = readjust(visit.exposure, random);
  const sit = seat(visit, video, random);
  const show = medium === 'live' ? sit : mount(domain, visit, medium, at, exposure, sit, random);
  const side = Math.round(oversampling * exposure.sensorPixels);
  for (let frame = 1; frame <= frames; frame++) {
    const moment = stream(at, video, frame);
    const pixels = capture(show(side, moment), domain.camera, exposure, moment);
    const { sensorPixels, quality, bitsPerPixel } = exposure;
    yield { pixels, side: sensorPixels, quality, bitsPerPixel };
  }
}

/** Radiance of a square scene at one moment; `reach` above 1 shows so much more around it. */
type Scene = (side: number, moment: Philox, reach?: number) => Image;

/** The subject in person. */
function seat(visit: Visit, video: number, random: Philox): Scene {
  const { sitter, light, backdrop } = visit;
  const pose = drawPose(random);
  const hold = (moment: Philox, reach: number): Pose => {
    const held = settle(pose, moment);
    return { ...held, half: held.half * reach };
  };
  if ('skin' in sitter)
    return (side, moment, reach = 1) => renderFace(side, sitter, hold(moment, reach), light, backdrop);
  const photo = sitter[(video - 1) % sitter.length]!;
  return (side, moment, reach = 1) => frameOfPhoto(photo, side, hold(moment, reach), light);
}

/** The subject's picture on paper, or moving on a display. */
function mount(
  domain: Domain,
  visit: Visit,
  medium: 'print' | 'replay',
  at: Stream,
  exposure: Exposure,
  sit: Scene,
  random: Philox,
): Scene {
  const { light } = visit;
  const pixels = exposure.sensorPixels;
  const around = remember((side) => room(side, visit.backdrop, light));
  const photoSide = Math.round(photoOversampling * pictureReach * pixels);
  if (medium === 'print') {
    const print = drawPrint(inTurn(domain.printers, at.subject), random);
    const photo = takePhoto(sit(photoSide, random, pictureReach));
    return (side, moment) =>
      renderPrint(side, photo, { ...print, sheet: sway(print.sheet, moment) }, light, () => around(side), pixels);
  }
  const replay = drawReplay(inTurn(domain.displays, at.subject), random);
  return (side, moment) => {
    const photo = takePhoto(sit(photoSide, moment, pictureReach));
    const swaying = { ...replay, sheet: sway(replay.sheet, moment) };
    return renderReplay(side, photo, swaying, light, () => around(side), pixels, moment.uniform());
  };
}

/** The printer or display that attacks as a subject: they take turns. */
export function inTurn<Model>(models: readonly Model[], subject: number): Model {
  return models[subject % models.length]!;
}

/** What an attacker's own good camera makes of the subject: exposed for the scene, clipped, a little soft. Linear, 0…1. */
function takePhoto(scene: Image): Image {
  const photo = gaussianBlur(scene, 0.45);
  let sum = 0;
  for (let i = 1; i < photo.data.length; i += 3) sum += photo.data[i]!;
  const gain = (0.26 * photo.data.length) / 3 / Math.max(sum, 1e-6);
  for (let i = 0; i < photo.data.length; i++) photo.data[i] = clamp(photo.data[i]! * gain, 0, 1);
  return photo;
}

/** The wall does not move: it is painted once a video. */
function remember(paint: (side: number) => Image): (side: number) => Image {
  let last: Image | undefined;
  return (side) => {
    if (last?.width !== side) last = paint(side);
    return last;
  };
}

function room(side: number, backdrop: Backdrop, light: Light): Image {
  const canvas = createCanvas(side);
  paintBackdrop(canvas, backdrop, light);
  return { width: side, height: side, data: canvas.albedo };
}
