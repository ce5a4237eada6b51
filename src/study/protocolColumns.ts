/** The columns of a study's table: its protocols, by target and by the folds that the field takes together. */
import { UserError } from '../base/errors.js';
import { domainSpecName, foldsOf, type Protocol, parseProtocol } from '../config/protocol.js';

/**
 * A column of the table: one protocol, one of its targets where it has several, or the folds of `oulu/3`, `oulu/4` and `siwm`, for which
 * the field gives one figure.
 */
export interface ProtocolColumn {
  title: string;
  protocols: readonly Protocol[];
  /** The target's place among those of the protocol. */
  target?: number;
}

/**
 * @param protocols as the file has them
 * @param where the place of a key in the file, for the sentence of an error
 * @throws UserError for what is no protocol, or stands there twice
 */
export function columnsOf(
  protocols: readonly string[],
  where: (path: readonly PropertyKey[]) => string,
): ProtocolColumn[] {
  const groups = protocols.map((text, i) => {
    const parsed = (foldsOf(text) ?? [text]).map((each) => parsedProtocol(each, where(['protocols', i])));
    return { title: parsed.length > 1 ? text.trim().toLowerCase() : parsed[0]!.name, protocols: parsed };
  });
  const names = groups.flatMap((group) => group.protocols.map((protocol) => protocol.name));
  const twice = names.find((each, i) => names.indexOf(each) < i);
  if (twice !== undefined) throw new UserError(`the protocol ${twice} stands there twice${where(['protocols'])}`);
  return groups.flatMap((group) => {
    const { name, targets } = group.protocols[0]!;
    if (targets.length === 1) return [group];
    const sources = name.slice(0, name.lastIndexOf('-to-'));
    return targets.map((spec, target) => ({ ...group, title: `${sources}-to-${domainSpecName(spec)}`, target }));
  });
}

/** @throws UserError that says where */
export function parsedProtocol(text: string, where: string): Protocol {
  try {
    return parseProtocol(text);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message}${where}`, error.hint) : error;
  }
}
