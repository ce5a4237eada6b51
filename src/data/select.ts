/** The frames that a protocol means: domains, named subsets and attack types, found in the crop sets. */
import { UserError } from '../base/errors.js';
import { letterOf } from '../config/domainNames.js';
import { type DomainSpec, domainSpecName, type Protocol } from '../config/protocol.js';
import { countFrames } from './counts.js';
import type { CropSet } from './cropSet.js';
import { type Frame, splits } from './manifest.js';
import { PerDomain } from './perDomain.js';
import { protocolFrames } from './prepare/protocols.js';

/** One domain of one side of a protocol, as it stands in results. */
export interface Selection {
  domain: string;
  /** The set's name, with "(partial)" behind it where videos of the full release are not there. */
  name: string;
  synthetic: boolean;
  /** Hash of the crop set's manifest. */
  hash: string;
  /** The named subset: `all`, or a name of `dataset.json`; `protocol 3/1` of an official protocol. */
  subset: string;
  /** How much of the full release is there, in one sentence; `null` when nothing is known to lack. */
  partial: string | null;
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
  return { ...identityOf(set, shortfall(set, subset)), subset, attackTypes: keptAttacks, frames };
}

function identityOf({ letter: domain, name, synthetic, hash }: CropSet, partial: string | null) {
  return { domain, name: partial === null ? name : `${name} (partial)`, synthetic, hash, partial };
}

/** What a subset has of the videos published, when it is less. */
function shortfall(set: CropSet, subset: string): string | null {
  const published = set.published[subset];
  if (!published) return null;
  const { live, attack } = countFrames(framesOf(set, subset)).videos;
  if (live >= published.live && attack >= published.attack) return null;
  const whole = `the ${published.live} and ${published.attack} of the full release`;
  return `${set.letter}:${subset} of ${set.name} is partial: ${live} live and ${attack} attack videos of ${whole}`;
}

/**
 * Both sides of a protocol.
 * @throws UserError for a domain that is not there, and when a video stands on both sides
 */
export function selectSides(
  sets: ReadonlyMap<string, CropSet>,
  protocol: Protocol,
): { sources: Selection[]; targets: Selection[] } {
  const sources = protocol.sources.map((spec) => select(setOf(sets, spec, protocol), spec));
  const targets = protocol.targets.map((spec) => select(setOf(sets, spec, protocol), spec));
  const trained = new PerDomain<true>();
  for (const { frames } of sources) for (const { domain, video } of frames) trained.set(domain, video, true);
  const both = targets
    .flatMap(({ frames }) => frames)
    .find(({ domain, video }) => trained.get(domain, video) !== undefined);
  if (both) {
    throw new UserError(
      `the protocol ${protocol.name} has the video "${both.video}" of ${both.domain} on both sides`,
      'attack types keep all live videos; test on a domain that is not trained on',
    );
  }
  return { sources, targets };
}

/** The parts of a protocol that came with a release; `dev` is `null` where it has no development part. */
export interface OfficialParts {
  sources: Selection[];
  targets: Selection[];
  train: readonly Frame[];
  dev: readonly Frame[] | null;
}

/**
 * The parts of a protocol that came with a release: its own training, development and test videos.
 * @throws UserError when the set or its protocol files are not there, or a part has no video
 */
export async function selectOfficial(
  sets: ReadonlyMap<string, CropSet>,
  protocol: Protocol & { official: string },
): Promise<OfficialParts> {
  const set = setOf(sets, protocol.sources[0]!, protocol);
  if (protocol.official === 'parts') return ownParts(set, protocol.name);
  if (set.letter === 'siwm') return withoutAttack(set, protocol.official);
  const { frames, missing } = await protocolFrames(set, protocol.official);
  const lacking = splits.filter((split) => missing[split].length > 0);
  const sum = lacking.reduce((total, split) => total + missing[split].length, 0);
  const which = `${sum} of its videos are not there (${lacking.map((split) => `${split} ${missing[split].length}`).join(', ')})`;
  const partial = sum === 0 ? null : `protocol ${protocol.official} of ${set.name} is partial: ${which}`;
  const side = { ...identityOf(set, partial), subset: `protocol ${protocol.official}`, attackTypes: null };
  return {
    sources: [{ ...side, frames: [...frames.train, ...frames.dev] }],
    targets: [{ ...side, frames: frames.test }],
    train: frames.train,
    dev: frames.dev,
  };
}

/** A release whose folders are the parts: the threshold is chosen on its development part. */
function ownParts(set: CropSet, name: string): OfficialParts {
  const [train, dev, test] = splits.map((split) => {
    const own = set.frames.filter((frame) => frame.split === split);
    if (own.length > 0) return own;
    throw new UserError(
      `the protocol ${name} needs the ${split} part of ${set.name}, of which ${set.dir} has no image`,
    );
  }) as [Frame[], Frame[], Frame[]];
  const side = { ...identityOf(set, shortfall(set, 'all')), attackTypes: null };
  return {
    sources: [{ ...side, subset: 'train and dev', frames: [...train, ...dev] }],
    targets: [{ ...side, subset: 'test', frames: test }],
    train,
    dev,
  };
}

/**
 * Protocol II of SiW-M v2: all attacks but one and the live people of the training list are trained on; the one and the live people of the
 * test list are tested on.
 */
function withoutAttack(set: CropSet, attack: string): OfficialParts {
  const live = (split: Frame['split']) => set.frames.filter((frame) => frame.label === 'live' && frame.split === split);
  const attacks = set.frames.filter(({ label }) => label === 'spoof');
  const left = attacks.filter(({ attackType }) => attackType === attack);
  if (left.length === 0) {
    throw new UserError(
      `${set.name} in ${set.dir} has no attack ${attack}`,
      `there are ${attackTypesOf(attacks).join(', ')}`,
    );
  }
  if (live('test').length === 0 || live('train').length === 0) {
    throw new UserError(
      `${set.name} in ${set.dir} does not say which live videos are tested on`,
      'put trainlist_live.txt and testlist_live.txt beside its videos and prepare again',
    );
  }
  const train = [...live('train'), ...attacks.filter(({ attackType }) => attackType !== attack)];
  const side = identityOf(set, shortfall(set, 'all'));
  return {
    sources: [{ ...side, subset: `live train, all attacks but ${attack}`, attackTypes: null, frames: train }],
    targets: [{ ...side, subset: 'live test', attackTypes: [attack], frames: [...live('test'), ...left] }],
    train,
    dev: null,
  };
}

function setOf(sets: ReadonlyMap<string, CropSet>, { domain }: DomainSpec, protocol: Protocol): CropSet {
  const named = (name: string) => letterOf(name).toLowerCase() === domain.toLowerCase();
  const all = [...sets.values()];
  const set = sets.get(domain) ?? all.find(({ letter, name }) => named(letter) || named(name));
  if (set) return set;
  const hint = `domains there: ${all.map(({ letter, name }) => `${letter} (${name})`).join(', ')}`;
  throw new UserError(`the data have no domain ${domain}, which the protocol ${protocol.name} names`, hint);
}

/** The frames of a named subset, `all` included. */
export function framesOf(set: CropSet, subset: string): readonly Frame[] {
  const rule = set.subsets[subset];
  return rule ? set.frames.filter(({ split }) => rule.splits.includes(split)) : set.frames;
}

/** The attack types of `frames`, sorted. */
function attackTypesOf(frames: readonly Frame[]): string[] {
  const types = new Set<string>();
  for (const { label, attackType } of frames) if (label === 'spoof') types.add(attackType);
  return [...types].sort();
}
