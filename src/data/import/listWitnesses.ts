/** What everybody says of each image of a list: flags, its row, its name, its folders, and the list's own name. */
import { basename, posix } from 'node:path';
import { UserError } from '../../base/errors.js';
import type { Label, Split } from '../manifest.js';
import { withAttributes } from '../sources/celebaSpoof.js';
import { type Claim, claimOf, classIn, classOf, folderClassOf, isNumber, partIn, partOf, sameLabel } from '../words.js';
import type { Witnesses } from './contradictions.js';
import { ofLists } from './listFlags.js';
import type { ListImportOptions } from './listOptions.js';
import type { ListRow } from './listRows.js';
import { type NamePatterns, namesIn, type PatternNames, readPatterns } from './namePatterns.js';
import { type NamedFrame, ReleaseNames } from './releaseNames.js';

/** A row, and what is made of it step by step. */
export interface Entry {
  row: ListRow;
  where: string;
  /** Absolute path of the image, and whether there is one. */
  file: string;
  there: boolean;
  /** Relative to the folder that all lists share, with `/`: by it the image is named, and told from others of its name. */
  path: string;
  /** The folder that its list's paths start from, by its last name. */
  above: string;
}

export interface Judged extends Entry {
  witnesses: Witnesses;
  release: NamedFrame | null;
  patterns: PatternNames;
  /** The part that its row or its list's name says. */
  part: Split | null;
}

/** What everybody says of each image. */
export function examine(entries: readonly Entry[], options: ListImportOptions): Judged[] {
  const { files, source, liveLabel, split } = options;
  checkLiveLabel(entries, liveLabel);
  const flags = ofLists(options.label, files, '--label', (text) => {
    const claim = classOf(text);
    if (claim) return claim.label;
    throw new UserError(`--label ${text} is neither live nor spoof`);
  });
  const patterns = readPatterns(options);
  const named = applyPatterns(entries, patterns);
  const names = source && new ReleaseNames(source);
  const listClasses = new Map(files.map((file) => [file, classIn(basename(file).replace(/\.\w+$/, ''))]));
  return entries.map((entry, i) => {
    const { row, where, path, above } = entry;
    const listClass = listClasses.get(row.list) ?? null;
    const part = row.split === '' ? partIn(basename(row.list).replace(/\.\w+$/, '')) : readPart(row, where);
    const release = completed(names?.find(path, split ?? partIn(above) ?? part) ?? null, row);
    if (row.attributes && source?.id !== 'celeba-spoof') {
      throw new UserError(`${where} has 44 attributes, as CelebA-Spoof's label files have`, 'add --set celeba-spoof');
    }
    if (release === 'part') {
      throw new UserError(
        `${where} does not say which part of ${source!.name} ${row.path} is of, on which it depends who it shows`,
        'folders named train and test, the name of the list, or --split say it',
      );
    }
    if (source && !release) throw new UserError(`${where} names no image of ${source.name}: ${row.path}`);
    const witnesses: Witnesses = {
      where,
      path: row.path,
      flag: flags.get(row.list) ?? null,
      column: columnClaim(row, where, liveLabel),
      type: typeClaim(row),
      name: release && !release.presentation.unlabelled ? release.presentation.label : null,
      folder: nearestClass(source ? path.split('/').slice(-3).join('/') : `${above}/${path}`),
      list: listClass && { file: row.list, label: listClass },
    };
    return { ...entry, witnesses, release, patterns: named[i]!, part };
  });
}

/** A value that nothing in the lists is called like would turn everything into attacks. */
function checkLiveLabel(entries: readonly Entry[], liveLabel: string | undefined): void {
  if (liveLabel === undefined) return;
  const labels = new Map<string, number>();
  for (const { row } of entries) if (row.label !== '') labels.set(row.label, (labels.get(row.label) ?? 0) + 1);
  const usual = (text: string) => isNumber(text) && Math.abs(Number(text)) <= 1;
  const known = [...labels.keys()].some((label) => sameLabel(label, liveLabel));
  // A list of attacks alone has none that is live.
  if (known || (labels.size > 0 && [liveLabel, ...labels.keys()].every(usual))) return;
  const there = [...labels].slice(0, 8).map(([label, count]) => `${label} (${count})`);
  throw new UserError(
    `no row has the label "${liveLabel}" of --live-label`,
    there.length > 0 ? `labels are ${there.join(', ')}` : 'the lists have no labels',
  );
}

/** The label files of CelebA-Spoof say which attack it is. */
function completed(found: NamedFrame | 'part' | null, { attributes }: ListRow): NamedFrame | 'part' | null {
  if (found === null || found === 'part' || attributes === undefined) return found;
  return { ...found, presentation: withAttributes(found.presentation, attributes) };
}

function columnClaim(row: ListRow, where: string, liveLabel: string | undefined): (Claim & { text: string }) | null {
  const said = row.attributes?.[43];
  if (said !== undefined) return { label: said === 0 ? 'live' : 'spoof', text: String(said) };
  if (row.label === '') return null;
  const claim = claimOf(row.label, liveLabel, row.turned);
  if (claim) return { ...claim, text: row.label };
  throw new UserError(
    `${where} has the label "${row.label.slice(0, 40)}", which is neither live nor an attack`,
    'labels are 1 and 0, 1 and -1, or words as real and fake; --live-label VALUE says which one is live',
  );
}

/** What a row's type of attack says of its label: there is none of live images. */
function typeClaim({ attackType }: ListRow): (Claim & { text: string }) | null {
  if (attackType === '' || isNumber(attackType)) return null;
  if (/^(?:none|nan|no|n\/?a|-)$/i.test(attackType)) return { label: 'live', text: attackType };
  const claim = classOf(attackType) ?? { label: 'spoof', attackType: attackType.toLowerCase() };
  return { ...claim, text: attackType };
}

function readPart({ split }: ListRow, where: string): Split {
  const part = partOf(split);
  if (part) return part;
  throw new UserError(`${where} is of the part "${split}"`, 'parts are train, dev and test');
}

/** The folder nearest to the file that is named for a class. */
function nearestClass(path: string): { label: Label; name: string } | null {
  for (const name of posix.dirname(path).split('/').reverse()) {
    const claim = folderClassOf(name);
    if (claim) return { label: claim.label, name };
  }
  return null;
}

function applyPatterns(entries: readonly Entry[], patterns: NamePatterns): PatternNames[] {
  const names = entries.map(({ path }) => namesIn(path, patterns));
  for (const flag of ['video', 'subject'] as const) {
    const at = names.indexOf(flag);
    if (at < 0) continue;
    const count = names.filter((name) => name === flag).length;
    const { where, path } = entries[at]!;
    throw new UserError(
      `--${flag} finds nothing in ${count} of ${names.length} images, of which the first is ${path} in ${where}`,
    );
  }
  return names as PatternNames[];
}
