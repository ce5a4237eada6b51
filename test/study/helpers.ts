/** A study file in a folder of its own, and results as its runs would leave them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import type { Evaluation, KnownThreshold, LevelResult } from '../../src/evaluate/results.js';
import { expand, type StudyRun, studyFolder } from '../../src/study/expand.js';
import { readStudy, type Study } from '../../src/study/studyFile.js';

const folders: string[] = [];
afterAll(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true }))));

export async function writeStudy(text: string): Promise<{ file: string; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-study-'));
  folders.push(folder);
  const file = join(folder, 'grid.yaml');
  await writeFile(file, text);
  return { file, folder };
}

/** An evaluation in which HTER and AUC are as given at every threshold. */
export function evaluation(run: StudyRun, hter: number, auc: number, synthetic = false): Evaluation {
  const at = (oracle: boolean): KnownThreshold => {
    const rates = { far: hter, frr: hter, hter, bpcer: hter, apcer: { print: hter }, apcer_max: hter, acer: hter };
    return { value: 0.5, oracle, ...rates };
  };
  const level: LevelResult = {
    n: { live: 10, attack: 20 },
    auc,
    eer: hter,
    thresholds: {
      'source-dev-eer': at(false),
      fixed: at(false),
      'target-eer': at(true),
      'target-youden': at(true),
    },
    bpcer_at_apcer: { '0.01': 1, '0.05': 1, '0.1': 1 },
    tpr_at_fpr: { '0.001': 0, '0.01': 0, '0.05': 0, '0.1': 0 },
    interval95: { auc: [0, 1], hter: [0, 1], by: 'subject', resamples: 10 },
  };
  return {
    protocol: run.protocol.name,
    checkpoint: 'epoch-0500',
    engine: 'native',
    convention: 'honest',
    synthetic,
    targets: [{ domain: 'M', name: 'M-set', subset: 'all', videos: { live: 10, attack: 20 }, frames: 30 }],
    levels: { video: level, frame: level },
  };
}

/** Writes results for the runs that `of` gives one. */
export async function writeResults(
  file: string,
  out: string,
  of: (run: StudyRun) => Evaluation | undefined,
): Promise<Study> {
  const study = await readStudy(file);
  for (const run of expand(study, out)) {
    const result = of(run);
    const path = studyFolder(study, out).result(run.id);
    await mkdir(dirname(path), { recursive: true });
    if (result) await writeFile(path, JSON.stringify(result));
  }
  return study;
}
