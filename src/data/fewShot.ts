/** Few-shot protocols (`O&C&I+M:5-to-M`): some people of a target are trained on, and are no part of the test. */
import { UserError } from '../base/errors.js';
import type { Protocol } from '../config/protocol.js';
import { Philox, purposes } from '../engine/random.js';
import { countFrames, type LiveAttack } from './counts.js';
import { type Frame, labels } from './manifest.js';
import type { Selection } from './select.js';

/** Who of a target was trained on: part of every result. */
export interface FewShot {
  domain: string;
  subjects: readonly string[];
  videos: LiveAttack;
  images: number;
}

/**
 * Divides the one of the protocol's `targets` that it takes people from.
 * @param wanted who they are; otherwise the seed chooses among people of both classes, whatever the order of the frames
 * @throws UserError when there are not as many, when nobody of a class is left to test on, and for frames of unknown people
 */
export function divideFewShot(
  { name, fewShot, targets: specs }: Protocol & { fewShot: NonNullable<Protocol['fewShot']> },
  targets: readonly Selection[],
  wanted: readonly string[] | null,
  seed: number,
): { train: Frame[]; targets: Selection[]; fewShot: FewShot } {
  const at = specs.findIndex(({ domain }) => domain === fewShot.domain);
  const target = targets[at]!;
  const people = peopleOf(target, name);
  const chosen =
    wanted === null ? draw(people, fewShot.people, target, seed) : listed(people, fewShot.people, target, wanted);
  const train = target.frames.filter(({ subject }) => chosen.has(subject));
  const left = target.frames.filter(({ subject }) => !chosen.has(subject));
  const lacking = labels.find((label) => !left.some((frame) => frame.label === label));
  if (lacking)
    throw new UserError(`${name} leaves no ${lacking} frames of ${target.name} to test on`, 'take fewer people');
  const { videos, images } = countFrames(train);
  return {
    train,
    targets: targets.with(at, { ...target, frames: left, subset: `${target.subset} without ${chosen.size} people` }),
    fewShot: { domain: target.domain, subjects: [...chosen].sort(), videos, images: images.live + images.attack },
  };
}

/** The classes that each person has, in order of name. */
function peopleOf({ frames, name: set }: Selection, name: string): Map<string, Set<string>> {
  const people = new Map<string, Set<string>>();
  for (const { subject, label, manifest, row } of frames) {
    if (subject === '') {
      throw new UserError(
        `${name} takes people of ${set}, and ${manifest} line ${row} names nobody`,
        'without knowing people, those trained on and those tested on cannot be kept apart',
      );
    }
    people.set(subject, (people.get(subject) ?? new Set<string>()).add(label));
  }
  return new Map([...people].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function draw(people: ReadonlyMap<string, ReadonlySet<string>>, count: number, { name }: Selection, seed: number) {
  const able = [...people].flatMap(([subject, has]) => (has.size === labels.length ? [subject] : []));
  if (able.length < count) {
    throw new UserError(
      `${name} has ${able.length} people that are there both live and attacked, not ${count}`,
      'take fewer people, or name them: --set data.few_shot=[NAME,…]',
    );
  }
  new Philox(seed, purposes.fewShot, 0).shuffle(able);
  return new Set(able.slice(0, count));
}

/** Numbers are one person however they are written: 1 and 01. */
function listed(people: ReadonlyMap<string, unknown>, count: number, { name }: Selection, wanted: readonly string[]) {
  const plain = (subject: string) => (/^\d+$/.test(subject) ? String(Number(subject)) : subject);
  const chosen = new Set<string>();
  for (const each of wanted) {
    const found = [...people.keys()].find((subject) => plain(subject) === plain(each));
    if (found === undefined) {
      throw new UserError(
        `data.few_shot names "${each}", who is nobody of ${name}`,
        `people are ${[...people.keys()].slice(0, 8).join(', ')}, …`,
      );
    }
    chosen.add(found);
  }
  if (chosen.size === count) return chosen;
  throw new UserError(`data.few_shot names ${chosen.size} people, and the protocol asks for ${count}`);
}
