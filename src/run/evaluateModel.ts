/** Evaluates a network that has no run, an exported model or a file of weights, on the target of a protocol. */
import { UserError } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import { type Protocol, parseProtocol } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import { type Evaluation, evaluateScores, type SourceThreshold } from '../evaluate/evaluation.js';
import type { ScoringEngine } from './engines.js';
import { describe, scoreSide, targetFrames } from './evaluateRun.js';
import { type Experiment, openExperiment } from './experiment.js';
import type { ModelCard } from './modelCard.js';
import { type OpenModel, openOnEngine, type WeightsInUse } from './openModel.js';
import type { Progress } from './progress.js';

/**
 * An exported model, at the threshold that it carries; of the protocol only the targets need to be in `data`.
 * @param protocol the model's own unless given
 */
export async function evaluateExported(
  model: OpenModel & { card: ModelCard },
  protocol: string | undefined,
  data: string,
  progress: Progress,
): Promise<Evaluation> {
  const whole = protocolFor(model, protocol);
  const targets: Protocol = whole.official === undefined ? { ...whole, sources: [] } : whole;
  const config = await loadConfig(undefined, [`data.image_size=${model.imageSize}`]);
  const experiment = await openExperiment(targets, config, data);
  const { name, frame, video } = model.threshold;
  const source: SourceThreshold =
    name === 'source-dev-eer' ? { thresholds: { frame, video } } : { why: 'the model carries no such threshold' };
  return evaluateOn(experiment, model, config, source, progress);
}

/** Weights in a file, at the threshold of the sources' development split: whether they were trained on it, only their maker knows. */
export async function evaluateWeights(
  weights: WeightsInUse,
  protocol: string | undefined,
  data: string,
  progress: Progress,
  engine?: ScoringEngine,
): Promise<Evaluation> {
  const { config } = weights;
  const experiment = await openExperiment(protocolFor(weights, protocol), config, data);
  const model = await openOnEngine(weights, engine);
  try {
    let source: SourceThreshold = { why: 'data.dev_fraction leaves no source development split' };
    if (experiment.dev.length > 0) {
      progress.note(
        `source-dev-eer is optimistic if ${weights.path} was trained on the held-out source subjects as well`,
      );
      source = await scoreSide(config, model.scorer, experiment.dev, 'source-dev', progress);
    }
    return await evaluateOn(experiment, model, config, source, progress);
  } finally {
    await model.release();
  }
}

function protocolFor(
  { path, protocol }: { path: string; protocol: string | null },
  asked: string | undefined,
): Protocol {
  const name = asked ?? protocol;
  if (name !== null) return parseProtocol(name);
  throw new UserError(`${path} does not say for which protocol it was trained`, "name one: --protocol 'O&C&I-to-M'");
}

async function evaluateOn(
  experiment: Experiment,
  model: OpenModel,
  config: Config,
  source: SourceThreshold,
  progress: Progress,
): Promise<Evaluation> {
  const target = await scoreSide(config, model.scorer, targetFrames(experiment), 'target', progress);
  const described = describe(experiment, target);
  return {
    ...described,
    synthetic: described.synthetic || model.synthetic === true,
    checkpoint: model.checkpoint,
    engine: model.engine,
    convention: 'honest',
    levels: evaluateScores(target, source, { mode: config.eval.score, seed: config.seed }),
  };
}
