/** Failures to acquire: samples that got no score, and the error rates that they make, counted as bob counts them. */
import { type Level, pairGroups } from './levels.js';
import type { FailuresToAcquire, KnownThreshold, LevelResult } from './results.js';
import type { Scores } from './scores.js';

/** Undefined where every sample has a score. A video has none when none of its frames has one. */
export function failuresToAcquire(
  level: Level,
  target: Scores,
  { n, thresholds }: Pick<LevelResult, 'n' | 'thresholds'>,
): FailuresToAcquire | undefined {
  const failed = failedAt(level, target);
  const live = failed.filter((isLive) => isLive === 1).length;
  const attack = failed.length - live;
  if (failed.length === 0) return undefined;
  const rate = failed.length / (failed.length + n.live + n.attack);
  const counted = Object.entries(thresholds).flatMap(([name, threshold]) => {
    if (!('hter' in threshold)) return [];
    const { far, frr } = withFailures(threshold, rate);
    return [[name, { far, frr, hter: (far + frr) / 2 }]];
  });
  return { n: { live, attack }, rate, thresholds: Object.fromEntries(counted) };
}

function withFailures({ far, frr }: Pick<KnownThreshold, 'far' | 'frr'>, fta: number): { far: number; frr: number } {
  return { far: far * (1 - fta), frr: fta + frr * (1 - fta) };
}

/** 1 or 0, live or attack, of each sample of the level that failed. */
function failedAt(level: Level, { failures, ...scored }: Scores): number[] {
  if (failures === undefined) return [];
  if (level === 'frame') return [...failures.live];
  const nameOf = (scores: Pick<Scores, 'domain' | 'video'>, row: number) =>
    JSON.stringify([scores.domain, scores.video].map(({ names, codes }) => names[codes[row]!]));
  const known = new Set(Array.from({ length: scored.length }, (_, row) => nameOf(scored, row)));
  const { codes } = pairGroups(failures.domain, failures.video);
  const seen = new Set<number>();
  return [...codes].flatMap((code, row) => {
    if (seen.has(code) || known.has(nameOf(failures, row))) return [];
    seen.add(code);
    return [failures.live[row]!];
  });
}

/** Says that samples have no score, where some have none. */
export function failureNote({ origin, length, failures }: Scores): string[] {
  if (failures === undefined) return [];
  const count = failures.length;
  return [
    `${count} of ${count + length} samples of ${origin} have no score (failures to acquire): rates are those of the others, unless they say otherwise`,
  ];
}
