/** The threshold that a model decides at: an image or a video is live from this score on. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, UserError } from '../base/errors.js';
import type { OwnThreshold } from '../evaluate/evaluation.js';
import type { Evaluation, LevelResults } from '../evaluate/results.js';
import { FIXED_THRESHOLD } from '../evaluate/thresholds.js';
import { calibrationSchema, calibrationText } from './calibrationRecord.js';
import { lastCheckpoint } from './checkpoint.js';
import type { RunFolder } from './runFolder.js';

const plainThreshold = z.object({
  /** `source-dev-eer`, `fixed`, `calibrated`, or what a card says. */
  name: z.string(),
  frame: z.number(),
  video: z.number(),
});

export const thresholdSchema = plainThreshold.extend({
  /** On what it was calibrated. */
  from: calibrationSchema.optional(),
  /** What it was before. */
  instead_of: plainThreshold.optional(),
});

export type Threshold = z.output<typeof thresholdSchema>;

/** `calibration.json` of a run. */
const runCalibration = z.object({ checkpoint: z.string(), threshold: thresholdSchema });
export type RunCalibration = z.output<typeof runCalibration>;

/** One value at every level. */
export function fixedThreshold(value: number = FIXED_THRESHOLD): Threshold {
  return { name: 'fixed', frame: value, video: value };
}

/** The source development threshold of an evaluation; 0.5 where it has none. */
export function decisionThreshold(levels: LevelResults): Threshold {
  const [frame, video] = [levels.frame, levels.video].map(({ thresholds }) => thresholds['source-dev-eer'].value);
  if (typeof frame !== 'number' || typeof video !== 'number') return fixedThreshold();
  return { name: 'source-dev-eer', frame, video };
}

/** The decision on an image or video with this score. */
export function decide(score: number, threshold: number): 'live' | 'spoof' {
  return score >= threshold ? 'live' : 'spoof';
}

/** Its name, and where it comes from. */
export function thresholdText({ name, from }: Threshold): string {
  return from === undefined ? name : `${name}: ${calibrationText(from)}`;
}

/** The model's own threshold as a row of its evaluation; undefined where another row has it. @param targets hashes of the data it is judged on */
export function ownThreshold(threshold: Threshold, targets: readonly { hash: string }[]): OwnThreshold | undefined {
  const { name, frame, video, from } = threshold;
  const isFixed = name === 'fixed' && frame === FIXED_THRESHOLD && video === FIXED_THRESHOLD;
  if (name === 'source-dev-eer' || isFixed) return undefined;
  return {
    thresholds: { frame, video },
    from: thresholdText(threshold),
    oracle: targets.some(({ hash }) => hash === from?.data.sha256),
  };
}

/** The threshold from the sources' development split that a model carries, or carried before it was calibrated. */
export function carriedThreshold({ instead_of: before, ...threshold }: Threshold): Threshold | undefined {
  return [threshold, before].find((each) => each?.name === 'source-dev-eer');
}

/** What the run's evaluation chose, or `ldc calibrate` for that checkpoint; the last checkpoint, and 0.5, where neither was. @throws UserError without a checkpoint */
export async function evaluated(folder: RunFolder): Promise<{ checkpoint: string; threshold: Threshold }> {
  const { checkpoint, threshold } = await byEvaluation(folder);
  const calibration = await readCalibration(folder);
  if (calibration?.checkpoint !== checkpoint) return { checkpoint, threshold };
  return { checkpoint, threshold: { ...calibration.threshold, instead_of: threshold } };
}

async function byEvaluation(folder: RunFolder): Promise<{ checkpoint: string; threshold: Threshold }> {
  if (!existsSync(folder.evaluation)) {
    return { checkpoint: await lastCheckpoint(folder), threshold: fixedThreshold() };
  }
  const { checkpoint, levels } = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  return { checkpoint: checkpoint ?? (await lastCheckpoint(folder)), threshold: decisionThreshold(levels) };
}

/** What `ldc calibrate` chose for a run, and for which of its checkpoints. @throws UserError when calibration.json is damaged */
export async function readCalibration(folder: RunFolder): Promise<RunCalibration | undefined> {
  if (!existsSync(folder.calibration)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(await readFile(folder.calibration, 'utf8'));
  } catch (error) {
    throw new UserError(`${folder.calibration} cannot be read: ${messageOf(error)}`);
  }
  const parsed = runCalibration.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new UserError(`${folder.calibration} is damaged`, 'ldc calibrate writes it anew');
}
