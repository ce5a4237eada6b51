/** What scores images, our engine or onnxruntime, and the loop that puts frames to either. */
import { basename, dirname } from 'node:path';
import { UserError } from '../base/errors.js';
import type { LeftOut } from '../data/leftOut.js';
import { inBatches, loadBatches } from '../data/loader.js';
import { type Frame, relativePath } from '../data/manifest.js';
import { type Scores, ScoresBuilder, scoreColumns } from './scores.js';

/** What the network says about one image. */
export interface ImageScore {
  /** Higher means more live, 0…1. */
  score: number;
  /** [S,S], 0…255: both or neither, because not every network makes maps. */
  liveMap?: Float32Array;
  spoofMap?: Float32Array;
}

/** Of a network that makes maps. */
export type MappedScore = Required<ImageScore>;

/** A network with its weights, ready to score batches one after the other. */
export interface Scorer {
  /** @param pixels [count,size,size,3], 0…255 */
  score(pixels: Uint8Array, count: number, size: number): Promise<ImageScore[]>;
  /** Call it at the end. */
  release(): void | Promise<void>;
}

export interface ScoringOptions {
  imageSize: number;
  batchSize: number;
  workers: number | 'auto';
  /** Keep decoded images beside their manifest. */
  cache?: boolean | string;
  /** Where images that cannot be read go; their rows have no score. Otherwise the first ends the work. */
  leftOut?: LeftOut | undefined;
  /** Is told of images that are used though not whole. */
  note?: ((text: string) => void) | undefined;
  onProgress?(done: number): void;
  /** What happens to an image [size,size,3] before it is scored; `position` is its place in the frames. */
  alter?: ((pixels: Uint8Array, position: number) => Promise<Uint8Array>) | undefined;
}

/**
 * Scores of `frames` in their order; the next batches are decoded meanwhile.
 * @throws UserError for an unreadable image, or with `leftOut` when not one can be read
 */
export async function scoreFrames(
  scorer: Scorer,
  frames: readonly Frame[],
  origin: string,
  { imageSize, batchSize, workers, cache = false, leftOut, note, onProgress, alter }: ScoringOptions,
): Promise<Scores> {
  const rows = new ScoresBuilder(origin);
  const columns = groupColumns(frames);
  const missing = new Set(frames);
  const batches = inBatches(frames, batchSize);
  const positions = new Map(frames.map((frame, position) => [frame, position]));
  let done = 0;
  for await (const { pixels, frames: read } of loadBatches(batches, {
    size: imageSize,
    workers,
    cache,
    leftOut,
    note,
  })) {
    if (read.length > 0) {
      if (alter) await alterEach(pixels, read.length, (image, i) => alter(image, positions.get(read[i]!)!));
      const scores = await scorer.score(pixels, read.length, imageSize);
      read.forEach((frame, i) => {
        rows.add(scoreRow(frame, columns, scores[i]!));
        missing.delete(frame);
      });
    }
    done += batchSize;
    onProgress?.(Math.min(done, frames.length));
  }
  return withFailures(rows.build(), missing, columns);
}

/** Beside the scores, the rows of the images that could not be read. */
function withFailures(scores: Scores, missing: ReadonlySet<Frame>, columns: readonly string[]): Scores {
  if (missing.size === 0) return scores;
  if (scores.length === 0) throw new UserError(`not one of ${missing.size} images of ${scores.origin} can be read`);
  const failures = new ScoresBuilder(scores.origin);
  for (const frame of missing) failures.add(scoreRow(frame, columns, { score: Number.NaN }));
  return { ...scores, failures: failures.build() };
}

async function alterEach(
  pixels: Uint8Array,
  count: number,
  alter: NonNullable<ScoringOptions['alter']>,
): Promise<void> {
  const area = pixels.length / count;
  const ofImage = (i: number) => pixels.subarray(i * area, (i + 1) * area);
  const altered = await Promise.all(Array.from({ length: count }, (_, i) => alter(ofImage(i), i)));
  altered.forEach((image, i) => {
    pixels.set(image, i * area);
  });
}

/** How a frame is called in score files: its crop set's folder and the path in the manifest. */
export function scorePath(frame: Frame): string {
  return `${basename(dirname(frame.manifest))}/${relativePath(frame)}`;
}

/**
 * The manifests' own columns (session, phone, camera, …) that scores can be grouped by: all rows of a score file have the same.
 * A crop's place is different in each frame and groups nothing.
 */
function groupColumns(frames: readonly Frame[]): string[] {
  const names = new Set(frames.flatMap(({ extra }) => Object.keys(extra)));
  for (const name of ['box', ...scoreColumns]) names.delete(name);
  return [...names];
}

function scoreRow(frame: Frame, columns: readonly string[], { score, liveMap, spoofMap }: ImageScore) {
  const { domain, subject, video, label, attackType, pai } = frame;
  return {
    path: scorePath(frame),
    domain,
    subject,
    video,
    frame: frame.frame,
    label,
    attackType,
    score,
    ...(liveMap && spoofMap && { liveMapMean: mean(liveMap), spoofMapMean: mean(spoofMap) }),
    extra: { pai, ...Object.fromEntries(columns.map((name) => [name, frame.extra[name] ?? ''])) },
  };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Cuts the maps of a batch, [count,S,S], into one an image. */
export function splitMaps(maps: Float32Array, count: number): Float32Array[] {
  const area = maps.length / count;
  return Array.from({ length: count }, (_, i) => maps.subarray(i * area, (i + 1) * area));
}
