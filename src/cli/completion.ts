/** What a shell proposes for a protocol that is being typed. */
import { letterOfName, siwmAttacks } from '../config/domainNames.js';
import { foldsOf } from '../config/protocol.js';

const names = Object.keys(letterOfName);

/** Expressions that stand for themselves, and what they are. */
const whole: readonly (readonly [string, string])[] = [
  ['O&C&I-to-M', 'three sources, one target'],
  ['O&M&I-to-C', 'three sources, one target'],
  ['O&C&M-to-I', 'three sources, one target'],
  ['I&C&M-to-O', 'three sources, one target'],
  ['M&I-to-C', 'two sources'],
  ['M&I-to-O', 'two sources'],
  ['O&C&I+M:5-to-M', 'five people of the target in training'],
  ['celeba-spoof-to-O&C&I&M', 'one source, four targets'],
  ['wmca&cefa-to-surf', 'two sources, one target'],
  ['wmca&surf-to-cefa', 'two sources, one target'],
  ['cefa&surf-to-wmca', 'two sources, one target'],
  ['wfas', 'its own parts, threshold from its development part'],
  ['siwm', 'mean over fourteen attacks left out, for eval and studies'],
  ...siwmAttacks.map((attack): [string, string] => [`siwm/${attack}`, 'this attack left out']),
  ...['oulu/1', 'oulu/2', 'oulu/3', 'oulu/4'].flatMap((each): [string, string][] => [
    [each, foldsOf(each) ? 'mean over six folds, for eval and studies' : 'the protocol of the release'],
    ...(foldsOf(each) ?? []).map((fold): [string, string] => [fold, 'the fold of the release']),
  ]),
];

/**
 * Whole expressions that begin as `typed` does; where it has a sign in it already, the names of releases that may come next.
 * @returns expressions, and what they are
 */
export function protocolCompletions(typed: string): (readonly [string, string])[] {
  const known = whole.filter(([expression]) => expression.toLowerCase().startsWith(typed.toLowerCase()));
  const match = /^(.*(?:&|,|-to-))?([\w-]*)$/.exec(typed);
  if (!match) return known;
  const [, before = '', begun = ''] = match;
  const next = names.filter((name) => name.startsWith(begun.toLowerCase()));
  return [...known, ...next.map((name): [string, string] => [`${before}${name}`, 'a data set'])];
}
