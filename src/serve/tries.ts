/**
 * Scores of pictures that somebody tries on the page: by any run, or ONNX model with its card, opened when it is first asked for. A picture
 * is looked at in memory alone, one after the other, and never written.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { UserError } from '../base/errors.js';
import { openImage } from '../data/image.js';
import type { Detector } from '../data/prepare/detector.js';
import { type LoadOptions, loadModel } from '../library.js';
import { mapOver } from '../run/maps/overlay.js';
import { cardFileFor } from '../run/models/foreignCard.js';
import type { OpenModel } from '../run/models/openModel.js';
import { faceIn, theDetector } from '../run/models/shots.js';
import { decide } from '../run/threshold.js';
import type { Runs } from './runs.js';

/** What of a picture the network sees. */
export const parts = ['square', 'whole', 'face'] as const;
export type Part = (typeof parts)[number];

export interface TriedModel {
  id: string;
  path: string;
}

export interface Answer {
  /** Null where a face was looked for and not found; then there is nothing else. */
  score: number | null;
  decision?: 'live' | 'spoof';
  threshold?: { name: string; value: number };
  /** Milliseconds in the network. */
  ms?: number;
  /** What the network saw, and its maps over it: data URLs. */
  faces?: { name: string; src: string }[];
  model?: Pick<OpenModel, 'synthetic' | 'foreign' | 'checkpoint' | 'protocol'>;
}

/** Too much is asked for at once. */
export class Busy extends Error {}

/** More pixels are not decoded. */
const mostPixels = 50_000_000;
/** Seconds that decoding may take. */
const longest = 10;
const mostWaiting = 8;
/** Models that stay open. */
const mostOpen = 2;
/** Longer side of a picture in which a face is looked for. */
const detectorSide = 1920;

export class Tries {
  private readonly open = new Map<string, { signature: string; model: OpenModel }>();
  private detector: Promise<Detector> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  /** @param files ONNX models beside those in the folder of runs */
  constructor(
    private readonly runs: Runs,
    private readonly files: readonly string[],
    private readonly options: Pick<LoadOptions, 'device' | 'threads'>,
  ) {}

  /** What can be chosen: named files first, then runs with a checkpoint, and the models that were exported into them. */
  async models(): Promise<TriedModel[]> {
    const runs = await this.runs.all();
    const found = await Promise.all(
      runs.map(async ({ id, folder }) => {
        const entries = await readdir(folder.path, { withFileTypes: true }).catch(() => []);
        const exported = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.onnx'));
        const models = exported.map(({ name }) => ({ id: `${id}/${name}`, path: join(folder.path, name) }));
        return existsSync(folder.checkpoints) ? [{ id, path: folder.path }, ...models] : models;
      }),
    );
    return [...this.files.map((path) => ({ id: basename(path), path })), ...found.flat()];
  }

  /** @throws UserError for a model that is not one of `models`, or content that is no picture; Busy */
  score(id: string, part: Part, content: Uint8Array): Promise<Answer> {
    return this.inTurn(async () => {
      await checkPicture(content);
      const model = await this.opened(id);
      const { imageSize, threshold, synthetic, foreign, checkpoint, protocol } = model;
      const pixels = await this.shot(content, part, imageSize);
      if (pixels === null) return { score: null };
      const started = performance.now();
      const [answer] = await model.scorer.score(pixels, 1, imageSize);
      const ms = performance.now() - started;
      const { score, liveMap, spoofMap } = answer!;
      const maps = Object.entries({ 'live map': liveMap, 'spoof map': spoofMap });
      const layers = maps.flatMap(([name, values]) =>
        values ? [{ name, layer: { values, size: model.mapSize! } }] : [],
      );
      const faces = await Promise.all([
        pictureUrl('what the network saw', pixels, imageSize),
        ...layers.map(async ({ name, layer }) => pictureUrl(name, await mapOver(pixels, imageSize, layer), imageSize)),
      ]);
      return {
        ...{ score, decision: decide(score, threshold.frame), ms, faces },
        threshold: { name: threshold.name, value: threshold.frame },
        model: { synthetic, foreign, checkpoint, protocol },
      };
    });
  }

  /** A video by the mean of its frames' scores, at the model's threshold for videos. */
  decideVideo(id: string, scores: readonly number[]): Promise<Answer> {
    return this.inTurn(async () => {
      const { threshold } = await this.opened(id);
      const score = scores.reduce((sum, each) => sum + each, 0) / scores.length;
      return {
        score,
        decision: decide(score, threshold.video),
        threshold: { name: threshold.name, value: threshold.video },
      };
    });
  }

  async close(): Promise<void> {
    await this.turn.catch(() => {});
    for (const { model } of this.open.values()) await model.release();
    this.open.clear();
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= mostWaiting) throw new Busy('too many pictures at once');
    this.waiting++;
    const result = this.turn.then(work, work);
    this.turn = result.catch(() => {});
    try {
      return await result;
    } finally {
      this.waiting--;
    }
  }

  /** Opened again when its run went on or was evaluated, or its card was written, as the threshold may be another. */
  private async opened(id: string): Promise<OpenModel> {
    const found = (await this.models()).find((model) => model.id === id);
    if (found === undefined) throw new UserError(`there is no model ${JSON.stringify(id.slice(0, 200))} here`);
    const card = cardFileFor(found.path, undefined);
    const files = [found.path, ...(card === undefined ? [] : [card])];
    const signature = (await Promise.all(files.map(async (path) => (await stat(path)).mtimeMs))).join(' ');
    const known = this.open.get(id);
    if (known?.signature === signature) return known.model;
    this.open.delete(id);
    await known?.model.release();
    for (const [other, { model }] of [...this.open].slice(0, Math.max(0, this.open.size - mostOpen + 1))) {
      this.open.delete(other);
      await model.release();
    }
    const onnx = found.path.endsWith('.onnx');
    const model = await loadModel(found.path, onnx ? { threads: this.options.threads } : this.options);
    this.open.set(id, { signature, model });
    return model;
  }

  /** [size,size,3]; null where no face is found. */
  private async shot(content: Uint8Array, part: Part, size: number): Promise<Uint8Array | null> {
    if (part !== 'face') {
      // A square picture, as a crop is one, comes to the same either way: what ldc predict makes of it.
      const fit = part === 'square' ? 'cover' : 'fill';
      return decoded(content, (image) => image.resize(size, size, { fit }));
    }
    this.detector ??= theDetector();
    this.detector.catch(() => {
      this.detector = undefined;
    });
    const detector = await this.detector;
    const inside = { fit: 'inside', withoutEnlargement: true } as const;
    const { pixels, width, height } = await openPicture(content, (image) =>
      image.resize(detectorSide, detectorSide, inside),
    );
    return faceIn({ left: 0, top: 0, width, height, pixels }, detector, size);
  }
}

type Change = (image: Sharp) => Sharp;

async function decoded(content: Uint8Array, change: Change): Promise<Uint8Array> {
  return (await openPicture(content, change)).pixels;
}

async function openPicture(content: Uint8Array, change: Change) {
  try {
    const { data, info } = await openImage(content, (image) =>
      change(image)
        .toColourspace('srgb')
        .removeAlpha()
        .timeout({ seconds: longest })
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true }),
    );
    return { pixels: data as Uint8Array, width: info.width, height: info.height };
  } catch (error) {
    throw new UserError(
      `this picture cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
    );
  }
}

/** JPEG, PNG, WebP, TIFF or AVIF by its first bytes, and of a size that is decoded: before a decoder sees more than its header. */
async function checkPicture(content: Uint8Array): Promise<void> {
  const start = Buffer.from(content.subarray(0, 16)).toString('latin1');
  const known = /^(?:\xff\xd8\xff|\x89PNG\r\n|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftyp(?:avif|avis|mif1))/s.test(start);
  if (!known) throw new UserError('this is no picture that is read here', 'JPEG, PNG, WebP, TIFF and AVIF are');
  const { width, height } = await sharp(content, { limitInputPixels: mostPixels })
    .metadata()
    .catch(() => {
      throw new UserError(`this picture cannot be read, or has more than ${mostPixels / 1e6} million pixels`);
    });
  if (width * height > mostPixels) throw new UserError(`this picture has more than ${mostPixels / 1e6} million pixels`);
}

async function pictureUrl(name: string, pixels: Uint8Array, size: number) {
  const jpeg = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
  return { name, src: `data:image/jpeg;base64,${jpeg.toString('base64')}` };
}
