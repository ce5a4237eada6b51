/** Somebody else's ONNX model, opened by its card; and whichever of both kinds of ONNX files a path names. */
import { UserError } from '../../base/errors.js';
import { ForeignSession } from '../../evaluate/foreignScorer.js';
import { onnxMetadata } from '../../formats/onnx.js';
import type { SessionOptions } from '../../onnxruntime/session.js';
import { fixedThreshold, type Threshold } from '../threshold.js';
import { type CardFile, cardFileFor, checkCard, type ForeignCard, nameOf, readCard, recipeOf } from './foreignCard.js';
import { type ExportedModel, type OpenModel, openOnnxModel, readModel } from './openModel.js';

export interface ForeignModel extends OpenModel {
  /** What results call it. */
  foreign: string;
  /** Its card's file, where it is one. */
  cardFile: string | undefined;
}

export type OnnxModelInUse = ForeignModel | ExportedModel;

export interface OnnxModelOptions extends SessionOptions {
  /** Path of the card of a model that `ldc export` did not write, or what stands in it; else the one beside it is taken. */
  card?: string | ForeignCard | undefined;
}

/**
 * Opens an ONNX file: one of `ldc export`, which has all in itself, or any other by its card.
 * @throws UserError when it is not one, has no card, or the card does not fit it
 */
export async function openOnnx(path: string, options: OnnxModelOptions): Promise<OnnxModelInUse> {
  const { card, ...session } = options;
  if (isOurs(onnxMetadata(await readModel(path), path))) {
    if (card !== undefined) {
      throw new UserError(`${path} was written by ldc export and has a card in itself`, 'leave out the card');
    }
    return openOnnxModel(path, session);
  }
  return openForeign(path, await cardFor(path, card), session);
}

/** Whether `ldc export` wrote a model with these metadata. */
export function isOurs(metadata: Readonly<Record<string, string>>): boolean {
  return 'weights_sha256' in metadata && 'preprocessing' in metadata;
}

async function cardFor(path: string, card: string | ForeignCard | undefined): Promise<CardFile> {
  if (typeof card === 'object') return checkCard(card);
  const file = cardFileFor(path, card);
  if (file !== undefined) return readCard(file);
  throw new UserError(
    `${path} was not written by ldc export and has no card`,
    `ldc model ${path} writes a draft of one; fill it in, then name it with --card, or leave it beside the model`,
  );
}

async function openForeign(path: string, card: CardFile, options: SessionOptions): Promise<ForeignModel> {
  const session = await ForeignSession.open(path, options);
  try {
    const recipe = recipeOf(card, session);
    const scorer = session.scorer(recipe);
    const { provider = 'cpu' } = options;
    return {
      path,
      foreign: `${nameOf(card, path)} (not trained by ldc)`,
      cardFile: card.file,
      ...{ protocol: null, checkpoint: null, synthetic: null, threshold: thresholdOf(card) },
      engine: provider === 'cpu' ? 'onnx' : `onnx-${provider}`,
      imageSize: recipe.input.size,
      mapSize: null,
      scorer,
      release: () => scorer.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

function thresholdOf({ card }: CardFile): Threshold {
  const { threshold, threshold_from: from } = card;
  if (threshold === undefined) return fixedThreshold();
  const values = typeof threshold === 'number' ? { frame: threshold, video: threshold } : threshold;
  if (typeof from === 'object') return { name: 'calibrated', ...values, from };
  return { name: from === undefined ? 'of its card' : `of its card: ${from}`, ...values };
}
