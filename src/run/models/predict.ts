/** Scores and decisions for images and videos of the user's, at the model's own threshold. */
import { UserError } from '../../base/errors.js';
import type { LeftOut } from '../../data/leftOut.js';
import type { ImageScore } from '../../evaluate/scorer.js';
import type { Progress } from '../progress.js';
import { decide } from '../threshold.js';
import type { OpenModel } from './openModel.js';
import { isVideo, picturesAt, type ShotOptions, ShotReader } from './shots.js';

/** Of a video, the score is the mean of its frames', and maps and pixels are those of the frame in the middle. */
export interface Prediction extends ImageScore {
  path: string;
  decision: 'live' | 'spoof';
  /** Frames that were scored: 1 for an image. */
  frames: number;
  /** [size,size,3], what the network saw. */
  pixels: Uint8Array;
}

/**
 * One prediction a file, in order. Files in which a face was looked for and not found are noted and passed over; those that cannot be
 * read go to `leftOut`.
 * @throws UserError for a path that does not exist, a folder without pictures, and when not one file gives a prediction
 */
export async function* predict(
  { scorer, imageSize, threshold }: OpenModel,
  paths: readonly string[],
  options: ShotOptions,
  progress: Progress,
  leftOut: LeftOut,
): AsyncGenerator<Prediction> {
  const files = await picturesAt(paths, (text) => progress.note(text));
  leftOut.total = files.length;
  const reader = new ShotReader(imageSize, options, (text) => progress.note(text));
  progress.begin('predict', files.length, 0, 'files');
  let predicted = 0;
  for (const [i, path] of files.entries()) {
    const scored: (ImageScore & { pixels: Uint8Array })[] = [];
    try {
      for await (const pixels of reader.shots(path)) {
        const [score] = await scorer.score(pixels, 1, imageSize);
        scored.push({ ...score!, pixels });
      }
    } catch (error) {
      leftOut.add(path, error);
      continue;
    } finally {
      progress.update(i + 1);
    }
    const frames = scored.length;
    if (frames === 0) {
      progress.note(`no face is found in ${path}; it is left out`);
      continue;
    }
    predicted++;
    const score = scored.reduce((sum, each) => sum + each.score, 0) / frames;
    const decision = decide(score, isVideo(path) ? threshold.video : threshold.frame);
    yield { ...scored[Math.floor(frames / 2)]!, path, score, decision, frames };
  }
  progress.end();
  leftOut.checkSome();
  if (predicted === 0) throw new UserError('no face is found in any of the files');
}
