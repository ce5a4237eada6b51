/** The README.md of an exported model: its front matter is read as a hub reads it, and what a person wrote is never lost. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isKnown } from '../../src/evaluate/results.js';
import { hubCard, writeHubCard } from '../../src/report/hubCard.js';
import { loadConfig } from '../../src/run/configuration.js';
import type { Exported } from '../../src/run/models/export.js';
import { modelCard } from '../../src/run/models/modelCard.js';
import type { RunFacts } from '../../src/run/runFolder.js';
import { put, temporaryFolder } from '../data/helpers.js';
import { HOSTILE, sampleInput } from './sample.js';

const evaluation = sampleInput().evaluation!;
const threshold = { name: 'source-dev-eer', frame: 0.41, video: 0.43 };
const provenance = { protocol: 'O&C&I-to-M', checkpoint: 'epoch-0003', synthetic: true, threshold };
const card = modelCard(await loadConfig(), provenance, { precision: 'float32', sha256: 'ab'.repeat(32) });
const hash = 'cd'.repeat(32);
const facts = {
  ...{ version: '0.1.0', seed: 3, device: 'cpu' },
  data: { M: { name: 'synthetic-M', subset: 'all', hash, attackTypes: null } },
} as unknown as RunFacts;

const frontOf = (text: string) => parse(/^---\n([\s\S]*?)\n---\n/.exec(text)![1]!);

describe('the card of a run that was evaluated', () => {
  const text = hubCard('model.onnx', card, { facts, evaluation });
  const front = frontOf(text);

  it('names threshold, level and oracle beside every figure, and the data by their hash', () => {
    expect(front).toMatchObject({ license: 'unknown', library_name: 'onnx', pipeline_tag: 'image-classification' });
    expect(front.tags).toContain('synthetic');
    const [index] = front['model-index'];
    const [video, frame] = index.results;
    expect(video.dataset).toMatchObject({
      name: `SYNTHETIC ${HOSTILE}, subset all`,
      args: { protocol: 'O&C&I-to-M', convention: 'honest', sha256: { M: hash } },
    });
    const source = evaluation.levels.video.thresholds['source-dev-eer'];
    if (!isKnown(source)) throw new Error('the sample has a threshold');
    expect(video.metrics).toEqual([
      { type: 'hter', name: 'HTER at source-dev-eer, video level, %', value: Number((100 * source.hter).toFixed(2)) },
      expect.objectContaining({ type: 'acer' }),
      { type: 'auc', name: 'AUC, video level, %', value: Number((100 * evaluation.levels.video.auc).toFixed(2)) },
      expect.objectContaining({ name: "EER (oracle: threshold from the target's labels), video level, %" }),
    ]);
    expect(frame.metrics[2].name).toBe('AUC, frame level, %');
  });

  it('says SYNTHETIC, the threshold, how to run it, and the hash of the weights', () => {
    expect(text).toContain('> **SYNTHETIC data');
    expect(text).toContain('Live from 0.41 on for an image, from 0.43 on');
    expect(text).toContain('ldc predict --model model.onnx faces/');
    expect(text).toContain(`| M | synthetic-M | all | \`${hash}\` |`);
    expect(text).toContain('ab'.repeat(32));
  });
});

it('weights without an evaluation, or of another checkpoint, have no figures', () => {
  for (const other of [null, { ...evaluation, checkpoint: 'epoch-0001' }]) {
    const text = hubCard('model.onnx', card, { facts: null, evaluation: other });
    expect(frontOf(text)).not.toHaveProperty('model-index');
    expect(text).toContain('Not measured');
  }
});

it('is written anew over its own, and never over what somebody wrote or changed', async () => {
  const folder = await temporaryFolder();
  const exported = { model: join(folder, 'model.onnx'), card } as Exported;
  const path = join(folder, 'README.md');
  const none = { facts: null, evaluation: null };
  expect(await writeHubCard(exported, none)).toBe(path);
  expect(frontOf(await readFile(path, 'utf8'))).toMatchObject({ license: 'unknown' });
  expect(await writeHubCard(exported, { facts, evaluation })).toBe(path);
  const text = await readFile(path, 'utf8');
  expect(text).toContain('HTER at source-dev-eer');
  for (const theirs of [text.replace('license: unknown', 'license: mit'), '# My project\n']) {
    await put(path, theirs);
    expect(await writeHubCard(exported, none)).toBeNull();
    expect(await readFile(path, 'utf8')).toBe(theirs);
  }
});
