/** What a data set's file says of its release: which files are which presentations. How they are processed is not its business. */
import type { LiveAttack } from '../counts.js';
import type { Subset } from '../cropSet.js';
import { type Label, type Split, splits } from '../manifest.js';

export interface Point {
  x: number;
  y: number;
}

/** A rectangle in pixels, `x` and `y` being its upper left corner. */
export interface Box extends Point {
  w: number;
  h: number;
}

/** A face in an upright frame: a box, the two eyes from left to right as the picture shows them, or both. */
export interface Face {
  box?: Box;
  eyes?: readonly [Point, Point];
}

/** One bona fide or attack presentation: a video, or a single photograph. */
export interface Presentation {
  /** Unique within the data set. */
  video: string;
  split: Split;
  subject: string;
  label: Label;
  attackType: string;
  pai: string;
  /** More columns of the manifest. */
  extra: Readonly<Record<string, string>>;
  /** Of an image that is a frame: the presentation that it and others show, and its number there. */
  clip?: string;
  frame?: number;
  /** Its path does not say what it is, but the release's own lists do. */
  unlabelled?: true;
}

/** How the release says where faces are. */
export interface Annotation {
  /** Extension of its files, in lower case. A file belongs to the presentation that its path without extension means. */
  extension: string;
  /** Whether they have eyes, by which crops can be aligned. */
  eyes: boolean;
  /** Where coordinates are not pixels: how many units any picture is wide and high. */
  units?: number;
  /** Faces by number of frame, from 0. Rows that say nothing of a face are left out. */
  parse(text: string): Map<number, Face>;
}

/** Protocols that come with a release: videos of each part by name of the protocol, or of the protocol and its fold (`3/1`). */
export type ReleaseProtocols = Record<string, Record<Split, string[]>>;

/** What a release's own files say of its presentations. */
export interface Described {
  /** The presentation with what is known of it from elsewhere. */
  complete(presentation: Presentation): Presentation;
  /** Paths that the full release has. */
  paths: readonly string[];
  /** What is wrong with the release's own files. */
  faults?: readonly { path: string; reason: string }[];
}

export interface Source {
  /** As `ldc prepare` is given it. */
  id: string;
  name: string;
  letter: string;
  media: 'video' | 'image' | 'hdf5';
  /** Of its videos or images, in lower case. */
  extensions: readonly string[];
  /** What the path of a file, without extension and relative to the release, stands for; `null` when it is no presentation. */
  present(path: string): Presentation | null;
  annotation: Annotation | null;
  /** Its pictures are faces already, and are taken whole. */
  whole?: boolean;
  /** The recordings themselves say where the eyes are. */
  eyesInside?: boolean;
  /** Other files that belong to a release. */
  ownFiles: RegExp;
  /** How a release looks, for the hint when nothing is found. */
  tree: string;
  /**
   * Videos or images that the full release has, and its subjects, as published; `null` where nobody says. `images`: frames are counted, and
   * not the videos that they are of.
   */
  published: {
    all: LiveAttack | null;
    splits: Readonly<Partial<Record<Split, LiveAttack>>>;
    subjects: number | null;
    images?: true;
  };
  /** The paths of the full release, where file names can be told beforehand. */
  expectedPaths?(found: readonly Presentation[]): string[];
  /** Reads what paths do not say from the release's own files, which `ownFiles` matches. */
  describe?(own: readonly string[], read: (path: string) => Promise<string>): Promise<Described>;
  /** Named parts beside `all`; `default` is what published cross-domain tables use. */
  subsets: Readonly<Record<string, Subset>>;
  /**
   * Where a presentation goes when published rows with a threshold from development data are made again (DBMNet's re-run of SSDG): trained on,
   * development, or `null`, left out.
   */
  developmentPart?(presentation: Pick<Presentation, 'split' | 'subject'>): 'train' | 'dev' | null;
  /** Frames below which something is wrong with a video. */
  shortest: number;
  /** Presentations that are stored upside-down. */
  upsideDown?(presentation: Presentation): boolean;
  /** Reads protocols from the release's own files, which `ownFiles` matches; `read` gives a file's text. */
  protocols?(paths: readonly string[], read: (path: string) => Promise<string>): Promise<ReleaseProtocols>;
}

/** Bona fide or attack, as the manifest has it. */
export function labelOf(attackType: string): Label {
  return attackType === 'live' ? 'live' : 'spoof';
}

/** What an image in the folder of a video is, `frame` being the number that is its name; or, without one, the video itself. */
export function frameOf(
  clip: string,
  frame: string | undefined,
  rest: Omit<Presentation, 'video' | 'clip' | 'frame'>,
): Presentation {
  return frame === undefined
    ? { video: clip, ...rest }
    : { video: `${clip}/${frame}`, clip, frame: Number(frame), ...rest };
}

/** Videos that are published of a part of a release; `null` where that is not known. */
export function publishedOf({ published: { all, splits: known } }: Source, among: readonly Split[]): LiveAttack | null {
  if (among.length === splits.length) return all;
  const parts = among.map((split) => known[split]);
  if (parts.includes(undefined)) return null;
  return (parts as LiveAttack[]).reduce((a, b) => ({ live: a.live + b.live, attack: a.attack + b.attack }));
}

/** The published videos of `all` and of each named subset, as crop sets keep them. */
export function publishedSubsets(source: Source): Record<string, LiveAttack> {
  if (source.published.images) return {};
  const subsets = { all: { splits }, ...source.subsets };
  return Object.fromEntries(
    Object.entries(subsets).flatMap(([name, subset]) => {
      const counts = publishedOf(source, subset.splits);
      return counts ? [[name, counts]] : [];
    }),
  );
}

/** `range(1, 3)` is 1, 2, 3. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
