/** `ldc eval --corrupt`: how the error of a network grows with the strength of a corruption of the target's images. */
import { join } from 'node:path';
import { writeFileWhole } from '../../base/files.js';
import { type Corruption, type CorruptionKind, corrupt, corruptionSetting, severities } from '../../data/corrupt.js';
import { evaluateLevel, type SourceThreshold } from '../../evaluate/evaluation.js';
import type { Level, ScoreMode } from '../../evaluate/levels.js';
import { isKnown, type LevelResult } from '../../evaluate/results.js';
import type { Scorer } from '../../evaluate/scorer.js';
import type { Scores } from '../../evaluate/scores.js';
import type { ThresholdName } from '../../evaluate/thresholds.js';
import { openModelFile } from '../checkpoint.js';
import type { ScoringEngine } from '../engines.js';
import type { Experiment } from '../experiment.js';
import type { Progress } from '../progress.js';
import type { RunFolder } from '../runFolder.js';
import { type RunEvaluation, scoreSide, targetFrames } from './evaluateRun.js';
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
  /** Of the run; of a model or weights, their file where they know no checkpoint. */
  checkpoint: string;
  engine: string;
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
  progress: Progress;
}

/** What a sweep starts from: the network, and the clean scores of it. */
export interface SweptNetwork extends Pick<CorruptionSweep, 'checkpoint' | 'engine' | 'synthetic'> {
  scorer: Scorer;
  target: Scores;
  source: SourceThreshold;
}

/** Where scores are found again, or what is done to have them at once. */
type Keep = (corruption: Corruption, compute: () => Promise<Scores>) => Promise<Scores>;

/** Scores the corrupted target at every degree. */
export async function corruptionSweep(
  experiment: Pick<Experiment, 'config' | 'targets'>,
  { checkpoint, engine, synthetic, scorer, target, source }: SweptNetwork,
  { kinds, level, mode, progress }: SweepOptions,
  keep: Keep = (_, compute) => compute(),
): Promise<CorruptionSweep> {
  const { config } = experiment;
  const frames = targetFrames(experiment);
  const clean = evaluateLevel(level, target, source, { mode, resamples: 1 });
  const own = clean.thresholds['source-dev-eer'];
  const name: ThresholdName = isKnown(own) && own.value !== null ? 'source-dev-eer' : 'fixed';
  const scoresOf = (corruption: Corruption) => {
    const title = `${checkpoint}, target, ${corruption.kind} ${corruption.severity}`;
    const alter = (pixels: Uint8Array, step: number) =>
      corrupt(pixels, config.data.image_size, corruption, { seed: config.seed, step });
    return keep(corruption, () => scoreSide(config, scorer, frames, title, progress, { alter }));
  };
  const curves: CorruptionSweep['curves'] = {};
  for (const kind of kinds) {
    const points = [pointOf(clean, name, 0, 'clean')];
    for (const severity of severities) {
      const corruption = { kind, severity };
      const result = evaluateLevel(level, await scoresOf(corruption), source, { mode, resamples: 1 });
      points.push(pointOf(result, name, severity, corruptionSetting(corruption)));
    }
    curves[kind] = points;
  }
  const threshold = { name, value: clean.thresholds[name].value! };
  return { checkpoint, engine, level, threshold, curves, synthetic };
}

/** The sweep of a run: scores of an earlier one are used again where `reuse` allows it, and corruptions.json is written. */
export async function runCorruptionSweep(
  experiment: Experiment,
  engine: ScoringEngine,
  folder: RunFolder,
  { target, source, checkpoint }: RunEvaluation,
  { reuse, ...options }: SweepOptions & { reuse: boolean },
): Promise<CorruptionSweep> {
  const count = targetFrames(experiment).length;
  const keep: Keep = ({ kind, severity }, compute) => {
    const origin = `${checkpoint}, ${kind} ${severity}`;
    return keptScores(
      folder.scores(checkpoint, `target-${kind}-${severity}`, engine.name),
      { origin, count, reuse },
      compute,
    );
  };
  try {
    const scorer = await engine.open(await openModelFile(join(folder.checkpoints, `${checkpoint}.safetensors`)));
    try {
      const network = { checkpoint, engine: engine.name, synthetic: experiment.synthetic, scorer, target, source };
      const sweep = await corruptionSweep(experiment, network, options, keep);
      await writeFileWhole(folder.corruptions, `${JSON.stringify(sweep, null, 2)}\n`);
      return sweep;
    } finally {
      await scorer.release();
    }
  } finally {
    engine.release();
  }
}

function pointOf(result: LevelResult, name: ThresholdName, severity: number, setting: string): CorruptionPoint {
  const threshold = result.thresholds[name];
  if (!isKnown(threshold)) throw new Error(`the threshold ${name} is missing`);
  const { far, frr, hter } = threshold;
  return { severity, setting, auc: result.auc, far, frr, hter };
}
