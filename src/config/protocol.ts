/**
 * Protocol expressions: which domains are trained on and which are tested on (`O&C&I-to-M`, `wmca&cefa-to-surf`, `O:print&C-to-I:replay`,
 * `O&C&I+M:5-to-M`), and those that releases come with (`oulu/3/1`, `siwm/replay`, `wfas`).
 */
import { UserError } from '../base/errors.js';
import { letterOf, namesRelease, siwmAttacks } from './domainNames.js';

/** One domain of one side of a protocol. */
export interface DomainSpec {
  /** Its letter, or a longer name that the data use. */
  domain: string;
  /** What it is restricted to: attack types, or the name of a subset (`select` in src/data tells them apart). Empty: all. */
  qualifiers: readonly string[];
}

export interface Protocol {
  /** The canonical expression, whichever way it was written: `O&C&I-to-M`. */
  name: string;
  sources: readonly DomainSpec[];
  targets: readonly DomainSpec[];
  /** So many people of a target are trained on as well, and are not tested on. */
  fewShot?: { domain: string; people: number };
  /** Of a protocol that came with the release of its one domain: its name there, `1` or `3/2`, the attack left out, or `parts`. */
  official?: string;
}

const QUOTES = "the shell needs quotes around &: --protocol 'O&C&I-to-M'";
const FORM =
  "a protocol is SOURCES-to-TARGETS, for example 'O&C&I-to-M', 'wmca&cefa-to-surf' or 'O:print&C-to-I:replay'";
const OULU = 'oulu/1, oulu/2, oulu/3/1 … oulu/3/6, oulu/4/1 … oulu/4/6';
const NAME = /^[A-Za-z](?:-?[A-Za-z0-9_])*$/;

/**
 * Reads an expression. Domains are letters, or names of releases and of sets, and are separated by `&` or `,`; a side that is one run of
 * capitals (`OCI`) is read letter by letter; restrictions follow a colon, joined by `+` (`C:replay+mask`); `+M:5` behind the sources
 * adds five people of the target M. Whether the domains exist is for the data to say.
 * @throws UserError for an expression that cannot be meant
 */
export function parseProtocol(text: string): Protocol {
  const expression = text.trim();
  if (/^oulu(?:\/|$)/i.test(expression)) return ouluProtocol(expression);
  if (/^siwm(?:\/|$)/i.test(expression)) return siwmProtocol(expression);
  if (/^wfas$/i.test(expression)) return officialProtocol('wfas', 'wfas', 'parts');
  const sides = expression.split('-to-');
  if (sides.length === 1) {
    throw new UserError(`the protocol "${expression}" names no target domain`, expression === '' ? FORM : QUOTES);
  }
  if (sides.length > 2) throw new UserError(`the protocol "${expression}" has more than one "-to-"`, FORM);
  const [side, fewShot] = takeFewShot(sides[0]!);
  const sources = parseSide(side, 'source', expression);
  const targets = parseSide(sides[1]!, 'target', expression);
  rejectOverlap(sources, targets, expression);
  if (fewShot === null) return { name: `${sideName(sources)}-to-${sideName(targets)}`, sources, targets };
  if (!targets.some(({ domain }) => domain === fewShot.domain)) {
    throw new UserError(
      `the protocol "${expression}" trains on people of ${fewShot.domain}, which is no target`,
      `people of a target are added by + and their number, as in 'O&C&I+M:5-to-M'`,
    );
  }
  const name = `${sideName(sources)}+${fewShot.domain}:${fewShot.people}-to-${sideName(targets)}`;
  return { name, sources, targets, fewShot };
}

/**
 * The folds of an official protocol that has them (`oulu/3` → `oulu/3/1` … `oulu/3/6`, `siwm` → `siwm/print`, …), whose mean and standard
 * deviation are its result; null for every other expression.
 */
export function foldsOf(text: string): string[] | null {
  if (/^siwm$/i.test(text.trim())) return siwmAttacks.map((attack) => `siwm/${attack}`);
  const match = /^oulu\/([34])$/i.exec(text.trim());
  return match && [1, 2, 3, 4, 5, 6].map((fold) => `oulu/${match[1]}/${fold}`);
}

/** `O&C&I+M:5` → the sources, and five people of M; none of them are none. */
function takeFewShot(side: string): [string, NonNullable<Protocol['fewShot']> | null] {
  const match = /^(.*)\+\s*([\w-]+)\s*:\s*(\d{1,6})\s*$/.exec(side);
  if (!match) return [side, null];
  const people = Number(match[3]);
  return [match[1]!, people === 0 ? null : { domain: letterOf(match[2]!), people }];
}

function officialProtocol(name: string, letter: string, official: string): Protocol {
  const domain: DomainSpec = { domain: letter, qualifiers: [] };
  return { name, sources: [domain], targets: [domain], official };
}

function siwmProtocol(expression: string): Protocol {
  const attack = siwmAttacks.find((known) => `siwm/${known}` === expression.toLowerCase());
  if (attack) return officialProtocol(`siwm/${attack}`, 'siwm', attack);
  if (!foldsOf(expression)) {
    throw new UserError(`SiW-M v2 has no protocol "${expression}"`, `attacks left out are ${siwmAttacks.join(', ')}`);
  }
  throw new UserError(
    `the protocol "${expression}" leaves out each of fourteen attacks`,
    `train each of siwm/${siwmAttacks[0]} … siwm/${siwmAttacks.at(-1)}; ldc eval --protocol siwm then gives mean and deviation`,
  );
}

function ouluProtocol(expression: string): Protocol {
  const match = /^oulu\/([12]|[34]\/[1-6])$/i.exec(expression);
  if (match) return officialProtocol(`oulu/${match[1]}`, 'O', match[1]!);
  const folds = foldsOf(expression);
  if (!folds) throw new UserError(`OULU-NPU has no protocol "${expression}"`, `it has ${OULU}`);
  throw new UserError(
    `the protocol "${expression}" has six folds`,
    `train each of ${folds[0]} … ${folds[5]}; ldc eval --protocol ${expression.toLowerCase()} then gives mean and deviation`,
  );
}

/** `C:replay+mask`. */
export function domainSpecName({ domain, qualifiers }: DomainSpec): string {
  return qualifiers.length > 0 ? `${domain}:${qualifiers.join('+')}` : domain;
}

/**
 * The name of the protocol's run folder: the canonical expression, with `=` for the colon that some file systems refuse, and `-` for
 * the strokes of `oulu/3/1`.
 */
export function protocolFolder(protocol: Protocol): string {
  return protocol.name.replaceAll(':', '=').replaceAll('/', '-');
}

function sideName(specs: readonly DomainSpec[]): string {
  return specs.map(domainSpecName).join('&');
}

function parseSide(side: string, which: 'source' | 'target', expression: string): DomainSpec[] {
  if (side.trim() === '') throw new UserError(`the protocol "${expression}" names no ${which} domain`, FORM);
  const names = side.split(/[&,]/).map((term) => term.trim());
  const run = names.length === 1 && /^[A-Z]{2,}(?![\w-])/.exec(names[0]!)?.[0];
  if (run && namesRelease(run)) {
    throw new UserError(
      `${run} in the protocol "${expression}" may be the set ${run}, or one set for each letter`,
      `write ${run.toLowerCase()}, or ${[...run].join('&')}`,
    );
  }
  const terms = names.map((term) => parseTerm(term, expression));
  const [only] = terms;
  const specs = run ? [...run].map((domain) => ({ domain, qualifiers: only!.qualifiers })) : terms;
  const twice = specs.find(({ domain }, i) => specs.findIndex((other) => other.domain === domain) < i);
  if (twice) {
    const hint = twice.qualifiers.length > 0 ? `join restrictions by +: ${twice.domain}:print+replay` : undefined;
    throw new UserError(`the protocol "${expression}" names the ${which} domain ${twice.domain} twice`, hint);
  }
  return specs;
}

function parseTerm(term: string, expression: string): DomainSpec {
  const [domain, restriction, ...rest] = term.split(':').map((part) => part.trim());
  const qualifiers = restriction?.split('+').map((part) => part.trim()) ?? [];
  const parts = namesRelease(domain!) ? qualifiers : [domain!, ...qualifiers];
  if (rest.length > 0 || !parts.every((part) => NAME.test(part))) {
    throw new UserError(`"${term}" in the protocol "${expression}" is not a domain`, FORM);
  }
  return { domain: letterOf(domain!), qualifiers: [...new Set(qualifiers)] };
}

/**
 * A domain may stand on both sides only under restrictions that differ; that they share no video is checked with the data.
 */
function rejectOverlap(sources: readonly DomainSpec[], targets: readonly DomainSpec[], expression: string): void {
  for (const source of sources) {
    const target = targets.find(({ domain }) => domain === source.domain);
    if (!target) continue;
    const restricted = source.qualifiers.length > 0 && target.qualifiers.length > 0;
    const shared = [...source.qualifiers, ...target.qualifiers].includes('all');
    if (!restricted || shared || source.qualifiers.some((qualifier) => target.qualifiers.includes(qualifier))) {
      throw new UserError(
        `the protocol "${expression}" has the domain ${source.domain} on both sides`,
        'test on a domain that is not trained on',
      );
    }
  }
}
