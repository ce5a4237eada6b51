/** Evaluates a run's checkpoints on its target and on its sources' development split: scores/ and eval.json (docs/evaluation.md). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import type { Config } from '../../config/schema.js';
import type { LeftOut } from '../../data/leftOut.js';
import type { Frame } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { eachTarget } from '../../evaluate/eachTarget.js';
import { evaluateScores, rocAt, type SourceDevelopment, targetCounts } from '../../evaluate/evaluation.js';
import { failureNote } from '../../evaluate/fta.js';
import type { Level, ScoreMode } from '../../evaluate/levels.js';
import { noticesOf } from '../../evaluate/notices.js';
import { paperConvention } from '../../evaluate/paper.js';
import type { Evaluation } from '../../evaluate/results.js';
import { auc, equalErrorRate } from '../../evaluate/roc.js';
import { readScores } from '../../evaluate/scoreFile.js';
import { type Scorer, type ScoringOptions, scoreFrames, scorePath } from '../../evaluate/scorer.js';
import type { Scores } from '../../evaluate/scores.js';
import { checkpointNames, epochName, lastCheckpoint, openModelFile } from '../checkpoint.js';
import { methodFacts } from '../configuration.js';
import { NativeEngine, nativeName, type ScoringEngine } from '../engines.js';
import type { Experiment } from '../experiment.js';
import { type Progress, silent } from '../progress.js';
import type { RunFolder } from '../runFolder.js';
import { ownThreshold, type RunCalibration, readCalibration } from '../threshold.js';
import { keptScores } from './scoreSums.js';

export interface EvaluateOptions {
  /** `last`, `best` (AUC on the sources' development split), or an epoch. */
  checkpoint: string;
  convention: 'honest' | 'paper';
  level: Level;
  /** The released program has one score an image: frame, unless told. */
  paperLevel?: Level | undefined;
  mode: ScoreMode;
  /** Score files of earlier evaluations may be used: the data are still what the run was made from. */
  reuse: boolean;
  progress: Progress;
  /** Where images that cannot be read go; otherwise the first is an error. */
  leftOut?: LeftOut | undefined;
  /** What scores; our own engine on the device unless told. */
  engine?: ScoringEngine;
}

export interface RunEvaluation {
  evaluation: Evaluation;
  target: Scores;
  source: SourceDevelopment;
  checkpoint: string;
}

/** Writes scores/ and eval.json. @throws UserError for a checkpoint that is not there, or a target of one class */
export async function evaluateRun(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  options: EvaluateOptions,
): Promise<RunEvaluation> {
  const engine = options.engine ?? new NativeEngine(experiment.config, device);
  try {
    const scorer = new RunScorer(experiment, folder, engine, options);
    const checkpoint = await chooseCheckpoint(folder, scorer, options);
    const target = await scorer.scores(checkpoint, 'target');
    const source = await scorer.development(checkpoint);
    const calibration = await readCalibration(folder);
    const calibrated = calibration?.checkpoint === checkpoint ? calibration.threshold : undefined;
    const own = calibrated && ownThreshold(calibrated, experiment.targets);
    const levels = evaluateScores(target, source, { mode: options.mode, seed: experiment.config.seed, own });
    const notes = [
      ...noticesOf(target, levels),
      ...('why' in source ? [] : failureNote(source)),
      ...otherCheckpointNote(folder, checkpoint, calibration),
    ];
    const evaluation: Evaluation = {
      ...describe(experiment, target),
      ...methodFacts(experiment.config),
      engine: engine.name,
      checkpoint,
      convention: options.convention,
      levels,
      ...eachTarget(target, source, { mode: options.mode, seed: experiment.config.seed }),
      ...(notes.length > 0 && { notes }),
    };
    if (options.convention === 'paper') {
      const checkpoints = [];
      for (const name of await checkpointNames(folder.checkpoints)) {
        checkpoints.push({ checkpoint: name, scores: await scorer.scores(name, 'target') });
      }
      evaluation.paper = paperConvention(checkpoints, options.paperLevel ?? 'frame', options.mode);
    }
    await writeFileWhole(folder.evaluation, `${JSON.stringify(evaluation, null, 2)}\n`);
    return { evaluation, target, source, checkpoint };
  } finally {
    engine.release();
  }
}

/** A threshold is of the checkpoint that it was chosen for. */
function otherCheckpointNote(folder: RunFolder, checkpoint: string, calibration: RunCalibration | undefined): string[] {
  if (calibration === undefined || calibration.checkpoint === checkpoint) return [];
  return [
    `${folder.calibration} is of ${calibration.checkpoint}: with ${checkpoint} it does not count; ldc calibrate chooses a threshold for it`,
  ];
}

/** The protocol's side of eval.json. */
export function describe(
  { protocol, config, targets, fewShot, synthetic }: Experiment,
  scores: Scores,
): Pick<Evaluation, 'protocol' | 'development' | 'few_shot' | 'synthetic' | 'targets'> {
  const release = config.data.development === 'release' && protocol.official === undefined;
  return {
    protocol: protocol.name,
    ...(release && { development: 'release' }),
    ...(fewShot && { few_shot: fewShot }),
    synthetic,
    targets: targetCounts(scores).map((counts) => {
      const selection = targets.find(({ domain }) => domain === counts.domain)!;
      const attacks = selection.attackTypes === null ? '' : `:${selection.attackTypes.join('+')}`;
      return { ...counts, name: selection.name, subset: selection.subset + attacks };
    }),
  };
}

/** Scores of the checkpoints of one run; those already on the disk are read, not computed again. */
class RunScorer {
  constructor(
    private readonly experiment: Experiment,
    private readonly folder: RunFolder,
    private readonly engine: ScoringEngine,
    private readonly options: Pick<EvaluateOptions, 'progress' | 'reuse' | 'leftOut'>,
  ) {}

  async scores(checkpoint: string, side: 'target' | 'source-dev'): Promise<Scores> {
    const path = this.folder.scores(checkpoint, side, this.engine.name);
    const frames = this.framesOf(side);
    const { reuse, progress, leftOut } = this.options;
    const origin = `${checkpoint}, ${side}`;
    return keptScores(path, { origin, count: frames.length, reuse }, async () => {
      const model = await openModelFile(join(this.folder.checkpoints, `${checkpoint}.safetensors`));
      const scorer = await this.engine.open(model);
      try {
        return await scoreSide(this.experiment.config, scorer, frames, origin, progress, { leftOut });
      } finally {
        await scorer.release();
      }
    });
  }

  async development(checkpoint: string): Promise<SourceDevelopment> {
    if (this.experiment.dev.length === 0) return { why: 'data.dev_fraction leaves no source development split' };
    return this.scores(checkpoint, 'source-dev');
  }

  private framesOf(side: 'target' | 'source-dev'): readonly Frame[] {
    return side === 'source-dev' ? this.experiment.dev : targetFrames(this.experiment);
  }
}

/** The experiment without the target's images that have no score: what is left to be looked at further. */
export function withoutFailures<E extends Pick<Experiment, 'targets'>>(experiment: E, { failures }: Scores): E {
  if (failures === undefined) return experiment;
  const gone = new Set(Array.from({ length: failures.length }, (_, row) => failures.path.at(row)));
  const targets = experiment.targets.map((target) => ({
    ...target,
    frames: target.frames.filter((frame) => !gone.has(scorePath(frame))),
  }));
  return { ...experiment, targets };
}

/** The frames of all targets, in the order in which they are scored. */
export function targetFrames({ targets }: Pick<Experiment, 'targets'>): Frame[] {
  return targets.flatMap((selection) => selection.frames);
}

/** Scores of frames with the run's settings, showing progress. */
export async function scoreSide(
  { data, eval: { batch_size: batchSize } }: Config,
  scorer: Scorer,
  frames: readonly Frame[],
  title: string,
  progress: Progress,
  { alter, leftOut }: Pick<ScoringOptions, 'alter' | 'leftOut'> = {},
): Promise<Scores> {
  progress.begin(`scores: ${title}`, frames.length, 0, 'images');
  const scores = await scoreFrames(scorer, frames, title, {
    imageSize: data.image_size,
    batchSize,
    workers: data.workers,
    cache: data.cache,
    onProgress: (done) => progress.update(done),
    note: (text) => progress.note(text),
    leftOut,
    alter,
  });
  progress.end();
  return scores;
}

async function chooseCheckpoint(folder: RunFolder, scorer: RunScorer, options: EvaluateOptions): Promise<string> {
  const names = await checkpointNames(folder.checkpoints);
  const last = await lastCheckpoint(folder);
  if (options.checkpoint === 'last') return last;
  if (options.checkpoint !== 'best') {
    const name = /^\d+$/.test(options.checkpoint) ? epochName(Number(options.checkpoint)) : options.checkpoint;
    if (names.includes(name)) return name;
    throw new UserError(
      `${folder.path} has no checkpoint ${options.checkpoint}`,
      `there are ${names[0]} … ${last}; or say last, or best`,
    );
  }
  return bestOf(names, scorer, options);
}

async function bestOf(
  names: readonly string[],
  scorer: RunScorer,
  { level, mode }: Pick<EvaluateOptions, 'level' | 'mode'>,
): Promise<string> {
  let best = { name: names.at(-1)!, auc: -1 };
  for (const name of names) {
    const development = await scorer.development(name);
    if ('why' in development) throw new UserError(`--checkpoint best needs a development split: ${development.why}`);
    const value = auc(rocAt(development, level, mode));
    if (value > best.auc) best = { name, auc: value };
  }
  return best.name;
}

/** The checkpoint that `--checkpoint best` would choose now; undefined where there is no development split to choose by. */
export async function bestCheckpoint(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
): Promise<string | undefined> {
  const names = await checkpointNames(folder.checkpoints);
  if (names.length === 0 || experiment.dev.length === 0) return undefined;
  const engine = new NativeEngine(experiment.config, device);
  try {
    const scorer = new RunScorer(experiment, folder, engine, { progress: silent, reuse: true });
    const { level, score: mode } = experiment.config.eval;
    return await bestOf(names, scorer, { level, mode });
  } finally {
    engine.release();
  }
}

/** AUC and EER of a checkpoint on the development split, where its scores are there already. */
export async function developmentRates(
  { config }: Experiment,
  device: Device,
  folder: RunFolder,
  checkpoint: string,
): Promise<{ auc: number; eer: number } | undefined> {
  const path = folder.scores(checkpoint, 'source-dev', nativeName(device));
  if (!existsSync(path)) return undefined;
  const roc = rocAt(await readScores(path), config.eval.level, config.eval.score);
  return { auc: auc(roc), eer: equalErrorRate(roc) };
}
