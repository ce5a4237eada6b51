/** A network with all that using it takes, wherever it comes from: a run, a file of weights, or an exported model. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import type { Config } from '../../config/schema.js';
import type { StateSource } from '../../engine/nn/module.js';
import { OnnxScorer } from '../../evaluate/onnxEvaluator.js';
import type { Scorer } from '../../evaluate/scorer.js';
import { onnxMetadata } from '../../formats/onnx.js';
import type { SessionOptions } from '../../onnxruntime/session.js';
import { openModelFile } from '../checkpoint.js';
import { methodFacts, methodOf } from '../configuration.js';
import type { ScoringEngine } from '../engines.js';
import { NativeEngine } from '../engines.js';
import { deviceOf } from '../experiment.js';
import { type openRun, ownData } from '../runFolder.js';
import { evaluated, fixedThreshold } from '../threshold.js';
import { cardFromMetadata, type ModelCard, type Provenance } from './modelCard.js';
import { openWeights } from './weightsFile.js';

/** Release it at the end: `release()`. */
export interface OpenModel extends Provenance {
  /** The run's folder, or the file. */
  path: string;
  /** What results call a model that ldc did not train. */
  foreign?: string | undefined;
  /** The method that trained it, and which variant. */
  trained?: { method: string; variant: string | null } | undefined;
  /** `native`, `onnx`, `onnx-cuda`, … */
  engine: string;
  /** Side of the images it takes, and of the maps it gives; null where it gives none. */
  imageSize: number;
  mapSize: number | null;
  scorer: Scorer;
  release(): Promise<void>;
}

/** Weights with the configuration they work under. */
export interface WeightsInUse extends Provenance {
  path: string;
  state: StateSource;
  config: Config;
  /** The folder of the crop sets that a run was made from. */
  dataFolder?: string | undefined;
}

type Run = Awaited<ReturnType<typeof openRun>>;

/** The checkpoint and threshold of the run's evaluation; without one, the last checkpoint at 0.5. @throws UserError when there is none */
export async function runWeights({ folder, facts, config }: Run): Promise<WeightsInUse> {
  const { checkpoint, threshold } = await evaluated(folder);
  const state = await openModelFile(join(folder.checkpoints, `${checkpoint}.safetensors`));
  const { protocol, synthetic } = facts;
  return {
    path: folder.path,
    state,
    config,
    protocol,
    checkpoint,
    synthetic,
    threshold,
    dataFolder: ownData(folder, facts),
  };
}

/**
 * Weights in a file: safetensors or a PyTorch checkpoint. They decide at 0.5 unless `threshold` says otherwise.
 * @param configure the configuration, given what the file itself says of its settings (`key=value`)
 * @param note is told of wrappers in front of the names that are taken off
 */
export async function fileWeights(
  path: string,
  configure: (overrides: string[]) => Promise<Config>,
  threshold?: number,
  note?: (text: string) => void,
): Promise<WeightsInUse> {
  const { state, overrides, protocol, checkpoint } = await openWeights(path, note);
  const config = await configure(overrides);
  methodOf(config).check?.(state, config);
  return { path, state, config, protocol, checkpoint, synthetic: null, threshold: fixedThreshold(threshold) };
}

/** Opens weights on an engine; on ours, unless told. */
export async function openOnEngine(weights: WeightsInUse, engine?: ScoringEngine): Promise<OpenModel> {
  const { config, state, path, protocol, checkpoint, synthetic, threshold } = weights;
  const opener = engine ?? new NativeEngine(config, deviceOf(config));
  let scorer: Scorer;
  try {
    scorer = await opener.open(state);
  } catch (error) {
    opener.release();
    throw error;
  }
  return {
    path,
    ...{ protocol, checkpoint, synthetic, threshold },
    trained: methodFacts(config),
    engine: opener.name,
    imageSize: config.data.image_size,
    mapSize: methodOf(config).mapSize?.(config) ?? null,
    scorer,
    async release() {
      await scorer.release();
      opener.release();
    },
  };
}

/** The bytes of a model. @throws UserError when they cannot be read */
export function readModel(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      error.code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read: ${messageOf(error)}`,
    );
  });
}

/** A model that `ldc export` wrote. */
export type ExportedModel = OpenModel & { card: ModelCard; foreign?: undefined };

/** Opens a model that `ldc export` wrote. @throws UserError when the file is missing or not one */
export async function openOnnxModel(
  path: string,
  { provider = 'cpu', threads = 'auto' }: SessionOptions = {},
): Promise<ExportedModel> {
  const bytes = await readModel(path);
  const card = cardFromMetadata(onnxMetadata(bytes, path), path);
  const { preprocessing, protocol, checkpoint, synthetic, threshold } = card;
  const scorer = await OnnxScorer.open(bytes, path, { scaling: preprocessing, provider, threads });
  return {
    path,
    ...{ protocol, checkpoint, synthetic, threshold, card },
    trained: { method: card.method, variant: card.variant },
    engine: provider === 'cpu' ? 'onnx' : `onnx-${provider}`,
    imageSize: preprocessing.size,
    mapSize: card.map_size,
    scorer,
    release: () => scorer.release(),
  };
}
