/** Evaluates a network that has no run, an exported model or a file of weights, on the target of a protocol. */
import { UserError } from '../../base/errors.js';
import { type Protocol, parseProtocol } from '../../config/protocol.js';
import type { Config } from '../../config/schema.js';
import type { CorruptionKind } from '../../data/corrupt.js';
import { findCropSets } from '../../data/cropSet.js';
import type { LeftOut } from '../../data/leftOut.js';
import { eachTarget } from '../../evaluate/eachTarget.js';
import { evaluateScores, type SourceDevelopment, type SourceThreshold } from '../../evaluate/evaluation.js';
import { failureNote } from '../../evaluate/fta.js';
import type { Level, ScoreMode } from '../../evaluate/levels.js';
import { noticesOf } from '../../evaluate/notices.js';
import type { Evaluation } from '../../evaluate/results.js';
import type { Scores } from '../../evaluate/scores.js';
import { loadConfig } from '../configuration.js';
import type { ScoringEngine } from '../engines.js';
import { type Experiment, openExperiment } from '../experiment.js';
import type { ForeignModel } from '../models/foreignModel.js';
import type { ModelCard } from '../models/modelCard.js';
import { type OpenModel, openOnEngine, type WeightsInUse } from '../models/openModel.js';
import type { Progress } from '../progress.js';
import { carriedThreshold, ownThreshold } from '../threshold.js';
import { type CorruptionSweep, corruptionSweep } from './corruptionSweep.js';
import { describe, scoreSide, targetFrames, withoutFailures } from './evaluateRun.js';

export interface ModelEvaluationOptions {
  progress: Progress;
  /** Where images that cannot be read go; otherwise the first is an error. */
  leftOut?: LeftOut | undefined;
  /** Also corrupt the target in these ways. */
  corrupt?: readonly CorruptionKind[] | undefined;
  /** Of the corruptions; the configuration's unless told. */
  level?: Level | undefined;
}

export interface ModelEvaluation {
  evaluation: Evaluation;
  target: Scores;
  source: SourceThreshold;
  /** Those that breakdowns are at. */
  level: Level;
  mode: ScoreMode;
  corruptions?: CorruptionSweep;
}

/**
 * An exported model, at the threshold that it carries; of the protocol only the targets need to be in `data`.
 * @param protocol the model's own unless given
 */
export async function evaluateExported(
  model: OpenModel & { card: ModelCard },
  protocol: string | undefined,
  data: string,
  options: ModelEvaluationOptions,
): Promise<ModelEvaluation> {
  const whole = knownPeople(protocolFor(model, protocol), null);
  const targets: Protocol = whole.official === undefined ? { ...whole, sources: [] } : whole;
  const config = await loadConfig(undefined, [`data.image_size=${model.imageSize}`]);
  const experiment = await openExperiment(targets, config, data);
  const carried = carriedThreshold(model.threshold);
  const source: SourceThreshold =
    carried === undefined ? { why: 'the model carries no such threshold' } : { thresholds: carried };
  return evaluateOn(experiment, model, source, options);
}

/** Weights in a file, at the threshold of the sources' development split: whether they were trained on it, only their maker knows. */
export async function evaluateWeights(
  weights: WeightsInUse,
  protocol: string | undefined,
  data: string,
  options: ModelEvaluationOptions,
  engine?: ScoringEngine,
): Promise<ModelEvaluation> {
  const experiment = await openExperiment(protocolFor(weights, protocol), weights.config, data);
  const model = await openOnEngine(weights, engine);
  try {
    return await evaluateOn(experiment, model, await developmentOf(experiment, model, options), options);
  } finally {
    await model.release();
  }
}

/**
 * A model that ldc did not train, at the threshold of the sources' development split where their data are there; the targets have to be.
 * @param config says how data are read and divided; the model's card says the rest
 */
export async function evaluateForeign(
  model: ForeignModel,
  asked: string | undefined,
  data: string,
  config: Config,
  options: ModelEvaluationOptions,
): Promise<ModelEvaluation> {
  const protocol = knownPeople(protocolFor(model, asked), config);
  const fed: Config = {
    ...config,
    data: { ...config.data, image_size: model.imageSize },
    eval: { ...config.eval, score: 'classifier' },
  };
  const sets = await findCropSets(data, config.data.follow);
  const absent = protocol.sources.map(({ domain }) => domain).filter((domain) => !sets.has(domain));
  const experiment = await openExperiment(absent.length > 0 ? { ...protocol, sources: [] } : protocol, fed, data);
  const source: SourceThreshold =
    absent.length > 0
      ? { why: `${data} lacks the source ${absent.join(', ')}, on whose development subjects it is chosen` }
      : await developmentOf(experiment, model, options);
  return evaluateOn(experiment, model, source, options);
}

/** Scores of the sources' development split; whether the network was trained on it, only its maker knows. */
async function developmentOf(
  { config, dev }: Experiment,
  { path, scorer }: OpenModel,
  { progress, leftOut }: ModelEvaluationOptions,
): Promise<SourceDevelopment> {
  if (dev.length === 0) return { why: 'data.dev_fraction leaves no source development split' };
  progress.note(`source-dev-eer is optimistic if ${path} was trained on the held-out source subjects as well`);
  return scoreSide(config, scorer, dev, 'source-dev', progress, { leftOut });
}

function protocolFor(
  { path, protocol }: { path: string; protocol: string | null },
  asked: string | undefined,
): Protocol {
  const name = asked ?? protocol;
  if (name !== null) return parseProtocol(name);
  throw new UserError(`${path} does not say for which protocol it was trained`, "name one: --protocol 'O&C&I-to-M'");
}

/** A model does not say whom of the target it was trained on: `config` has to. */
function knownPeople(protocol: Protocol, config: Config | null): Protocol {
  if (protocol.fewShot === undefined || config?.data.few_shot) return protocol;
  throw new UserError(
    `the protocol ${protocol.name} trains on people of ${protocol.fewShot.domain}, and a model does not say who they are`,
    config === null
      ? 'evaluate the run: --run DIR'
      : 'evaluate the run, --run DIR, or name them: --set data.few_shot=[NAME,…]',
  );
}

async function evaluateOn(
  experiment: Experiment,
  model: OpenModel,
  source: SourceThreshold,
  { progress, leftOut, corrupt, level }: ModelEvaluationOptions,
): Promise<ModelEvaluation> {
  const { config } = experiment;
  const target = await scoreSide(config, model.scorer, targetFrames(experiment), 'target', progress, { leftOut });
  const described = describe(experiment, target);
  const synthetic = described.synthetic === true || model.synthetic === true;
  const mode = config.eval.score;
  const own = ownThreshold(model.threshold, experiment.targets);
  const levels = evaluateScores(target, source, { mode, seed: config.seed, own });
  const ofSource = 'length' in source ? failureNote(source) : [];
  const notes = [...noticesOf(target, levels), ...ofSource];
  const evaluation: Evaluation = {
    ...described,
    ...model.trained,
    synthetic,
    checkpoint: model.checkpoint,
    engine: model.engine,
    ...(model.foreign !== undefined && { model: model.foreign }),
    convention: 'honest',
    levels,
    ...eachTarget(target, source, { mode, seed: config.seed }),
    ...(notes.length > 0 && { notes }),
  };
  const result = { evaluation, target, source, level: level ?? config.eval.level, mode };
  if (corrupt === undefined) return result;
  const { engine, scorer } = model;
  const network = { checkpoint: model.checkpoint ?? model.path, engine, synthetic, scorer, target, source };
  const options = { kinds: corrupt, level: result.level, mode, progress };
  return { ...result, corruptions: await corruptionSweep(withoutFailures(experiment, target), network, options) };
}
