/** From a checkpoint of real PyTorch to ONNX: the same scores as PyTorch, and the same bytes whichever way the weights came. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertTorch } from '../../../src/formats/torch.js';
import { loadConfig } from '../../../src/run/configuration.js';
import { exportModel } from '../../../src/run/models/export.js';
import { fileWeights, openOnEngine, openOnnxModel } from '../../../src/run/models/openModel.js';
import { silent } from '../../../src/run/progress.js';
import { pythonWith, titled } from '../../peers.js';

const { python, noPython } = pythonWith('torch');
const [count, size, mapArea] = [50, 64, 256];
const options = { feature: false, half: false, images: [], progress: silent };

describe.skipIf(noPython)(titled('an LDCNet of real PyTorch', noPython), () => {
  const folder = mkdtempSync(join(tmpdir(), 'ldc-torch-export-'));
  const at = (name: string) => join(folder, name);
  const weights = (name: string) =>
    fileWeights(at(name), (own) =>
      loadConfig(undefined, [...own, 'data.image_size=64', 'model.map_size=16', 'threads=2']),
    );
  const floats = (name: string) => new Float32Array(Uint8Array.from(readFileSync(at(name))).buffer);

  beforeAll(async () => {
    const made = spawnSync(python, [join(import.meta.dirname, 'torch_ldcnet.py'), folder], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    await convertTorch(at('ldcnet.tar'), at('ldcnet.safetensors'));
    await exportModel(await weights('ldcnet.safetensors'), at('converted.onnx'), options);
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives the same scores and maps on 50 images, by onnxruntime and by our engine', async () => {
    const pixels = readFileSync(at('pixels.u8'));
    const expected = { scores: floats('scores.f32'), live: floats('live_map.f32'), spoof: floats('spoof_map.f32') };
    expect(Math.max(...expected.scores) - Math.min(...expected.scores)).toBeGreaterThan(1e-3);
    for (const model of [await openOnnxModel(at('converted.onnx')), await openOnEngine(await weights('ldcnet.tar'))]) {
      const results = await model.scorer.score(pixels, count, size);
      expect(results).toHaveLength(count);
      const worst = { score: 0, map: 0 };
      results.forEach(({ score, liveMap, spoofMap }, i) => {
        worst.score = Math.max(worst.score, Math.abs(score - expected.scores[i]!));
        for (let k = 0; k < mapArea; k++) {
          const j = i * mapArea + k;
          worst.map = Math.max(
            worst.map,
            Math.abs(liveMap![k]! - expected.live[j]!),
            Math.abs(spoofMap![k]! - expected.spoof[j]!),
          );
        }
      });
      expect(worst.score, model.engine).toBeLessThan(1e-4);
      expect(worst.map, model.engine).toBeLessThan(1e-4);
      await model.release();
    }
  });

  it('the checkpoint itself and its conversion give the same bytes', async () => {
    await exportModel(await weights('ldcnet.tar'), at('direct.onnx'), options);
    expect(readFileSync(at('direct.onnx')).equals(readFileSync(at('converted.onnx')))).toBe(true);
    const [direct, converted] = ['direct', 'converted'].map((name) =>
      JSON.parse(readFileSync(at(`${name}.json`), 'utf8')),
    );
    expect(direct).toMatchObject({ ...converted, model: 'direct.onnx' });
    expect(direct).toMatchObject({
      protocol: null,
      synthetic: null,
      threshold: { name: 'fixed', frame: 0.5, video: 0.5 },
    });
  });
});
