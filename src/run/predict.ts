/** Scores and decisions for images and folders of the user's, at the run's own threshold. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../base/errors.js';
import { readImage } from '../data/loader.js';
import type { Device } from '../engine/device.js';
import { EngineScorer, type ImageScore } from '../evaluate/engineEvaluator.js';
import { isKnown, type ThresholdResult } from '../evaluate/evaluation.js';
import { loadModel } from './checkpoint.js';
import { emptyNet } from './evaluateRun.js';
import type { Progress } from './progress.js';
import type { openRun } from './runFolder.js';

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
  run: Awaited<ReturnType<typeof openRun>>,
  device: Device,
  checkpoint: string,
  threshold: number,
  paths: readonly string[],
  progress: Progress,
): AsyncGenerator<Prediction> {
  const files = (await Promise.all(paths.map(imagesAt))).flat();
  const { config, folder } = run;
  const size = config.data.image_size;
  const net = emptyNet(run, device);
  const scorer = new EngineScorer(device, net, config.data.normalize);
  try {
    await loadModel(join(folder.checkpoints, `${checkpoint}.safetensors`), net);
    progress.begin('predict', files.length, 0, 'images');
    for (const [i, path] of files.entries()) {
      const pixels = await readImage(path, size);
      const [scored] = await scorer.score(pixels, 1, size);
      progress.update(i + 1);
      yield { path, pixels, ...scored!, decision: scored!.score >= threshold ? 'live' : 'spoof' };
    }
    progress.end();
  } finally {
    scorer.release();
    net.dispose();
  }
}

/** The threshold a run decides at: the sources' EER threshold where the evaluation has one, else 0.5. */
export function decisionThreshold(thresholds: Record<string, ThresholdResult> | undefined): {
  name: string;
  value: number;
} {
  const source = thresholds?.['source-dev-eer'];
  if (source !== undefined && isKnown(source) && source.value !== null)
    return { name: 'source-dev-eer', value: source.value };
  return { name: 'fixed', value: 0.5 };
}

async function imagesAt(path: string): Promise<string[]> {
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
