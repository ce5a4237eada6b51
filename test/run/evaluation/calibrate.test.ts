/** Thresholds for one's own camera, kept in the card of a model that ldc did not train: what is written, and who reads it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { oneCropSet, writeCropSet } from '../../../src/data/cropSet.js';
import type { NewFrame } from '../../../src/data/manifest.js';
import { loadConfig } from '../../../src/run/configuration.js';
import { calibrateModel, keepThreshold } from '../../../src/run/evaluation/calibrate.js';
import { evaluateForeign } from '../../../src/run/evaluation/evaluateModel.js';
import { type ForeignModel, openOnnx } from '../../../src/run/models/foreignModel.js';
import { silent } from '../../../src/run/progress.js';
import { thresholdText } from '../../../src/run/threshold.js';
import { failure, put, temporaryFolder } from '../../data/helpers.js';
import { meanModel } from '../models/meanModel.js';

const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);

/** People whose live frames are redder than those of attacks, by `gap`. */
async function set(letter: string, gap: number): Promise<string> {
  const dir = at(`data/set${letter}`);
  const frames: NewFrame[] = [];
  for (let s = 0; s < 6; s++) {
    for (const label of ['live', 'spoof'] as const) {
      const path = `crops/${s}-${label}.png`;
      const background = { r: 100 + 9 * s + (label === 'live' ? gap : 0), g: 90, b: 90 };
      const image = sharp({ create: { width: 8, height: 8, channels: 3, background } });
      await put(join(dir, path), await image.png().toBuffer());
      const attackType = label === 'live' ? 'live' : 'print';
      frames.push({ path, split: 'train', subject: `p${s}`, video: path, frame: 0, label, attackType, pai: '' });
    }
  }
  await writeCropSet(dir, { name: `set${letter}`, letter }, frames);
  return dir;
}

it('is written into the card, whose other lines stay, and decides and is a row of its own from then on', async () => {
  const [own] = [await set('X', 60), await set('Y', 30)];
  const path = await put(at('red.onnx'), meanModel({ size: 8, layout: 'nchw', weight: [[1], [0], [0]], bias: [0] }));
  const before = '# of the maker\ninput:\n  colour: rgb # as trained\n  scale: 1/255\noutput:\n  activation: none\n';
  const card = await put(at('red.card.yaml'), `${before}threshold: 0.9\n`);
  const open = async () => (await openOnnx(path, {})) as ForeignModel;

  const model = await open();
  const calibrated = await calibrateModel(
    model,
    await oneCropSet(own, folder),
    { rate: 'bpcer', limit: 0 },
    { progress: silent },
  );
  // The least red of the live: 160 of 255.
  expect(calibrated.threshold.video).toBeCloseTo(160 / 255, 6);
  expect(calibrated.levels.video.rates.bpcer.value).toBe(0);
  expect(calibrated.notes[0]).toMatch(/^6 subjects with live recordings are too few/);
  expect(await keepThreshold(model, calibrated.threshold)).toBe(card);
  await model.release();

  const written = await readFile(card, 'utf8');
  expect(written.startsWith(before)).toBe(true);
  expect(written).not.toContain('0.9');
  const again = await open();
  expect(again.threshold).toEqual({
    name: 'calibrated',
    ...calibratedValues(calibrated),
    from: calibrated.threshold.from,
  });
  expect(thresholdText(again.threshold)).toMatch(/^calibrated: bpcer=0 on setX \(X\), 6 subjects, \d{4}-\d\d-\d\d$/);

  const config = await loadConfig(undefined, ['data.cache=false']);
  const row = async (protocol: string) => {
    const { evaluation } = await evaluateForeign(again, protocol, at('data'), config, { progress: silent });
    return evaluation.levels.video.thresholds.card;
  };
  // Half of Y's live frames are redder than the least red of X's.
  expect(await row('O-to-Y')).toMatchObject({ value: calibrated.threshold.video, frr: 4 / 6, far: 0, oracle: false });
  expect(await row('O-to-X')).toMatchObject({ frr: 0, oracle: true });
  await again.release();
});

function calibratedValues({ threshold: { frame, video } }: { threshold: { frame: number; video: number } }) {
  return { frame, video };
}

it('the recordings are a folder, the only set in one, or named among several', async () => {
  const data = at('data');
  expect((await oneCropSet(join(data, 'setX'), 'nowhere')).letter).toBe('X');
  expect((await oneCropSet('Y', data)).name).toBe('setY');
  expect((await oneCropSet('setX', data)).letter).toBe('X');
  const several = await failure(oneCropSet(data, data));
  expect(several.message).toMatch(/holds several crop sets: X setX, Y setY$/);
  expect(several.hint).toMatch(/setX$/);
  expect((await failure(oneCropSet('Z', data))).message).toMatch(/no crop set Z, neither as a folder nor/);
});
