/** A face drawn whole: surfaces painted from back to front, then lit once. */
import { type Backdrop, paintBackdrop } from './backdrop.js';
import { paintFeatures } from './features.js';
import { paintBackHair, paintBeard, paintFrontHair, paintGlasses } from './hair.js';
import { createView, paintBody, paintEars, paintSkull } from './head.js';
import type { Identity, Pose } from './identity.js';
import type { Image } from './image.js';
import { createCanvas, type Light, shade } from './light.js';
import { makeRelief } from './relief.js';

/** The radiance of a scene, `[size, size, 3]`, as an ideal camera before the subject would see it. */
export function renderFace(size: number, identity: Identity, pose: Pose, light: Light, backdrop: Backdrop): Image {
  const canvas = createCanvas(size);
  const view = createView(canvas, identity, pose, makeRelief(identity, pose, light));
  paintBackdrop(canvas, backdrop, light);
  paintBackHair(view);
  paintBody(view);
  paintEars(view);
  paintSkull(view);
  paintFeatures(view);
  paintBeard(view);
  paintFrontHair(view);
  paintGlasses(view);
  return { width: size, height: size, data: shade(canvas, light) };
}
