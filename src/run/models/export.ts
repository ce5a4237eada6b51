/** `ldc export`: weights to an ONNX file, which gets its name only when onnxruntime has given our engine's scores with it. */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { UserError, WorkError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { sha256 } from '../../data/cropSet.js';
import { readImage } from '../../data/loader.js';
import type { StateSource } from '../../engine/nn/module.js';
import { Philox, purposes } from '../../engine/random.js';
import { OnnxScorer } from '../../evaluate/onnxEvaluator.js';
import type { ImageScore, Scorer } from '../../evaluate/scorer.js';
import { bytesOf } from '../../formats/dtype.js';
import { encodeOnnx, onnxMetadata, withOnnxMetadata } from '../../formats/onnx.js';
import { methodOf } from '../configuration.js';
import { graphOf } from '../engines.js';
import type { Progress } from '../progress.js';
import { decide, type Threshold } from '../threshold.js';
import { version } from '../version.js';
import { cardFromMetadata, cardToMetadata, type ModelCard, modelCard } from './modelCard.js';
import { openOnEngine, readModel, type WeightsInUse } from './openModel.js';

/** A float32 model whose scores differ more from the engine's is not written. */
export const scoreTolerance = 1e-5;
/** Images of noise that every model is checked with. */
const randomImages = 4;
const batch = 4;

export interface ExportOptions {
  /** Also gives the feature, as a fourth output. */
  feature: boolean;
  /** Convolutions in float16. */
  half: boolean;
  /** Real images to check with. */
  images: readonly string[];
  progress: Progress;
}

/** How far onnxruntime, with the exported model, is from the engine with the weights as they were. */
export interface ExportCheck {
  images: { random: number; real: number };
  /** Largest difference of a score, 0…1, and of a map's element, 0…255; null for a network without maps. */
  score: number;
  map: number | null;
  /** Images that are decided otherwise at the model's threshold. */
  decisions: number;
}

export interface Exported {
  model: string;
  bytes: number;
  card: ModelCard;
  check: ExportCheck;
}

/**
 * Writes `path` and `model.json` beside it. Equal weights and settings give equal bytes.
 * @throws WorkError when onnxruntime's scores are not the engine's; then nothing is written
 */
export async function exportModel(weights: WeightsInUse, path: string, options: ExportOptions): Promise<Exported> {
  const { feature, half } = options;
  const { state, digest } = hashed(weights.state);
  const graph = await graphOf(weights.config, state, { feature, half });
  const card = modelCard(weights.config, weights, { precision: half ? 'float16' : 'float32', sha256: digest() });
  const producer = { name: 'ldc', version };
  const bytes = encodeOnnx({ name: methodOf(weights.config).name, producer, metadata: cardToMetadata(card), ...graph });
  const check = await compareEngines(weights, bytes, card, options);
  refuse(check, path, half);
  await writeModel(path, bytes, card);
  return { model: path, bytes: bytes.length, card, check };
}

/** Decides at another threshold from now on: in the file itself and in `model.json`. @throws UserError when `path` is no model of `ldc export` */
export async function writeThreshold(path: string, threshold: Threshold): Promise<void> {
  const bytes = withOnnxMetadata(await readModel(path), path, 'threshold', JSON.stringify(threshold));
  await writeModel(path, bytes, cardFromMetadata(onnxMetadata(bytes, path), path));
}

async function writeModel(path: string, bytes: Uint8Array, card: ModelCard): Promise<void> {
  await writeFileWhole(path, bytes);
  const document = { model: basename(path), sha256: sha256(bytes), ...card };
  await writeFileWhole(cardPath(path), `${JSON.stringify(document, null, 2)}\n`);
}

/** `model.json` beside `model.onnx`. */
export function cardPath(path: string): string {
  return join(dirname(path), `${basename(path).replace(/\.onnx$/, '')}.json`);
}

/** The same weights, and the hash of those that were read. */
function hashed(state: StateSource): { state: StateSource; digest(): string } {
  const hash = createHash('sha256');
  const values = async (name: string) => {
    const read = await state.values(name);
    hash.update(`${name} [${state.shape(name)}]\n`).update(bytesOf(Float32Array.from(read)));
    return read;
  };
  return { state: { ...state, values }, digest: () => hash.digest('hex') };
}

async function compareEngines(
  weights: WeightsInUse,
  bytes: Uint8Array,
  card: ModelCard,
  { images, progress }: ExportOptions,
): Promise<ExportCheck> {
  const size = card.preprocessing.size;
  const engine = await openOnEngine(weights);
  const exported = await OnnxScorer.open(bytes, 'the exported model', {
    scaling: card.preprocessing,
    threads: weights.config.threads,
  });
  const counts = { random: randomImages, real: images.length };
  const check: ExportCheck = { images: counts, score: 0, map: null, decisions: 0 };
  const decided = ({ score }: ImageScore) => decide(score, card.threshold.frame);
  progress.begin('check by onnxruntime', randomImages + images.length, 0, 'images');
  try {
    let done = 0;
    for await (const { pixels, count } of checkBatches(images, size)) {
      const [ours, theirs] = await bothScores(engine.scorer, exported, pixels, count, size);
      ours.forEach((our, i) => {
        const their = theirs[i]!;
        check.score = largest(check.score, Math.abs(our.score - their.score));
        for (const map of ['liveMap', 'spoofMap'] as const) {
          const [a, b] = [our[map], their[map]];
          if (a && b) check.map = largest(check.map ?? 0, distance(a, b));
        }
        if (decided(our) !== decided(their)) check.decisions++;
      });
      done += count;
      progress.update(done);
    }
  } finally {
    await exported.release();
    await engine.release();
  }
  progress.end();
  return check;
}

function bothScores(ours: Scorer, theirs: Scorer, pixels: Uint8Array, count: number, size: number) {
  return Promise.all([ours.score(pixels, count, size), theirs.score(pixels, count, size)]);
}

/** Noise first, then the images. */
async function* checkBatches(images: readonly string[], size: number) {
  const random = new Philox(0, purposes.exportCheck);
  const noise = Uint8Array.from({ length: randomImages * size * size * 3 }, () => 256 * random.uniform());
  yield { pixels: noise, count: randomImages };
  for (let i = 0; i < images.length; i += batch) {
    const some = images.slice(i, i + batch);
    const pixels = new Uint8Array(some.length * size * size * 3);
    for (const [k, image] of some.entries()) pixels.set(await readImage(image, size), k * size * size * 3);
    yield { pixels, count: some.length };
  }
}

function refuse({ score, map }: ExportCheck, path: string, half: boolean): void {
  if (!Number.isFinite(score + (map ?? 0))) {
    const why = half ? 'float16 does not hold its numbers' : 'the weights hold numbers that are not finite';
    throw new UserError(
      `${path} is not written: scores or maps are not finite, ${why}`,
      half ? 'export without --fp16' : undefined,
    );
  }
  if (!half && score > scoreTolerance) {
    throw new WorkError(
      `${path} is not written: onnxruntime's scores differ from the engine's by ${score.toExponential(1)}, allowed are ${scoreTolerance}`,
    );
  }
}

const noMap: Float32Array = new Float32Array();

/** NaN where anything is. */
function largest(...values: number[]): number {
  return Math.max(...values);
}

/** Of two maps; 0 where the network makes none. */
function distance(a = noMap, b = noMap): number {
  return a.reduce((most, value, k) => largest(most, Math.abs(value - b[k]!)), 0);
}
