/** The frames that a protocol means: domains, named subsets and attack types, found in the crop sets. */
import { UserError } from '../base/errors.js';
import { type DomainSpec, domainSpecName, type Protocol } from '../config/protocol.js';
import type { CropSet } from './cropSet.js';
import { type Frame, videoKey } from './manifest.js';

/** One domain of one side of a protocol, as it stands in results. */
export interface Selection {
  domain: string;
  name: string;
  synthetic: boolean;
  /** Hash of the crop set's manifest. */
  hash: string;
  /** The named subset: `all`, or a name of `dataset.json`. */
  subset: string;
  /** The attack types kept; `null` when all are. */
  attackTypes: readonly string[] | null;
  frames: readonly Frame[];
}

/**
 * The frames of `set` that `spec` asks for. A qualifier is the name of a subset (`all`, or one of `dataset.json`), or an attack type;
 * attack types keep the live frames and these attacks. Without a subset, the one named `default` applies, else `all`.
 * @throws UserError for a qualifier that is neither, and when nothing is left
 */
export function select(set: CropSet, spec: DomainSpec): Selection {
  const subsets = ['all', ...Object.keys(set.subsets)];
  const types = attackTypesOf(set.frames);
  const named = spec.qualifiers.filter((qualifier) => subsets.includes(qualifier));
  const attackTypes = spec.qualifiers.filter((qualifier) => !subsets.includes(qualifier));
  const unknown = attackTypes.find((type) => !types.includes(type));
  if (unknown !== undefined) {
    const hint = `attack types there: ${types.join(', ') || 'none'}; subsets: ${subsets.join(', ')}`;
    throw new UserError(
      `${domainSpecName(spec)} asks for "${unknown}", which ${set.name} in ${set.dir} does not have`,
      hint,
    );
  }
  if (named.length > 1) throw new UserError(`${domainSpecName(spec)} names two subsets, ${named.join(' and ')}`);
  const subset = named[0] ?? ('default' in set.subsets ? 'default' : 'all');
  const keptAttacks = attackTypes.length > 0 ? attackTypes : null;
  const frames = framesOf(set, subset).filter(
    ({ label, attackType }) => label === 'live' || keptAttacks === null || keptAttacks.includes(attackType),
  );
  if (frames.length === 0) throw new UserError(`${domainSpecName(spec)} has no frames in ${set.dir}`);
  const { letter: domain, name, synthetic, hash } = set;
  return { domain, name, synthetic, hash, subset, attackTypes: keptAttacks, frames };
}

/**
 * Both sides of a protocol.
 * @throws UserError for a domain that is not there, and when a video stands on both sides
 */
export function selectSides(
  sets: ReadonlyMap<string, CropSet>,
  protocol: Protocol,
): { sources: Selection[]; targets: Selection[] } {
  const find = (spec: DomainSpec) => {
    const set = sets.get(spec.domain);
    if (set) return select(set, spec);
    const hint = `domains there: ${[...sets.values()].map(({ letter, name }) => `${letter} (${name})`).join(', ')}`;
    throw new UserError(`the data have no domain ${spec.domain}, which the protocol ${protocol.name} names`, hint);
  };
  const sources = protocol.sources.map(find);
  const targets = protocol.targets.map(find);
  const trained = new Set(sources.flatMap(({ frames }) => frames.map(videoKey)));
  const both = targets.flatMap(({ frames }) => frames).find((frame) => trained.has(videoKey(frame)));
  if (both) {
    throw new UserError(
      `the protocol ${protocol.name} has the video "${both.video}" of ${both.domain} on both sides`,
      'attack types keep all live videos; test on a domain that is not trained on',
    );
  }
  return { sources, targets };
}

/** The frames of a named subset, `all` included. */
export function framesOf(set: CropSet, subset: string): readonly Frame[] {
  const rule = set.subsets[subset];
  return rule ? set.frames.filter(({ split }) => rule.splits.includes(split)) : set.frames;
}

/** The attack types of `frames`, sorted. */
export function attackTypesOf(frames: readonly Frame[]): string[] {
  return [...new Set(frames.flatMap(({ label, attackType }) => (label === 'spoof' ? [attackType] : [])))].sort();
}
