/** Protocol expressions: which domains are trained on and which are tested on (`O&C&I-to-M`, `O:print&C-to-I:replay`, `oulu/3/1`). */
import { UserError } from '../base/errors.js';

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
  /** Of a protocol that came with the release of its one domain: its name there, `1` or `3/2`. */
  official?: string;
}

const QUOTES = "the shell needs quotes around &: --protocol 'O&C&I-to-M'";
const FORM = "a protocol is SOURCES-to-TARGETS, for example 'O&C&I-to-M' or 'O:print&C-to-I:replay'";
const OULU = 'oulu/1, oulu/2, oulu/3/1 … oulu/3/6, oulu/4/1 … oulu/4/6';
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Reads an expression. Domains are separated by `&` or `,`; a side that is one run of capitals (`OCI`) is read letter by letter;
 * restrictions follow a colon, joined by `+` (`C:replay+mask`). Whether the domains exist is for the data to say.
 * @throws UserError for an expression that cannot be meant
 */
export function parseProtocol(text: string): Protocol {
  const expression = text.trim();
  if (/^oulu(?:\/|$)/i.test(expression)) return ouluProtocol(expression);
  const sides = expression.split('-to-');
  if (sides.length === 1) {
    throw new UserError(`the protocol "${expression}" names no target domain`, expression === '' ? FORM : QUOTES);
  }
  if (sides.length > 2) throw new UserError(`the protocol "${expression}" has more than one "-to-"`, FORM);
  const sources = parseSide(sides[0]!, 'source', expression);
  const targets = parseSide(sides[1]!, 'target', expression);
  rejectOverlap(sources, targets, expression);
  return { name: `${sideName(sources)}-to-${sideName(targets)}`, sources, targets };
}

/**
 * The folds of an official protocol that has them (`oulu/3` → `oulu/3/1` … `oulu/3/6`), whose mean and standard deviation are its result;
 * null for every other expression.
 */
export function foldsOf(text: string): string[] | null {
  const match = /^oulu\/([34])$/i.exec(text.trim());
  return match && [1, 2, 3, 4, 5, 6].map((fold) => `oulu/${match[1]}/${fold}`);
}

function ouluProtocol(expression: string): Protocol {
  const match = /^oulu\/([12]|[34]\/[1-6])$/i.exec(expression);
  if (match) {
    const domain: DomainSpec = { domain: 'O', qualifiers: [] };
    return { name: `oulu/${match[1]}`, sources: [domain], targets: [domain], official: match[1]! };
  }
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
  const terms = side.split(/[&,]/).map((term) => parseTerm(term.trim(), expression));
  const [only] = terms;
  const specs =
    terms.length === 1 && /^[A-Z]+$/.test(only!.domain)
      ? [...only!.domain].map((domain) => ({ domain, qualifiers: only!.qualifiers }))
      : terms;
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
  if (rest.length > 0 || ![domain!, ...qualifiers].every((part) => NAME.test(part))) {
    throw new UserError(`"${term}" in the protocol "${expression}" is not a domain`, FORM);
  }
  return { domain: domain!, qualifiers: [...new Set(qualifiers)] };
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
