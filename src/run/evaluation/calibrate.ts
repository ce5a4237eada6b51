/** `ldc calibrate`: a model's threshold for one's own camera, from labelled recordings of one's own, and where it is kept. */
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { parseProtocol } from '../../config/protocol.js';
import type { CropSet } from '../../data/cropSet.js';
import type { LeftOut } from '../../data/leftOut.js';
import { type Calibration, type Criterion, calibrate } from '../../evaluate/calibrate.js';
import { targetCounts } from '../../evaluate/evaluation.js';
import type { TargetCounts } from '../../evaluate/results.js';
import type { Scores } from '../../evaluate/scores.js';
import type { CalibrationRecord } from '../calibrationRecord.js';
import { loadConfig } from '../configuration.js';
import { writeThreshold as writeIntoModel } from '../models/export.js';
import { writeThreshold as writeIntoCard } from '../models/foreignCard.js';
import type { ForeignModel } from '../models/foreignModel.js';
import type { ExportedModel, OpenModel } from '../models/openModel.js';
import type { Progress } from '../progress.js';
import { RunFolder } from '../runFolder.js';
import type { RunCalibration, Threshold } from '../threshold.js';
import { scoreSide } from './evaluateRun.js';

export interface ModelCalibration extends Calibration {
  threshold: Threshold & { from: CalibrationRecord };
  videos: TargetCounts['videos'];
  frames: number;
}

/**
 * Scores a set and chooses the model's threshold on it; nothing is written.
 * @throws UserError for images that cannot be read (with `leftOut` they are left out), and as `calibrate` does
 */
export async function calibrateModel(
  model: OpenModel,
  set: CropSet,
  criterion: Criterion,
  { progress, leftOut }: { progress: Progress; leftOut?: LeftOut | undefined },
): Promise<ModelCalibration> {
  const config = await loadConfig(undefined);
  const fed = { ...config, data: { ...config.data, image_size: model.imageSize } };
  const scores = await scoreSide(fed, model.scorer, set.frames, set.name, progress, { leftOut });
  const { at, levels, notes } = calibrate(scores, criterion);
  const { videos, frames } = targetCounts(scores)[0]!;
  const threshold = {
    name: 'calibrated',
    frame: levels.frame.threshold,
    video: levels.video.threshold,
    from: {
      at,
      data: { name: set.name, letter: set.letter, sha256: set.hash },
      date: new Date().toISOString().slice(0, 10),
      subjects: subjectsOf(scores),
      videos,
      synthetic: set.synthetic,
    },
    instead_of: before(model.threshold),
  };
  return { at, levels, notes: [...notes, ...sourceNote(model, set)], threshold, videos, frames };
}

/** People, where every sample has one. */
function subjectsOf({ subject: { names } }: Scores): number | null {
  return names.includes('') ? null : names.length;
}

function before({ instead_of: earlier, from, ...threshold }: Threshold): Omit<Threshold, 'from' | 'instead_of'> {
  return from === undefined ? threshold : (earlier ?? threshold);
}

/** A network knows the recordings that it was trained on. */
function sourceNote({ protocol, path }: OpenModel, { letter, name }: CropSet): string[] {
  if (protocol === null) return [];
  const { sources, fewShot } = parseProtocol(protocol);
  const known = [...sources, ...(fewShot ? [fewShot] : [])].some(({ domain }) => domain === letter);
  if (!known) return [];
  return [
    `${path} was trained on the domain ${letter} (${protocol}): on ${name} its errors are fewer than in use, if these are the same recordings`,
  ];
}

/** Writes the threshold where the model decides by it from now on: a run's calibration.json, an exported model, or a card. @returns the file @throws UserError for a card that is none */
export async function keepThreshold(
  model: OpenModel | ForeignModel | ExportedModel,
  threshold: Threshold,
): Promise<string> {
  if ('cardFile' in model) {
    if (model.cardFile === undefined)
      throw new UserError('the card of the model is no file that a threshold could be kept in');
    await writeIntoCard(model.cardFile, threshold);
    return model.cardFile;
  }
  if ('card' in model) {
    await writeIntoModel(model.path, threshold);
    return model.path;
  }
  const { calibration } = new RunFolder(model.path);
  const content: RunCalibration = { checkpoint: model.checkpoint!, threshold };
  await writeFileWhole(calibration, `${JSON.stringify(content, null, 2)}\n`);
  return calibration;
}
