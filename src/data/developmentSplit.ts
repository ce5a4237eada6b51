/** Holds out people of the source domains, on whom thresholds and checkpoints are chosen without a look at the target. */
import { Philox, purposes } from '../engine/random.js';
import { type Frame, type Label, labels } from './manifest.js';

export interface DevelopmentSplit {
  train: Frame[];
  dev: Frame[];
  /** What a user should know: where people could not be kept apart, or a class is missing. */
  notices: string[];
}

/** What is held out as a whole. */
type Unit = 'subject' | 'video' | 'image';

interface Group {
  name: string;
  has: ReadonlySet<Label>;
}

/**
 * Divides `frames` domain by domain: about `fraction` of the subjects go to `dev` with all their frames. A domain whose subjects
 * are unknown or only one is divided by video, and by image where a class has one video, with a notice. Both parts get live
 * and spoof frames wherever that can be had. What the release calls its development part plays no role: published cross-domain
 * results train on it, and a set without one is treated alike.
 *
 * A domain's division depends on (seed, fraction, its own frames) alone, neither on their order nor on the other domains.
 * @param fraction of the subjects, at least 0 and below 1; 0 holds out nothing
 */
export function developmentSplit(frames: readonly Frame[], fraction: number, seed: number): DevelopmentSplit {
  if (fraction === 0) return { train: [...frames], dev: [], notices: [] };
  const notices: string[] = [];
  const held = new Set<Frame>();
  for (const [domain, own] of groupBy(frames, (frame) => frame.domain)) {
    const unit = unitOf(own);
    const names = heldOut(own, unit, fraction, new Philox(seed, purposes.split, hashOf(domain)));
    const dev = own.filter((frame) => names.has(unitName(frame, unit)));
    for (const frame of dev) held.add(frame);
    notices.push(...noticesOf(domain, own, dev, unit));
  }
  const train = frames.filter((frame) => !held.has(frame));
  return { train, dev: frames.filter((frame) => held.has(frame)), notices };
}

/** Subjects where there are two; else videos where each class has two; else images. */
function unitOf(frames: readonly Frame[]): Unit {
  const subjects = new Set(frames.map(({ subject }) => subject));
  if (subjects.size > 1 && !subjects.has('')) return 'subject';
  const videosOf = (label: Label) =>
    new Set(frames.filter((frame) => frame.label === label).map(({ video }) => video)).size;
  return labels.some((label) => videosOf(label) === 1) ? 'image' : 'video';
}

function unitName(frame: Frame, unit: Unit): string {
  return unit === 'image' ? frame.path : frame[unit];
}

/** The names of the units that go to the development part. */
function heldOut(frames: readonly Frame[], unit: Unit, fraction: number, random: Philox): Set<string> {
  const groups: Group[] = [...groupBy(frames, (frame) => unitName(frame, unit))]
    .map(([name, own]) => ({ name, has: new Set(own.map(({ label }) => label)) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  random.shuffle(groups);
  const held = new Set<Group>();
  // Units with both classes, with live only and with spoof only are each divided in the same proportion.
  for (const stratum of groupBy(groups, ({ has }) => [...has].sort().join()).values()) {
    const wanted = Math.round(fraction * stratum.length);
    const size = Math.min(Math.max(wanted, 1), stratum.length - 1);
    for (const group of stratum.slice(0, size)) held.add(group);
  }
  for (const label of labels) holdOutOneMore(label, groups, held);
  return new Set([...held].map(({ name }) => name));
}

/** Where the development part has no unit with `label`, moves one there that training can spare. */
function holdOutOneMore(label: Label, groups: readonly Group[], held: Set<Group>): void {
  if ([...held].some(({ has }) => has.has(label))) return;
  const kept = groups.filter((group) => !held.has(group));
  const spare = kept.find((group) => group.has.has(label) && [...group.has].every((l) => countWith(kept, l) > 1));
  if (spare) held.add(spare);
}

function countWith(groups: readonly Group[], label: Label): number {
  return groups.filter(({ has }) => has.has(label)).length;
}

function noticesOf(domain: string, frames: readonly Frame[], dev: readonly Frame[], unit: Unit): string[] {
  if (dev.length === 0)
    return [`domain ${domain} gives no development data: nothing can be held out without losing a class`];
  const notices: string[] = [];
  if (unit !== 'subject') {
    const why = frames.some(({ subject }) => subject === '') ? 'not all its subjects are known' : 'it has one subject';
    const how = unit === 'video' ? 'by video' : 'by image, a class having one video';
    notices.push(`domain ${domain}: development data are held out ${how}, not by subject, because ${why}`);
  }
  for (const label of labels) {
    const isThere = (part: readonly Frame[]) => part.some((frame) => frame.label === label);
    if (isThere(frames) && !isThere(dev))
      notices.push(`domain ${domain}: its development data have no ${label} frames`);
  }
  return notices;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** A 32-bit number that stands for a name (FNV-1a), so that each domain draws from a stream of its own. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
