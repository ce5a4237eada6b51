/** Where the errors are: error rates by attack type, instrument, subject, domain or any further column of the scores. */
import { UserError } from '../base/errors.js';
import type { Factor } from './columns.js';
import type { Samples } from './levels.js';
import { auc, rocOf } from './roc.js';

/** Errors of one group at a threshold. A rate is null where the group has no sample of its class. */
export interface BreakdownRow {
  group: string;
  n: { live: number; attack: number };
  far: number | null;
  frr: number | null;
  hter: number | null;
  auc: number | null;
}

/** Columns that describe the attack: live samples have no instrument, so each group is set against all of them. */
const ATTACK_COLUMNS = new Set(['attack_type', 'pai']);

/**
 * One row a group that occurs, in order of name.
 * @param column `attack_type`, `subject`, `domain`, or a further column of the scores (`pai`, `session`, `phone`, …)
 * @throws UserError for a column that the scores lack
 */
export function breakdown(samples: Samples, column: string, threshold: number): BreakdownRow[] {
  const factor = columnOf(samples, column);
  const members = factor.names.map((): number[] => []);
  const allLive: number[] = [];
  const ofAttacks = ATTACK_COLUMNS.has(column);
  for (const [sample, code] of factor.codes.entries()) {
    if (ofAttacks && samples.live[sample] === 1) allLive.push(sample);
    else members[code]!.push(sample);
  }
  return factor.names
    .map((group, code) => ({ group, rows: members[code]! }))
    .filter(({ rows }) => rows.length > 0)
    .sort((a, b) => (a.group < b.group ? -1 : 1))
    .map(({ group, rows }) => rowOfGroup(group, ofAttacks ? rows.concat(allLive) : rows, samples, threshold));
}

/** The columns that `breakdown` takes for these samples and that say something: the attack type, and whatever varies. */
export function breakdownColumns(samples: Samples): string[] {
  const columns = ['attack_type', 'subject', 'domain', ...samples.extra.keys()];
  return columns.filter((column) => column === 'attack_type' || columnOf(samples, column).names.length > 1);
}

function columnOf(samples: Samples, column: string): Factor {
  if (column === 'attack_type') return samples.attackType;
  if (column === 'subject') return samples.subject;
  if (column === 'domain') return samples.domain;
  const factor = samples.extra.get(column);
  if (factor) return factor;
  const known = ['attack_type', 'subject', 'domain', ...samples.extra.keys()];
  throw new UserError(`the scores have no column ${JSON.stringify(column)}`, `there are ${known.join(', ')}`);
}

function rowOfGroup(group: string, rows: number[], samples: Samples, threshold: number): BreakdownRow {
  const live = rows.filter((i) => samples.live[i] === 1);
  const attacks = rows.filter((i) => samples.live[i] !== 1);
  const accepted = (i: number) => samples.score[i]! >= threshold;
  const far = attacks.length > 0 ? attacks.filter(accepted).length / attacks.length : null;
  const frr = live.length > 0 ? live.filter((i) => !accepted(i)).length / live.length : null;
  const both = far !== null && frr !== null;
  return {
    group,
    n: { live: live.length, attack: attacks.length },
    far,
    frr,
    hter: both ? (far + frr) / 2 : null,
    auc: both
      ? auc(rocOf({ score: rows.map((i) => samples.score[i]!), live: rows.map((i) => samples.live[i]!) }))
      : null,
  };
}
