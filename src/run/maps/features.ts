/** `ldc features`: pictures of what early descriptive convolutions answer to images, by kind. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../../base/errors.js';
import { nearest } from '../../config/nearest.js';
import { findCropSets } from '../../data/cropSet.js';
import type { LeftOut } from '../../data/leftOut.js';
import { readImage } from '../../data/loader.js';
import type { Frame } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { imagesToFeatures } from '../../engine/ops/images.js';
import type { LayerPicture } from '../../method/method.js';
import { pixelScaling } from '../../method/normalize.js';
import { loadModel } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { emptyNet } from '../engines.js';
import { imagesAt } from '../models/shots.js';
import type { Progress } from '../progress.js';
import type { openRun } from '../runFolder.js';
import { kindOf } from './targetMaps.js';

/** An image and what is known of it. */
export interface KnownImage {
  path: string;
  /** `live`, an attack type, or `unknown` where no crop set lists the image. */
  kind: string;
}

/** One image with its pictures, grey [size,size] each, by layer. */
export interface FeaturePictures extends KnownImage {
  /** [size,size,3], what the network saw. */
  pixels: Uint8Array;
  pictures: Map<string, Uint8Array>;
}

/** Images of the user's, with the kind that the crop sets in `dataFolder` give them. */
export async function knownImages(
  paths: readonly string[],
  dataFolder: string,
  progress: Progress,
): Promise<KnownImage[]> {
  const files = await imagesAt(paths, (text) => progress.note(text));
  // Paths are compared and nothing is read, wherever a link leads.
  const sets = existsSync(dataFolder) ? [...(await findCropSets(dataFolder, true)).values()] : [];
  const kinds = new Map(sets.flatMap(({ frames }) => frames.map((frame) => [resolve(frame.path), kindOf(frame)])));
  return files.map((path) => ({ path, kind: kinds.get(resolve(path)) ?? 'unknown' }));
}

/** Up to `each` images of each kind, of as many videos; live and attacks of the same subjects where there are. */
export function someOfEachKind(frames: readonly Frame[], each: number): Frame[] {
  const chosen = new Map<string, Map<string, Frame>>();
  for (const frame of frames.toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0))) {
    const kind = kindOf(frame);
    const ofKind = chosen.get(kind) ?? new Map<string, Frame>();
    chosen.set(kind, ofKind);
    // One a subject; where nobody knows the subjects, one a video.
    const who = frame.subject || frame.video;
    if (ofKind.size < each && !ofKind.has(who)) ofKind.set(who, frame);
  }
  return [...chosen.values()].flatMap((ofKind) => [...ofKind.values()]);
}

/**
 * Pictures of each image in order; images that cannot be read go to `leftOut`.
 * @param wanted layers; none: the method's first
 * @throws UserError for a layer that the network does not have, and when not one image can be read
 */
export async function* featurePictures(
  run: Awaited<ReturnType<typeof openRun>>,
  device: Device,
  checkpoint: string,
  wanted: readonly string[],
  images: readonly KnownImage[],
  progress: Progress,
  leftOut: LeftOut,
): AsyncGenerator<FeaturePictures> {
  const { data } = run.config;
  const size = data.image_size;
  const { pictures: drawing, title } = methodOf(run.config);
  if (drawing === undefined) throw new UserError(`the method ${title} has no layers that can be drawn`);
  const net = emptyNet(run, device);
  const weights = new FrozenWeights();
  try {
    const known = drawing.layers(net);
    const layers = wanted.length > 0 ? wanted : known.slice(0, 1);
    for (const layer of layers) if (!known.includes(layer)) unknownLayer(layer, known);
    await loadModel(join(run.folder.checkpoints, `${checkpoint}.safetensors`), net);
    progress.begin('features', images.length);
    leftOut.total = images.length;
    for (const [i, image] of images.entries()) {
      const pixels = await readImage(image.path, size, (text) => progress.note(text)).catch((error: unknown) => {
        leftOut.add(image.path, error);
        return null;
      });
      progress.update(i + 1);
      if (pixels === null) continue;
      const input = () => imagesToFeatures(device, pixels, [1, size, size], pixelScaling(data.normalize));
      const results = await drawing.draw(net, layers, input, weights);
      const pictures = new Map<string, Uint8Array>();
      for (const [k, layer] of layers.entries()) pictures.set(layer, await enlarged(results[k]![0]!, size));
      yield { ...image, pixels, pictures };
    }
    progress.end();
    leftOut.checkSome();
  } finally {
    weights.release();
    net.dispose();
  }
}

function unknownLayer(layer: string, known: readonly string[]): never {
  throw new UserError(
    `the network has no layer ${JSON.stringify(layer)} that can be drawn`,
    `did you mean ${nearest(layer, known).join(' or ')}? There are ${known.length}, from ${known[0]} to ${known.at(-1)}`,
  );
}

/** Grey bytes [size,size]. */
function enlarged({ values, height, width }: LayerPicture, size: number): Promise<Uint8Array> {
  const grey = Uint8Array.from(values, (value) => Math.round(255 * value));
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .resize(size, size, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
}
