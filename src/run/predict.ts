/** Scores and decisions for images and folders of the user's, at the model's own threshold. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../base/errors.js';
import { readImage } from '../data/loader.js';
import type { ImageScore } from '../evaluate/scorer.js';
import type { OpenModel } from './openModel.js';
import type { Progress } from './progress.js';
import { decide } from './threshold.js';

export interface Prediction extends ImageScore {
  path: string;
  decision: 'live' | 'spoof';
  /** [size,size,3], what the network saw. */
  pixels: Uint8Array;
}

const imageEndings = /\.(jpe?g|png|webp|tiff?|bmp)$/i;

/**
 * One prediction an image, in order. Images are taken as they are: crop faces as the training data were.
 * @throws UserError for a path that does not exist, a folder without images, an unreadable image
 */
export async function* predict(
  { scorer, imageSize, threshold }: OpenModel,
  paths: readonly string[],
  progress: Progress,
): AsyncGenerator<Prediction> {
  const files = await imagesAt(paths);
  progress.begin('predict', files.length, 0, 'images');
  for (const [i, path] of files.entries()) {
    const pixels = await readImage(path, imageSize);
    const [scored] = await scorer.score(pixels, 1, imageSize);
    progress.update(i + 1);
    yield { path, pixels, ...scored!, decision: decide(scored!.score, threshold.frame) };
  }
  progress.end();
}

/** The images that paths name: files, and all that folders hold. @throws UserError when there is nothing under a path */
export async function imagesAt(paths: readonly string[]): Promise<string[]> {
  return (await Promise.all(paths.map(imagesIn))).flat();
}

async function imagesIn(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`${path} does not exist`);
  if (found.isFile()) return [path];
  const files = (await readdir(path, { recursive: true })).filter((file) => imageEndings.test(file)).sort();
  if (files.length === 0)
    throw new UserError(`there is no image in ${path}`, 'images end in .jpg, .png, .webp, .tif or .bmp');
  return files.map((file) => join(path, file));
}

/** File name for an overlay of `path`. */
export function overlayName(path: string): string {
  return `${basename(path).replace(imageEndings, '')}-maps.png`;
}
