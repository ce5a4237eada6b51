import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { readCropSet } from '../../../src/data/cropSet.js';
import type { Picture } from '../../../src/data/prepare/crop.js';
import type { Detector, Find } from '../../../src/data/prepare/detector.js';
import { detectorNetwork, landmarkNetwork } from '../../../src/data/prepare/faceNetworks.js';
import { jumps } from '../../../src/data/prepare/faces.js';
import { type PrepareOptions, prepare } from '../../../src/data/prepare/prepare.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { Philox, purposes } from '../../../src/engine/random.js';
import { readTfjsWeights } from '../../../src/formats/tfjsWeights.js';
import { openSession } from '../../../src/onnxruntime/session.js';
import { titled } from '../../peers.js';
import { put, temporaryFolder } from '../helpers.js';
import { noFfmpeg } from './clips.js';
import { detectorFolder, detector as found, noDetector } from './detectorHere.js';
import { drawCasia, writeSceneClip } from './drawnCasia.js';
import { drawScene, isOfScene, type Scene } from './scenes.js';

const folder = detectorFolder;
const root = await temporaryFolder();
const detector = found as Detector;

/** Where the people of the package's six photos are, by eye, in pixels of a picture 640 wide: middle of the face. */
const people: readonly (readonly (readonly [number, number])[])[] = [
  [
    [165, 156],
    [306, 180],
    [516, 108],
  ],
  [
    [322, 93],
    [512, 101],
    [145, 85],
  ],
  [
    [227, 156],
    [399, 123],
    [524, 139],
  ],
  [
    [254, 70],
    [459, 90],
    [356, 94],
    [104, 104],
  ],
  [
    [498, 176],
    [152, 349],
    [219, 174],
    [391, 105],
    [282, 82],
  ],
  [
    [528, 138],
    [242, 165],
    [111, 217],
    [414, 155],
  ],
];

async function photo(number: number): Promise<Picture> {
  const file = join(folder!, 'demo', `sample${number}.jpg`);
  const resized = sharp(file).resize(640, 640, { fit: 'inside' }).removeAlpha().raw();
  const { data, info } = await resized.toBuffer({ resolveWithObject: true });
  return { left: 0, top: 0, width: info.width, height: info.height, pixels: data };
}

const pictureOf = ({ width, height, pixels }: Scene): Picture => ({ left: 0, top: 0, width, height, pixels });
const has = ({ x, y, w, h }: Find, [px, py]: readonly [number, number]) =>
  Math.abs(px - x - w / 2) < 0.4 * w && Math.abs(py - y - h / 2) < 0.4 * h;

describe.skipIf(noDetector)(titled('the detector', noDetector), () => {
  test('has the numbers of the package itself, which computes in JavaScript', { timeout: 120_000 }, async () => {
    const api = await importPackage();
    const side = 128;
    const random = new Philox(1, purposes.synth);
    const coarse = Uint8Array.from({ length: 3 * 16 * 16 }, () => random.int(256));
    const pixels = await sharp(coarse, { raw: { width: 16, height: 16, channels: 3 } })
      .resize(side, side)
      .raw()
      .toBuffer();
    const small = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .resize(112, 112)
      .raw()
      .toBuffer();
    const own = async (name: string, network: typeof detectorNetwork, input: Uint8Array, size: number) => {
      const weights = await readTfjsWeights(join(folder!, 'model', `${name}-weights_manifest.json`));
      const { runtime, session } = await openSession(network(weights), name, { threads: 1 });
      const outputs = await session.run({ picture: new runtime.Tensor('uint8', input, [1, size, size, 3]) });
      return Object.values(outputs)[0]!.data as Float32Array;
    };
    const theirs = async (net: keyof typeof api.nets, input: Uint8Array, size: number) => {
      const image = api.tf.tensor3d(new Uint8Array(input), [size, size, 3], 'int32');
      const output = await api.nets[net].forward(image, size);
      return { shape: output.shape, data: await output.data() };
    };
    const cells = await own('tiny_face_detector_model', detectorNetwork, pixels, side);
    const expected = await theirs('tinyFaceDetector', pixels, side);
    // Theirs are [row, column, channel], ours [channel, row, column].
    expect(expected.shape).toEqual([1, 4, 4, 25]);
    const largest = Math.max(...expected.data.map(Math.abs));
    for (let at = 0; at < 16; at++) {
      for (let k = 0; k < 25; k++) {
        expect(Math.abs(cells[k * 16 + at]! - expected.data[at * 25 + k]!)).toBeLessThan(1e-4 * largest);
      }
    }
    const points = await own('face_landmark_68_model', landmarkNetwork, small, 112);
    const landmarks = await theirs('faceLandmark68Net', small, 112);
    for (let i = 0; i < 136; i++) expect(Math.abs(points[i]! - landmarks.data[i]!)).toBeLessThan(1e-4);
  });

  test('finds 21 of the 22 people on the six photos of the package, and no more than two others', async () => {
    let [found, wrong] = [0, 0];
    for (const [i, places] of people.entries()) {
      const finds = await detector.find(await photo(i + 1));
      found += places.filter((place) => finds.some((find) => has(find, place))).length;
      wrong += finds.filter((find) => !places.some((place) => has(find, place))).length;
    }
    expect(found).toBeGreaterThanOrEqual(21);
    expect(wrong).toBeLessThanOrEqual(2);
  });

  test('finds small, large, tilted and turned faces, and the eyes of those seen from before', async () => {
    const errors: number[] = [];
    let found = 0;
    const plans = [0.15, 0.3, 0.5, 0.8].flatMap((share) =>
      [{}, { roll: 0.35 }, { roll: -0.35 }, { yaw: 0.6 }, { yaw: -0.6 }].map((pose) => ({ share, ...pose })),
    );
    for (const [seed, plan] of plans.entries()) {
      const scene = drawScene(seed, plan);
      const taken = await detector.detect(pictureOf(scene));
      if (!taken || !isOfScene(scene, taken.face.box!)) continue;
      found++;
      expect(taken.certainty).toBeGreaterThan(0.4);
      const [a, b] = scene.eyes;
      const distance = Math.hypot(b.x - a.x, b.y - a.y);
      if ('yaw' in plan) continue;
      taken.face.eyes!.forEach(({ x, y }, i) => {
        errors.push(Math.hypot(x - scene.eyes[i]!.x, y - scene.eyes[i]!.y) / distance);
      });
    }
    expect(found).toBeGreaterThanOrEqual(19);
    expect(errors.sort((x, y) => x - y)[errors.length >> 1]).toBeLessThan(0.05);
  });

  test('takes the large face, though a small one is there too, and says how many there are', async () => {
    const [large, small] = [drawScene(1, { share: 0.6 }), drawScene(2, { share: 0.2 })];
    const halves = [large, small].map(({ width, height, pixels }) =>
      sharp(pixels, { raw: { width, height, channels: 3 } }),
    );
    const [left, right] = await Promise.all(halves.map((half) => half.png().toBuffer()));
    const wide = sharp({ create: { width: 1280, height: 480, channels: 3, background: 'black' } });
    const pixels = await wide
      .composite([
        { input: left!, left: 0, top: 0 },
        { input: right!, left: 640, top: 0 },
      ])
      .removeAlpha()
      .raw()
      .toBuffer();
    const taken = await detector.detect({ left: 100, top: 50, width: 1280, height: 480, pixels });
    expect(taken!.faces).toBe(2);
    const { box } = taken!.face;
    // In the frame that the picture is a part of.
    expect(isOfScene(large, { ...box!, x: box!.x - 100, y: box!.y - 50 })).toBe(true);
  });

  test.skipIf(noFfmpeg)(
    titled('makes crops of a release without boxes, which say how sure it was and where it jumped', noFfmpeg),
    { timeout: 240_000 },
    async () => {
      await drawCasia(join(root, 'release'), { people: { train: 1, test: 0 }, frames: 24 });
      const scenes = [drawScene(11, { share: 0.6 }), drawScene(12, { share: 0.25 })];
      await writeSceneClip(join(root, 'release/train_release/2/1.avi'), scenes, 24);
      await put(join(root, 'release/train_release/2/2.avi'), '');
      const notes: string[] = [];
      const options: PrepareOptions = {
        ...{ root: join(root, 'release'), frames: 4, sampling: 'uniform', size: 64, margin: 0.3 },
        ...{ align: 'eyes', detector: 'auto', jobs: 2, out: join(root, 'whole') },
      };
      const casia = findSource('casia');
      const whole = await prepare(casia, { ...options, note: (text) => notes.push(text) });
      expect(notes[0]).toMatch(/^14 of 14 have no annotation: their faces are looked for by @vladmandic\/face-api 1/);
      const { frames } = await readCropSet(whole.path);
      expect(frames.length).toBe(13 * 4);
      for (const { extra } of frames) {
        expect(extra).toMatchObject({ face: 'detector', faces: '1' });
        expect(extra.certainty).toMatch(/^(?:0\.[4-9]\d|1\.00)$/);
      }
      expect(whole.audit.findings.jumping).toEqual([
        {
          path: 'train_release/2/1.avi',
          reason: 'the face that the detector takes is elsewhere or another from frame 15 on',
        },
      ]);
      // Stopped in the middle, with other jobs, the bytes are the same.
      const stop = new AbortController();
      const again = { ...options, jobs: 1, out: join(root, 'again') };
      const onProgress = ({ done }: { done: number }) => done === 5 && stop.abort();
      await expect(prepare(casia, { ...again, signal: stop.signal, onProgress })).rejects.toThrow();
      const rest = await prepare(casia, again);
      expect(rest.resumed).toBeGreaterThanOrEqual(5);
      const differences = await new Promise<string>((resolve) => {
        execFile('diff', ['-r', whole.path, rest.path], (_, stdout) => resolve(stdout));
      });
      expect(differences).toBe('');
    },
  );
});

test('a box jumps when it moves by more than its width or changes its size, not when it follows a head', () => {
  const box = [100, 100, 80, 100];
  expect(jumps(box, [130, 120, 84, 104])).toBe(false);
  expect(jumps(box, [185, 100, 80, 100])).toBe(true);
  expect(jumps(box, [100, 100, 130, 160])).toBe(true);
});

/** Its one build that brings all it needs takes Node for a very old one, unless it believes itself in a browser while it is loaded. */
async function importPackage() {
  interface Output {
    shape: number[];
    data(): Promise<Float32Array>;
  }
  interface Net {
    loadFromWeightMap(weights: unknown): void;
    forward(image: unknown, size: number): Promise<Output>;
  }
  interface Package {
    tf: {
      setBackend(name: string): Promise<boolean>;
      ready(): Promise<void>;
      tensor3d(values: Uint8Array, shape: number[], type: 'int32'): unknown;
      io: { decodeWeights(bytes: ArrayBuffer, manifest: unknown): unknown };
    };
    nets: Record<'tinyFaceDetector' | 'faceLandmark68Net', Net>;
  }
  const scope = globalThis as { window?: unknown; document?: unknown };
  const document = { createElement: () => ({ getContext: () => null }) };
  Object.assign(scope, { window: { document }, document });
  const api = (await import(pathToFileURL(join(folder!, 'dist', 'face-api.esm.js')).href)) as Package;
  delete scope.window;
  delete scope.document;
  await api.tf.setBackend('cpu');
  await api.tf.ready();
  const models = { tinyFaceDetector: 'tiny_face_detector_model', faceLandmark68Net: 'face_landmark_68_model' } as const;
  for (const [net, model] of Object.entries(models) as [keyof typeof models, string][]) {
    const manifest = await readFile(join(folder!, 'model', `${model}-weights_manifest.json`), 'utf8');
    const [group] = JSON.parse(manifest) as [{ paths: string[]; weights: unknown }];
    const bytes = await readFile(join(folder!, 'model', group.paths[0]!));
    api.nets[net].loadFromWeightMap(api.tf.io.decodeWeights(new Uint8Array(bytes).buffer, group.weights));
  }
  return api;
}
