/** Several targets: each by itself, and the mean over them, as tables of one source against many targets have it. */
import { type EvaluationOptions, evaluateScores, type SourceThreshold } from './evaluation.js';
import type { Level } from './levels.js';
import type { Evaluation } from './results.js';
import { rowOf, type Scores, scoresOf } from './scores.js';
import { summarizeSeeds } from './seeds.js';

/**
 * Nothing for one target, nor where one of them has a single class, so that neither it nor a mean can be had. The threshold from the
 * sources is one for all; the target's own are each target's.
 */
export function eachTarget(
  target: Scores,
  source: SourceThreshold,
  options: EvaluationOptions,
): Pick<Evaluation, 'each' | 'mean'> {
  const { names, codes } = target.domain;
  const domains = [...new Set(codes)];
  const classesOf = (code: number) => new Set(target.live.filter((_, row) => codes[row] === code)).size;
  if (domains.length < 2 || domains.some((code) => classesOf(code) < 2)) return {};
  const each = domains.map((code) => {
    const domain = names[code]!;
    return { domain, levels: evaluateScores(ofDomain(target, domain), source, options) };
  });
  const mean = (level: Level) => summarizeSeeds(each.map(({ levels }) => levels[level]));
  return { each, mean: { video: mean('video'), frame: mean('frame') } };
}

/** The rows of one domain, with those that have no score. */
function ofDomain(scores: Scores, domain: string): Scores {
  const { names, codes } = scores.domain;
  const code = names.indexOf(domain);
  const rows = [...codes.keys()].filter((row) => codes[row] === code);
  const own = scoresOf(
    rows.map((row) => rowOf(scores, row)),
    `${domain} of ${scores.origin}`,
  );
  const failures = scores.failures && ofDomain(scores.failures, domain);
  return failures === undefined || failures.length === 0 ? own : { ...own, failures };
}
