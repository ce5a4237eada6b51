/** Evaluates a run on its unseen target, with thresholds and the choice of checkpoint from the sources' development split. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import type { Frame } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import { scoreFrames } from '../evaluate/engineEvaluator.js';
import {
  type Evaluation,
  evaluateScores,
  rocAt,
  type SourceDevelopment,
  targetCounts,
} from '../evaluate/evaluation.js';
import type { Level, ScoreMode } from '../evaluate/levels.js';
import { paperConvention } from '../evaluate/paper.js';
import { auc } from '../evaluate/roc.js';
import { readScores, writeScores } from '../evaluate/scoreFile.js';
import type { Scores } from '../evaluate/scores.js';
import { LdcNet } from '../method/ldcnet.js';
import { checkpointNames, epochName, loadModel } from './checkpoint.js';
import type { Experiment } from './experiment.js';
import { type Progress, silent } from './progress.js';
import type { RunFolder } from './runFolder.js';

export interface EvaluateOptions {
  /** `last`, `best` (AUC on the sources' development split), or an epoch. */
  checkpoint: string;
  convention: 'honest' | 'paper';
  level: Level;
  mode: ScoreMode;
  /** Score files of earlier evaluations may be used: the data are still what the run was made from. */
  reuse: boolean;
  progress: Progress;
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
  const net = emptyNet(experiment, device);
  try {
    const scorer = new RunScorer(experiment, device, folder, net, options);
    const checkpoint = await chooseCheckpoint(folder, scorer, options);
    const target = await scorer.scores(checkpoint, 'target');
    const source = await scorer.development(checkpoint);
    const evaluation: Evaluation = {
      ...describe(experiment, target),
      checkpoint,
      convention: options.convention,
      levels: evaluateScores(target, source, { mode: options.mode, seed: experiment.config.seed }),
    };
    if (options.convention === 'paper') {
      const checkpoints = [];
      for (const name of await checkpointNames(folder.checkpoints)) {
        checkpoints.push({ checkpoint: name, scores: await scorer.scores(name, 'target') });
      }
      evaluation.paper = paperConvention(checkpoints, options.level, options.mode);
    }
    await writeFileWhole(folder.evaluation, `${JSON.stringify(evaluation, null, 2)}\n`);
    return { evaluation, target, source, checkpoint };
  } finally {
    net.dispose();
  }
}

/** The protocol's side of eval.json. */
export function describe(
  { protocol, targets, synthetic }: Experiment,
  scores: Scores,
): Pick<Evaluation, 'protocol' | 'engine' | 'synthetic' | 'targets'> {
  return {
    protocol: protocol.name,
    engine: 'native',
    synthetic,
    targets: targetCounts(scores).map((counts) => {
      const selection = targets.find(({ domain }) => domain === counts.domain)!;
      const attacks = selection.attackTypes === null ? '' : `:${selection.attackTypes.join('+')}`;
      return { ...counts, name: selection.name, subset: selection.subset + attacks };
    }),
  };
}

/** An LDCNet of the configuration's shape, to load a checkpoint into. */
export function emptyNet({ config }: Pick<Experiment, 'config'>, device: Device): LdcNet {
  return new LdcNet(device, { conv: config.model.conv, mapSize: config.model.map_size, seed: config.seed });
}

/** Scores of the checkpoints of one run; those already on the disk are read, not computed again. */
class RunScorer {
  private loaded: string | undefined;

  constructor(
    private readonly experiment: Experiment,
    private readonly device: Device,
    private readonly folder: RunFolder,
    private readonly net: LdcNet,
    private readonly options: Pick<EvaluateOptions, 'progress' | 'reuse'>,
  ) {}

  async scores(checkpoint: string, side: 'target' | 'source-dev'): Promise<Scores> {
    const path = this.folder.scores(checkpoint, side, 'native');
    const frames = this.framesOf(side);
    if (this.options.reuse && existsSync(path)) {
      const known = await readScores(path);
      if (known.length === frames.length) return known;
    }
    if (this.loaded !== checkpoint) {
      await loadModel(join(this.folder.checkpoints, `${checkpoint}.safetensors`), this.net);
      this.loaded = checkpoint;
    }
    const scores = await scoreSide(
      this.experiment,
      this.device,
      this.net,
      frames,
      `${checkpoint}, ${side}`,
      this.options.progress,
    );
    await writeScores(path, scores);
    return scores;
  }

  async development(checkpoint: string): Promise<SourceDevelopment> {
    if (this.experiment.dev.length === 0) return { why: 'data.dev_fraction leaves no source development split' };
    return this.scores(checkpoint, 'source-dev');
  }

  private framesOf(side: 'target' | 'source-dev'): readonly Frame[] {
    return side === 'source-dev' ? this.experiment.dev : targetFrames(this.experiment);
  }
}

export function targetFrames({ targets }: Experiment): Frame[] {
  return targets.flatMap((selection) => selection.frames);
}

/** Scores of frames with the run's settings, showing progress. */
export async function scoreSide(
  { config }: Experiment,
  device: Device,
  net: LdcNet,
  frames: readonly Frame[],
  title: string,
  progress: Progress,
): Promise<Scores> {
  progress.begin(`scores: ${title}`, frames.length, 0, 'images');
  const scores = await scoreFrames(device, net, frames, title, {
    imageSize: config.data.image_size,
    normalize: config.data.normalize,
    batchSize: config.eval.batch_size,
    workers: config.data.workers,
    onProgress: (done) => progress.update(done),
  });
  progress.end();
  return scores;
}

async function chooseCheckpoint(folder: RunFolder, scorer: RunScorer, options: EvaluateOptions): Promise<string> {
  const names = await checkpointNames(folder.checkpoints);
  const last = names.at(-1);
  if (last === undefined)
    throw new UserError(`${folder.path} has no checkpoint yet`, 'go on with the training: ldc train … --resume');
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
  const net = emptyNet(experiment, device);
  try {
    const scorer = new RunScorer(experiment, device, folder, net, { progress: silent, reuse: true });
    const { level, score: mode } = experiment.config.eval;
    return await bestOf(names, scorer, { level, mode });
  } finally {
    net.dispose();
  }
}
