/** The samples of an evaluation level: single frames, or videos as the mean of their frames' scores. */
import { UserError } from '../base/errors.js';
import type { Factor } from './columns.js';
import type { Scores } from './scores.js';

export type Level = 'frame' | 'video';

/** `classifier`: the softmax output for live. `classifier+maps`: plus mean live map / 255 minus mean spoof map / 255. */
export type ScoreMode = 'classifier' | 'classifier+maps';

/** Groups of rows: `codes[i]` in 0 … `count` − 1. */
export interface Groups {
  readonly codes: Int32Array;
  readonly count: number;
}

/** What metrics, intervals and breakdowns are computed on: one entry a sample in every column. */
export interface Samples {
  readonly score: Float64Array;
  /** 1 live, 0 attack. */
  readonly live: Uint8Array;
  readonly domain: Factor;
  readonly subject: Factor;
  readonly attackType: Factor;
  readonly extra: ReadonlyMap<string, Factor>;
  /** The (domain, video) that a sample is, or is a frame of. */
  readonly videos: Groups;
  /** The row of `Scores` that a sample is, or its first frame. */
  readonly rows: Int32Array;
}

/** @throws UserError when the mode asks for maps that the scores lack, or a video's frames disagree on what it is */
export function samplesAt(scores: Scores, level: Level, mode: ScoreMode): Samples {
  const videos = pairGroups(scores.domain, scores.video);
  const score = scoresByMode(scores, mode);
  if (level === 'frame') {
    const { live, domain, subject, attackType, extra } = scores;
    return {
      score,
      live,
      domain,
      subject,
      attackType,
      extra,
      videos,
      rows: Int32Array.from({ length: scores.length }, (_, i) => i),
    };
  }
  const first = firstRows(videos);
  checkVideos(scores, videos, first);
  return {
    score: groupMeans(score, videos),
    live: Uint8Array.from(first, (row) => scores.live[row]!),
    domain: pick(scores.domain, first),
    subject: pick(scores.subject, first),
    attackType: pick(scores.attackType, first),
    extra: new Map([...scores.extra].map(([name, factor]) => [name, pick(factor, first)])),
    videos: { codes: Int32Array.from({ length: videos.count }, (_, i) => i), count: videos.count },
    rows: first,
  };
}

/** Groups of rows that agree in both columns, numbered in the order of first appearance. */
export function pairGroups(a: Factor, b: Factor): Groups {
  const known = new Map<number, number>();
  const codes = new Int32Array(a.codes.length);
  for (let i = 0; i < codes.length; i++) {
    const key = a.codes[i]! * b.names.length + b.codes[i]!;
    let code = known.get(key);
    if (code === undefined) {
      code = known.size;
      known.set(key, code);
    }
    codes[i] = code;
  }
  return { codes, count: known.size };
}

function scoresByMode(scores: Scores, mode: ScoreMode): Float64Array {
  if (mode === 'classifier') return scores.score;
  const maps = scores.maps;
  if (!maps) {
    const hint = 'take the score mode classifier, or scores with the columns live_map_mean and spoof_map_mean';
    throw new UserError(
      `the score mode classifier+maps needs the means of the maps, which ${scores.origin} has not`,
      hint,
    );
  }
  return scores.score.map((score, i) => score + maps.live[i]! / 255 - maps.spoof[i]! / 255);
}

function firstRows(groups: Groups): Int32Array {
  const first = new Int32Array(groups.count);
  for (let i = groups.codes.length - 1; i >= 0; i--) first[groups.codes[i]!] = i;
  return first;
}

function groupMeans(values: Float64Array, groups: Groups): Float64Array {
  const sums = new Float64Array(groups.count);
  const counts = new Float64Array(groups.count);
  for (let i = 0; i < values.length; i++) {
    sums[groups.codes[i]!]! += values[i]!;
    counts[groups.codes[i]!]!++;
  }
  return sums.map((sum, g) => sum / counts[g]!);
}

/** A video is of one subject and is either live or one kind of attack; anything else is a mistake in the scores. */
function checkVideos(scores: Scores, videos: Groups, first: Int32Array): void {
  for (let row = 0; row < scores.length; row++) {
    const other = first[videos.codes[row]!]!;
    const differs =
      scores.live[row] !== scores.live[other] ||
      scores.attackType.codes[row] !== scores.attackType.codes[other] ||
      scores.subject.codes[row] !== scores.subject.codes[other];
    if (!differs) continue;
    const video = scores.video.names[scores.video.codes[row]!];
    const domain = scores.domain.names[scores.domain.codes[row]!];
    throw new UserError(
      `the frames of video ${JSON.stringify(video)} of domain ${JSON.stringify(domain)} disagree on label, attack_type or subject, ` +
        `${scores.origin}: ${scores.path.at(other)} and ${scores.path.at(row)}`,
      'a video is (domain, video): give each video a name of its own',
    );
  }
}

function pick(factor: Factor, rows: Int32Array): Factor {
  return { codes: rows.map((row) => factor.codes[row]!), names: factor.names };
}
