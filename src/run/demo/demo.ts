/** `ldc demo`: the whole pipeline on drawn faces, small enough for a laptop's three minutes. */
import { join } from 'node:path';
import { parseProtocol } from '../../config/protocol.js';
import { EngineScorer } from '../../evaluate/engineEvaluator.js';
import { rocAt } from '../../evaluate/evaluation.js';
import type { Evaluation } from '../../evaluate/results.js';
import { auc } from '../../evaluate/roc.js';
import { loadConfig, methodOf } from '../configuration.js';
import { scoringNetwork } from '../engines.js';
import { evaluateRun, scoreSide, targetFrames } from '../evaluation/evaluateRun.js';
import { deviceOf, openExperiment } from '../experiment.js';
import type { Progress } from '../progress.js';
import { runFolder } from '../runFolder.js';
import { train } from '../training/train.js';
import { drawSets } from './drawSets.js';

/** What the demo draws, and how it differs from the paper's settings. */
const synthetic = { seed: 0, subjects: 30, frames: 1, size: 80 };
const settings = [
  'data.image_size=80',
  'model.map_size=20',
  'activation.epochs=5',
  'activation.batch_size=15',
  'train.epochs=16',
  'train.lr=2e-4',
  'train.save_every=16',
  'train.keep=1',
  'eval.batch_size=30',
];

export interface DemoResult {
  evaluation: Evaluation;
  /** AUC at video level of the network before training, on the same target. */
  untrainedAuc: number;
  run: string;
  data: string;
  out: string;
  seconds: number;
}

/**
 * Draws the data, trains, evaluates, and scores an untrained network for comparison; data and run stay in `folder`.
 * @throws Interrupted when `signal` fires
 */
export async function demo(folder: string, progress: Progress, signal: AbortSignal): Promise<DemoResult> {
  const started = Date.now();
  const [data, out] = [join(folder, 'data'), join(folder, 'runs')];
  await drawSets({ ...synthetic, out: data, signal }, progress);
  const config = await loadConfig(undefined, settings);
  const protocol = parseProtocol('O&C&I-to-M');
  const experiment = await openExperiment(protocol, config, data);
  const device = deviceOf(config);
  const run = runFolder(out, protocol, `demo-${new Date().toISOString().replace(/[-:]|\..*/g, '')}`);
  await train(experiment, device, { folder: run, out, resume: false, progress, signal });
  const { evaluation } = await evaluateRun(experiment, device, run, {
    checkpoint: 'last',
    convention: 'honest',
    level: 'video',
    mode: 'classifier',
    reuse: false,
    progress,
  });
  const untrained = methodOf(config).network(config, device, config.seed);
  const scorer = new EngineScorer(device, scoringNetwork(config, untrained), config.data.normalize);
  const scores = await scoreSide(config, scorer, targetFrames(experiment), 'untrained', progress);
  scorer.release();
  untrained.dispose();
  const seconds = Math.round((Date.now() - started) / 1000);
  return { evaluation, untrainedAuc: auc(rocAt(scores, 'video')), run: run.path, data, out, seconds };
}
