/** The threshold that a model decides at: an image or a video is live from this score on. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Evaluation, LevelResults } from '../evaluate/evaluation.js';
import type { Level } from '../evaluate/levels.js';
import { FIXED_THRESHOLD } from '../evaluate/thresholds.js';
import { lastCheckpoint } from './checkpoint.js';
import type { RunFolder } from './runFolder.js';

export interface Threshold extends Record<Level, number> {
  /** `source-dev-eer`, or `fixed`. */
  name: string;
}

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

/** What the run's evaluation chose; the last checkpoint, and 0.5, where it was not evaluated yet. @throws UserError without a checkpoint */
export async function evaluated(folder: RunFolder): Promise<{ checkpoint: string; threshold: Threshold }> {
  if (!existsSync(folder.evaluation)) {
    return { checkpoint: await lastCheckpoint(folder), threshold: fixedThreshold() };
  }
  const { checkpoint, levels } = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  return { checkpoint: checkpoint ?? (await lastCheckpoint(folder)), threshold: decisionThreshold(levels) };
}
