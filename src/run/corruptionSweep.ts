/** `ldc eval --corrupt`: how the error of a run grows with the strength of a corruption of the target's images. */
import { join } from 'node:path';
import { writeFileWhole } from '../base/files.js';
import { type CorruptionKind, corrupt, corruptionSetting, severities } from '../data/corrupt.js';
import type { Device } from '../engine/device.js';
import { evaluateLevel, isKnown, type LevelResult } from '../evaluate/evaluation.js';
import type { Level, ScoreMode } from '../evaluate/levels.js';
import type { ThresholdName } from '../evaluate/thresholds.js';
import { openModelFile } from './checkpoint.js';
import { NativeEngine } from './engines.js';
import { type RunEvaluation, scoreSide, targetFrames } from './evaluateRun.js';
import type { Experiment } from './experiment.js';
import type { Progress } from './progress.js';
import type { RunFolder } from './runFolder.js';
import { keptScores } from './scoreSums.js';

/** Figures at one degree; rates at the threshold of the sweep. */
export interface CorruptionPoint {
  /** 0 is the clean image. */
  severity: number;
  setting: string;
  auc: number;
  far: number;
  frr: number;
  hter: number;
}

export interface CorruptionSweep {
  checkpoint: string;
  level: Level;
  /** Chosen on clean source images, as in use. */
  threshold: { name: ThresholdName; value: number };
  curves: Partial<Record<CorruptionKind, CorruptionPoint[]>>;
  synthetic: boolean;
}

export interface SweepOptions {
  kinds: readonly CorruptionKind[];
  level: Level;
  mode: ScoreMode;
  /** Score files of an earlier sweep may be used. */
  reuse: boolean;
  progress: Progress;
}

/** Scores the corrupted target at every degree and writes corruptions.json. */
export async function corruptionSweep(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  { target, source, checkpoint }: RunEvaluation,
  { kinds, level, mode, reuse, progress }: SweepOptions,
): Promise<CorruptionSweep> {
  const frames = targetFrames(experiment);
  const size = experiment.config.data.image_size;
  const seed = experiment.config.seed;
  const engine = new NativeEngine(experiment.config, device);
  const clean = evaluateLevel(level, target, source, { mode, resamples: 1 });
  const own = clean.thresholds['source-dev-eer'];
  const name: ThresholdName = isKnown(own) && own.value !== null ? 'source-dev-eer' : 'fixed';
  const curves: CorruptionSweep['curves'] = {};
  const scorer = await engine.open(await openModelFile(join(folder.checkpoints, `${checkpoint}.safetensors`)));
  try {
    for (const kind of kinds) {
      const points = [pointOf(clean, name, 0, 'clean')];
      for (const severity of severities) {
        const corruption = { kind, severity };
        const path = folder.scores(checkpoint, `target-${kind}-${severity}`, engine.name);
        const title = `${checkpoint}, target, ${kind} ${severity}`;
        const scores = await keptScores(path, { count: frames.length, reuse }, () =>
          scoreSide(experiment.config, scorer, frames, title, progress, (pixels, step) =>
            corrupt(pixels, size, corruption, { seed, step }),
          ),
        );
        const result = evaluateLevel(level, scores, source, { mode, resamples: 1 });
        points.push(pointOf(result, name, severity, corruptionSetting(corruption)));
      }
      curves[kind] = points;
    }
  } finally {
    await scorer.release();
    engine.release();
  }
  const threshold = { name, value: clean.thresholds[name].value! };
  const sweep = { checkpoint, level, threshold, curves, synthetic: experiment.synthetic };
  await writeFileWhole(folder.corruptions, `${JSON.stringify(sweep, null, 2)}\n`);
  return sweep;
}

function pointOf(result: LevelResult, name: ThresholdName, severity: number, setting: string): CorruptionPoint {
  const threshold = result.thresholds[name];
  if (!isKnown(threshold)) throw new Error(`the threshold ${name} is missing`);
  const { far, frr, hter } = threshold;
  return { severity, setting, auc: result.auc, far, frr, hter };
}
