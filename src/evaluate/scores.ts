/** The scores of a set of images in columns: what an evaluator makes, a score file holds and every metric starts from. */
import { type Factor, FactorBuilder, NumberBuilder, TextColumn } from './columns.js';

/** Columns of a score file: those it must have, those of the two attention maps, and both. */
export const requiredColumns = [
  'path',
  'domain',
  'subject',
  'video',
  'frame',
  'label',
  'attack_type',
  'score',
] as const;
export const mapColumns = ['live_map_mean', 'spoof_map_mean'] as const;
export const scoreColumns: readonly string[] = [...requiredColumns, ...mapColumns];

/** One image and what a model said about it. */
export interface ScoreRow {
  path: string;
  domain: string;
  /** Empty when unknown. */
  subject: string;
  video: string;
  frame: string | number;
  label: 'live' | 'spoof';
  attackType: string;
  /** Higher means more live. */
  score: number;
  /** Means of the two attention maps, 0 … 255. */
  liveMapMean?: number;
  spoofMapMean?: number;
  /** More columns to group by, such as `pai`, `session` or `phone`: the same ones in each row. */
  extra?: Readonly<Record<string, string>>;
}

/** `length` rows; every column has that length. */
export interface Scores {
  /** Where they come from, for messages: a file, a domain, a run. */
  readonly origin: string;
  readonly length: number;
  readonly path: TextColumn;
  readonly domain: Factor;
  readonly subject: Factor;
  readonly video: Factor;
  readonly frame: Factor;
  /** 1 live (bona fide), 0 attack. */
  readonly live: Uint8Array;
  readonly attackType: Factor;
  readonly score: Float64Array;
  /** Both maps or neither. */
  readonly maps: { readonly live: Float64Array; readonly spoof: Float64Array } | null;
  readonly extra: ReadonlyMap<string, Factor>;
  /** Samples that have no score, where there are any: failures to acquire. */
  readonly failures?: Scores;
  /** What a reader must know of how they were read. */
  readonly notes?: readonly string[];
}

/** Builds `Scores` row by row. */
export class ScoresBuilder {
  private readonly path = new TextColumn();
  private readonly domain = new FactorBuilder();
  private readonly subject = new FactorBuilder();
  private readonly video = new FactorBuilder();
  private readonly frame = new FactorBuilder();
  private readonly live = new NumberBuilder();
  private readonly attackType = new FactorBuilder();
  private readonly score = new NumberBuilder();
  private readonly liveMap = new NumberBuilder();
  private readonly spoofMap = new NumberBuilder();
  private readonly extra = new Map<string, FactorBuilder>();
  private count = 0;
  private mapCount = 0;

  /** @param origin where the scores come from, for messages */
  constructor(private readonly origin: string) {}

  add(row: ScoreRow): void {
    this.path.add(row.path);
    this.domain.add(row.domain);
    this.subject.add(row.subject);
    this.video.add(row.video);
    this.frame.add(String(row.frame));
    this.live.add(row.label === 'live' ? 1 : 0);
    this.attackType.add(row.attackType);
    this.score.add(row.score);
    if (row.liveMapMean !== undefined && row.spoofMapMean !== undefined) {
      this.liveMap.add(row.liveMapMean);
      this.spoofMap.add(row.spoofMapMean);
      this.mapCount++;
    }
    for (const name in row.extra) this.extraColumn(name).add(row.extra[name]!);
    this.count++;
  }

  build(): Scores {
    return {
      origin: this.origin,
      length: this.count,
      path: this.path,
      domain: this.domain.build(),
      subject: this.subject.build(),
      video: this.video.build(),
      frame: this.frame.build(),
      live: new Uint8Array(this.live.build()),
      attackType: this.attackType.build(),
      score: this.score.build(),
      maps: this.mapCount === this.count ? { live: this.liveMap.build(), spoof: this.spoofMap.build() } : null,
      extra: new Map([...this.extra].map(([name, column]) => [name, column.build()])),
    };
  }

  private extraColumn(name: string): FactorBuilder {
    let column = this.extra.get(name);
    if (!column) {
      column = new FactorBuilder();
      this.extra.set(name, column);
    }
    return column;
  }
}

/** `Scores` of rows that are at hand. */
export function scoresOf(rows: Iterable<ScoreRow>, origin: string): Scores {
  const builder = new ScoresBuilder(origin);
  for (const row of rows) builder.add(row);
  return builder.build();
}

/** The row of `scores` as an object. */
export function rowOf(scores: Scores, row: number): ScoreRow {
  const name = (factor: Factor) => factor.names[factor.codes[row]!]!;
  return {
    path: scores.path.at(row),
    domain: name(scores.domain),
    subject: name(scores.subject),
    video: name(scores.video),
    frame: name(scores.frame),
    label: scores.live[row] === 1 ? 'live' : 'spoof',
    attackType: name(scores.attackType),
    score: scores.score[row]!,
    ...(scores.maps && { liveMapMean: scores.maps.live[row]!, spoofMapMean: scores.maps.spoof[row]! }),
    ...(scores.extra.size > 0 && { extra: Object.fromEntries([...scores.extra].map(([key, f]) => [key, name(f)])) }),
  };
}
