/**
 * `data.development: release`: sources divided as for the published rows whose threshold comes from development data (DBMNet's "more realistic"
 * re-run of SSDG): parts of the releases, one pool. For C and M this leaves less to train on than the usual tables do.
 */
import { UserError } from '../base/errors.js';
import { domainSpecName, type Protocol } from '../config/protocol.js';
import type { CropSet } from './cropSet.js';
import type { Frame } from './manifest.js';
import { type Selection, selectSides } from './select.js';
import { sources as releases } from './sources/sources.js';

/**
 * Both sides of a protocol; targets are their usual subsets.
 * @throws UserError for a source that is no release with such a division, names a subset, or has frames of unknown people
 */
export function selectReleaseParts(
  sets: ReadonlyMap<string, CropSet>,
  protocol: Protocol,
): { sources: Selection[]; targets: Selection[]; train: Frame[]; dev: Frame[]; notices: string[] } {
  for (const spec of protocol.sources) {
    const subset = spec.qualifiers.find((name) => name === 'all' || name in (sets.get(spec.domain)?.subsets ?? {}));
    if (subset === undefined) continue;
    throw new UserError(
      `${domainSpecName(spec)} names the subset ${subset}, and data.development release says which parts are used`,
      'leave out one of them',
    );
  }
  const whole = protocol.sources.map((spec) => ({ ...spec, qualifiers: ['all', ...spec.qualifiers] }));
  const { sources, targets } = selectSides(sets, { ...protocol, sources: whole });
  const parts = sources.map((selection) => partsOf(selection, sets.get(selection.domain)!.name));
  return {
    sources: sources.map((selection, i) => {
      return { ...selection, subset: 'release', frames: [...parts[i]!.train, ...parts[i]!.dev] };
    }),
    targets,
    train: parts.flatMap(({ train }) => train),
    dev: parts.flatMap(({ dev }) => dev),
    notices: [],
  };
}

function partsOf({ domain, frames }: Selection, name: string): { train: Frame[]; dev: Frame[] } {
  const release = releases.find((each) => each.letter === domain && each.name === name);
  if (release?.developmentPart === undefined) {
    const known = releases.filter(({ developmentPart }) => developmentPart !== undefined).map((each) => each.name);
    throw new UserError(
      `data.development release is known of ${known.join(', ')}, and ${domain} is ${name}`,
      'data.development: subjects holds out people of any set',
    );
  }
  const nobody = frames.find(({ subject }) => subject === '');
  if (nobody !== undefined) {
    throw new UserError(
      `data.development release goes by subject, and ${nobody.manifest} line ${nobody.row} names none`,
      'data.development: subjects does without',
    );
  }
  const part = (which: 'train' | 'dev') => frames.filter((frame) => release.developmentPart!(frame) === which);
  return { train: part('train'), dev: part('dev') };
}
