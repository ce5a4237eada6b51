/** Using a trained network from a program: what the package `ldcnet` exports beside its engine. */
import { stat } from 'node:fs/promises';
import { UserError } from './base/errors.js';
import { inBatches, readImage } from './data/loader.js';
import { type Calibration, calibrate as calibrateScores, criterionOf } from './evaluate/calibrate.js';
import type { Evaluation } from './evaluate/results.js';
import { readScores, type ScoreFileOptions } from './evaluate/scoreFile.js';
import type { ImageScore } from './evaluate/scorer.js';
import { type ScoreRow, type Scores, scoresOf } from './evaluate/scores.js';
import type { Provider } from './onnxruntime/provider.js';
import { loadConfig } from './run/configuration.js';
import { evaluateBare } from './run/evaluation/scored.js';
import type { ForeignCard } from './run/models/foreignCard.js';
import { openOnnx } from './run/models/foreignModel.js';
import { fileWeights, type OpenModel, openOnEngine, runWeights } from './run/models/openModel.js';
import { openRun } from './run/runFolder.js';
import { decide } from './run/threshold.js';

export interface LoadOptions {
  /** `auto`, `cpu` or `cuda`, of our own engine. */
  device?: 'auto' | 'cpu' | 'cuda';
  threads?: number | 'auto';
  /** Card of an `.onnx` model that `ldc export` did not write: its path, or what stands in it. Else the one beside the model is taken. */
  card?: string | ForeignCard;
  /** What onnxruntime computes an `.onnx` model on. */
  provider?: Provider;
  /** Changes keys of the configuration of a run or of weights: `['data.image_size=224']`. */
  set?: readonly string[];
}

/** What the network says about one image, and what follows at the model's threshold. */
export interface Verdict extends ImageScore {
  decision: 'live' | 'spoof';
}

const batchSize = 8;

/**
 * Opens a network: the folder of a run, an `.onnx` file of `ldc export` or any other with a card, or weights (safetensors, or a PyTorch checkpoint,
 * in which nothing is executed). Call `release()` when it is not needed any more.
 * @throws UserError when there is no such file, or it is not one
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<OpenModel> {
  const { card, device, threads, provider, set = [] } = options;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`${path} does not exist`);
  if (path.endsWith('.onnx')) return openOnnx(path, { card, provider, threads });
  const overrides = Object.entries({ device, threads }).flatMap(([key, value]) => (value ? [`${key}=${value}`] : []));
  const all = [...set, ...overrides];
  if (found.isDirectory()) return openOnEngine(await runWeights(await openRun(path, all)));
  return openOnEngine(await fileWeights(path, (own) => loadConfig(undefined, [...own, ...all])));
}

/**
 * Scores images, each a path or the content of an image file (JPEG, PNG, WebP, TIFF), in order. Faces must be cropped as the training data
 * were. Calls may overlap.
 * @throws UserError for an image that cannot be read
 */
export async function predict(model: OpenModel, images: readonly (string | Uint8Array)[]): Promise<Verdict[]> {
  const { scorer, imageSize, threshold } = model;
  const verdicts: Verdict[] = [];
  for (const batch of inBatches(images, batchSize)) {
    const decoded = await Promise.all(batch.map((image) => readImage(image, imageSize)));
    const scores = await scorer.score(Buffer.concat(decoded), batch.length, imageSize);
    verdicts.push(...scores.map((each) => ({ ...each, decision: decide(each.score, threshold.frame) })));
  }
  return verdicts;
}

export interface EvaluateOptions extends ScoreFileOptions {
  /** Development scores of the sources, from which the threshold `source-dev-eer` comes. */
  development?: string | readonly ScoreRow[];
}

/**
 * A threshold from labelled scores, with its rates and how sure they are: what `ldc calibrate --scores` says.
 * @param at `bpcer=0.02`, `apcer=0.05` or `eer`
 * @throws UserError for a file that is none, scores of one class, or another criterion
 */
export async function calibrate(
  scores: string | readonly ScoreRow[],
  at: string,
  options: ScoreFileOptions = {},
): Promise<Calibration> {
  return calibrateScores(await opened(scores, options), criterionOf(at));
}

/**
 * Everything that `ldc eval --scores` says of scores: a file of any kind that it reads, or rows.
 * @throws UserError for a file that is none, or scores of one class
 */
export async function evaluate(
  scores: string | readonly ScoreRow[],
  { development, ...options }: EvaluateOptions = {},
): Promise<Evaluation> {
  const source = development === undefined ? undefined : await opened(development, options);
  return evaluateBare(await opened(scores, options), source);
}

async function opened(scores: string | readonly ScoreRow[], options: ScoreFileOptions): Promise<Scores> {
  return typeof scores === 'string' ? readScores(scores, options) : scoresOf(scores, 'the scores');
}
