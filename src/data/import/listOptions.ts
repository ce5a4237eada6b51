/** What `ldc import list` is told beside the lists themselves. */
import type { LeftOut } from '../leftOut.js';
import type { Split } from '../manifest.js';
import type { Source } from '../sources/source.js';
import type { Side } from './contradictions.js';

/** Which of two rows that contradict each other about one image counts. */
export const rowChoices = ['first', 'last'] as const;

export interface ListImportOptions {
  /** The lists: JSON as SSDG writes it, or text with a path a line. */
  files: readonly string[];
  /** What relative paths start from; by default each list's own folder. */
  root?: string;
  /** Folder of crop sets. */
  out: string;
  /** The data set that the images are of; its names say subject, attack and video of each. */
  source: Source | null;
  /** Name and letter of a set that is none of those known. */
  name?: string;
  letter?: string;
  /** `VALUE` for all lists, or `LIST=VALUE` for one: what its images are, and which attack its attacks are. */
  label?: readonly string[];
  attackType?: readonly string[];
  /** What stands for live in the lists' labels; everything else is then an attack. */
  liveLabel?: string;
  /** The part that all images are of. */
  split?: Split;
  /** Who is believed where labels and names contradict each other, and which of two rows of one image counts. */
  trust?: Side;
  twice?: (typeof rowChoices)[number];
  /** Regular expressions with the groups `video`, `subject` and `frame`. */
  video?: string;
  subject?: string;
  /** Where images that cannot be read are counted; the first ends the work unless given. */
  leftOut?: LeftOut;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}
