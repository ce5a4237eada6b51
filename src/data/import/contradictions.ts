/** Labels that contradict each other: never taken silently, but named with both places, counted, and with the flag that settles them. */
import { UserError } from '../../base/errors.js';
import type { Label } from '../manifest.js';
import type { Claim } from '../words.js';

/** Who says what an image is. */
export interface Witnesses {
  /** File and row of the list that names it. */
  where: string;
  path: string;
  /** `--label`. */
  flag: Label | null;
  /** The label of its row. */
  column: (Claim & { text: string }) | null;
  /** The row's type of attack. */
  type: (Claim & { text: string }) | null;
  /** Its name, being one of the data set's. */
  name: Label | null;
  /** The nearest folder that is named for a class. */
  folder: { label: Label; name: string } | null;
  /** The name of the list. */
  list: { file: string; label: Label } | null;
}

/** Which side is believed: the list (its flag and rows), or the names of images and folders. */
export const sides = ['list', 'names'] as const;
export type Side = (typeof sides)[number];

/** Where a label comes from, as `ldc datasets` shows it. */
export type LabelOrigin = '--label' | 'labels' | 'types of attacks' | 'names' | 'folders' | 'the name of the list';

export interface Verdict {
  label: Label;
  origin: LabelOrigin;
}

interface Statement extends Verdict {
  /** As people read it. */
  says: string;
}

/** The surest statement of each side first. */
type Statements = Record<Side, Statement[]> & { own: Statement | null };

/**
 * The label of each image. A list's own name counts where nothing else says anything, and contradicts only with all of its images, as
 * it may be the name of a data set.
 * @throws UserError for witnesses that contradict each other, unless `trust` says whom to believe, and for images without any
 */
export function judge(images: readonly Witnesses[], trust: Side | null): Verdict[] {
  const statements = images.map(statementsOf);
  checkPairs(images, statements, trust);
  if (trust === null) checkListNames(images, statements);
  return statements.map(({ list, names, own }, i) => {
    const [best = own] = trust === 'names' ? [...names, ...list] : [...list, ...names];
    if (best) return { label: best.label, origin: best.origin };
    const { where, path } = images[i]!;
    throw new UserError(
      `${where} does not say whether ${path} is live`,
      'labels in the list, folders named real and fake, or --label say it',
    );
  });
}

function statementsOf({ flag, column, type, name, folder, list }: Witnesses): Statements {
  const said = (label: Label, origin: LabelOrigin, says: string): Statement => ({ label, origin, says });
  return {
    list: [
      ...(flag ? [said(flag, '--label', `--label says ${flag}`)] : []),
      ...(column ? [said(column.label, 'labels', `its label says ${column.label} ("${column.text}")`)] : []),
      ...(type ? [said(type.label, 'types of attacks', `its type of attack is "${type.text}"`)] : []),
    ],
    names: [
      ...(name ? [said(name, 'names', `its name says ${name}`)] : []),
      ...(folder ? [said(folder.label, 'folders', `its folder "${folder.name}" says ${folder.label}`)] : []),
    ],
    own: list && said(list.label, 'the name of the list', `the list's own name says ${list.label}`),
  };
}

interface Pair {
  a: Statement;
  b: Statement;
  /** The first image for which they differ. */
  at: number;
  differ: number;
  both: number;
}

function checkPairs(images: readonly Witnesses[], statements: readonly Statements[], trust: Side | null): void {
  const pairs = new Map<string, Pair>();
  for (const [at, { list, names }] of statements.entries()) {
    // Whoever is believed decides about the other side, but has to agree with itself.
    const told = trust === 'names' && names.length > 0 ? [] : list;
    const all = trust === null ? [...told, ...names] : told;
    for (const [i, a] of all.entries()) {
      for (const b of all.slice(i + 1)) {
        const kind = `${a.origin} and ${b.origin}`;
        const pair = pairs.get(kind) ?? { a, b, at, differ: 0, both: 0 };
        pair.both++;
        if (a.label !== b.label && pair.differ++ === 0) Object.assign(pair, { a, b, at });
        pairs.set(kind, pair);
      }
    }
  }
  for (const [kind, { a, b, at, differ, both }] of pairs) {
    if (differ === 0) continue;
    const { where, path } = images[at]!;
    const of = `${differ} of ${both} image${both === 1 ? '' : 's'}`;
    throw new UserError(
      `${kind} contradict each other for ${of}, of which the first is ${path} in ${where}: ${a.says}, ${b.says}`,
      settle(images, statements, a, b, differ === both),
    );
  }
}

/** What the user can do about it. */
function settle(
  images: readonly Witnesses[],
  statements: readonly Statements[],
  a: Statement,
  b: Statement,
  turned: boolean,
): string {
  const isListed = ({ origin }: Statement) => origin !== 'names' && origin !== 'folders';
  const flags =
    isListed(a) && isListed(b)
      ? 'mend the list, or leave out the flag'
      : '--trust list or --trust names says which of them is right';
  if (!turned || a.origin !== 'labels') return flags;
  const live = statements.findIndex(({ list, names }) => [...list.slice(1), ...names][0]?.label === 'live');
  const text = images[live]?.column?.text;
  return text === undefined ? flags : `if ${text} means live: --live-label ${text}; otherwise ${flags}`;
}

/** A list called `fake`, of which every single image is live by something else, or the other way round. */
function checkListNames(images: readonly Witnesses[], statements: readonly Statements[]): void {
  const lists = new Map<string, Pair>();
  for (const [at, { list, names, own }] of statements.entries()) {
    const [other] = [...list, ...names];
    if (!own || !other) continue;
    const { file } = images[at]!.list!;
    const pair = lists.get(file) ?? { a: own, b: other, at, differ: 0, both: 0 };
    pair.both++;
    if (own.label !== other.label) pair.differ++;
    lists.set(file, pair);
  }
  for (const { a, b, at, differ, both } of lists.values()) {
    if (differ < both || differ === 0) continue;
    const { where, path } = images[at]!;
    throw new UserError(
      `the name of the list contradicts all of its images (${differ}), of which the first is ${path} in ${where}: ${a.says}, ${b.says}`,
      'rename the list, or --trust list or --trust names says that its rows or its names are right',
    );
  }
}
