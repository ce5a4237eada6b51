/** The face detector of `@vladmandic/face-api`, where it is installed and works. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { loadDetector } from '../../../src/data/prepare/detector.js';

/** The package's folder; null where it is not there. */
export const detectorFolder = (() => {
  try {
    return dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
  } catch {
    return null;
  }
})();

export const detector = await loadDetector().catch(() => null);

/** Why the tests of it are skipped here. */
export const noDetector =
  detectorFolder === null ? '@vladmandic/face-api not installed' : detector === null ? 'no onnxruntime here' : null;
