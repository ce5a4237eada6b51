/** Finds faces where a release ships no annotations: `@vladmandic/face-api`, which the user may install. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { messageOf, UserError } from '../../base/errors.js';
import type { Face, Point } from '../sources/source.js';
import type { Picture } from './crop.js';

const PACKAGE = '@vladmandic/face-api';

/** How to get it. */
export const installDetector = `npm install ${PACKAGE}`;

export interface Detector {
  /** Package, version and models, as recipes name it. */
  name: string;
  /** The most certain face of a picture, in the picture's frame; `null` when there is none. */
  detect(picture: Picture): Promise<Face | null>;
}

/** Pictures are shrunk to this longer side, beside which the network sees no more. */
const inputSide = 640;
/** Side of the network's own input, and the certainty from which a find counts. */
const network = { inputSize: 416, scoreThreshold: 0.4 };

/** The parts of the package that are used; it has no types that Node can load. */
interface FaceApi {
  tf: {
    setBackend(name: string): Promise<boolean>;
    ready(): Promise<void>;
    tensor3d(values: Uint8Array, shape: number[], type: 'int32'): { dispose(): void };
    io: { decodeWeights(bytes: ArrayBuffer, manifest: unknown): unknown };
  };
  nets: Record<'tinyFaceDetector' | 'faceLandmark68TinyNet', { loadFromWeightMap(weights: unknown): void }>;
  TinyFaceDetectorOptions: new (options: typeof network) => unknown;
  detectAllFaces(image: unknown, options: unknown): { withFaceLandmarks(tiny: boolean): Promise<Found[]> };
}

interface Found {
  detection: { score: number; box: { x: number; y: number; width: number; height: number } };
  landmarks: { getLeftEye(): Point[]; getRightEye(): Point[] };
}

/**
 * The detector with its models; `null` when the package is not installed.
 * @throws UserError when it is installed and cannot be used
 */
export async function loadDetector(): Promise<Detector | null> {
  const folder = findPackage();
  if (folder === null) return null;
  try {
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
    const api = await importBundle(join(folder, 'dist', 'face-api.esm.js'));
    await api.tf.setBackend('cpu');
    await api.tf.ready();
    await loadModel(api, folder, 'tinyFaceDetector', 'tiny_face_detector_model');
    await loadModel(api, folder, 'faceLandmark68TinyNet', 'face_landmark_68_tiny_model');
    return { name: `${PACKAGE} ${version}, tiny face detector`, detect: (picture) => detect(api, picture) };
  } catch (error) {
    throw new UserError(
      `the detector in ${folder} cannot be used: ${messageOf(error)}`,
      'go without it: --detector none',
    );
  }
}

function findPackage(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  } catch {
    return null;
  }
}

/**
 * The one build that brings all it needs along takes Node for a very old one and stops, unless it believes itself in a browser while it
 * is loaded.
 */
async function importBundle(file: string): Promise<FaceApi> {
  const scope = globalThis as { window?: unknown; document?: unknown };
  const { window, document } = scope;
  const page = { createElement: () => ({ getContext: () => null }) };
  scope.window = { document: page };
  scope.document = page;
  try {
    return (await import(pathToFileURL(file).href)) as FaceApi;
  } finally {
    if (window === undefined) delete scope.window;
    else scope.window = window;
    if (document === undefined) delete scope.document;
    else scope.document = document;
  }
}

async function loadModel(api: FaceApi, folder: string, net: keyof FaceApi['nets'], name: string): Promise<void> {
  const manifest = await readFile(join(folder, 'model', `${name}-weights_manifest.json`), 'utf8');
  const [group] = JSON.parse(manifest) as [{ paths: string[]; weights: unknown }];
  const parts = await Promise.all(group.paths.map((path) => readFile(join(folder, 'model', path))));
  const bytes = new Uint8Array(Buffer.concat(parts)).buffer;
  api.nets[net].loadFromWeightMap(api.tf.io.decodeWeights(bytes, group.weights));
}

async function detect(api: FaceApi, { left, top, width, height, pixels }: Picture): Promise<Face | null> {
  const scale = Math.max(1, Math.max(width, height) / inputSide);
  const small = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(Math.round(width / scale), Math.round(height / scale), { fit: 'fill' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const image = api.tf.tensor3d(small.data, [small.info.height, small.info.width, 3], 'int32');
  try {
    const found = await api.detectAllFaces(image, new api.TinyFaceDetectorOptions(network)).withFaceLandmarks(true);
    const best = found.sort((a, b) => b.detection.score - a.detection.score)[0];
    if (!best) return null;
    const point = ({ x, y }: Point): Point => ({ x: left + x * scale, y: top + y * scale });
    const { box } = best.detection;
    const eyes = [best.landmarks.getLeftEye(), best.landmarks.getRightEye()].map(middleOf).map(point);
    const [a, b] = eyes.sort((p, q) => p.x - q.x) as [Point, Point];
    return { box: { ...point(box), w: box.width * scale, h: box.height * scale }, eyes: [a, b] };
  } finally {
    image.dispose();
  }
}

function middleOf(points: readonly Point[]): Point {
  const sum = points.reduce((a, b) => ({ x: a.x + b.x, y: a.y + b.y }));
  return { x: sum.x / points.length, y: sum.y / points.length };
}
