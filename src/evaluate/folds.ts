/** A protocol with folds (OULU-NPU 3 and 4): the result of each, and mean and standard deviation over them. */
import type { Level } from './levels.js';
import type { Evaluation, SeedSummary } from './results.js';
import { summarizeSeeds } from './seeds.js';

/** What `ldc eval --protocol oulu/3` answers. */
export interface FoldsEvaluation {
  /** `oulu/3`. */
  protocol: string;
  synthetic: boolean;
  folds: Evaluation[];
  /** Over the folds; `std` is the sample standard deviation. */
  levels: Record<Level, SeedSummary>;
}

/** @param folds one evaluation a fold */
export function summarizeFolds(protocol: string, folds: Evaluation[]): FoldsEvaluation {
  const level = (name: Level) => summarizeSeeds(folds.map(({ levels }) => levels[name]));
  return {
    protocol,
    synthetic: folds.some(({ synthetic }) => synthetic),
    folds,
    levels: { video: level('video'), frame: level('frame') },
  };
}
