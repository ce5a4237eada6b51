/** Protocol expressions: which domains are trained on and which are tested on (`O&C&I-to-M`, `O:print&C-to-I:replay`). */
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
}

const QUOTES = "the shell needs quotes around &: --protocol 'O&C&I-to-M'";
const FORM = "a protocol is SOURCES-to-TARGETS, for example 'O&C&I-to-M' or 'O:print&C-to-I:replay'";
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Reads an expression. Domains are separated by `&` or `,`; a side that is one run of capitals (`OCI`) is read letter by letter;
 * restrictions follow a colon, joined by `+` (`C:replay+mask`). Whether the domains exist is for the data to say.
 * @throws UserError for an expression that cannot be meant
 */
export function parseProtocol(text: string): Protocol {
  const expression = text.trim();
  if (/^oulu\//i.test(expression)) {
    throw new UserError(`unknown protocol "${expression}": the official OULU-NPU protocols are not available`, FORM);
  }
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

/** `C:replay+mask`. */
export function domainSpecName({ domain, qualifiers }: DomainSpec): string {
  return qualifiers.length > 0 ? `${domain}:${qualifiers.join('+')}` : domain;
}

/** The name of the protocol's run folder: the canonical expression, with `=` for the colon that some file systems refuse. */
export function protocolFolder(protocol: Protocol): string {
  return protocol.name.replaceAll(':', '=');
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
