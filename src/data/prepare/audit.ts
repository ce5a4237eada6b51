/** Expected against found: what a release should have, what this copy has, and what came out of it, in figures and by path. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import type { LiveAttack } from '../counts.js';
import type { Audit } from '../cropSet.js';
import { type Split, splits } from '../manifest.js';
import { type Presentation, publishedOf, type Source } from '../sources/source.js';
import type { ClipRecord, ProblemKind } from './clip.js';
import type { FaceOrigin } from './faces.js';
import type { Survey } from './survey.js';

const AUDIT = 'audit.json';

/** Videos that the full release has, that this copy has, and that crops were made of. */
export interface Tally {
  /** `null` where it is not published. */
  expected: LiveAttack | null;
  found: LiveAttack;
  prepared: LiveAttack;
}

export interface Finding {
  /** Relative to the release. */
  path: string;
  reason: string;
}

export interface AuditReport {
  name: string;
  letter: string;
  /** Whether every video of the full release gave crops. */
  complete: boolean;
  subjects: { expected: number | null; found: number; prepared: number };
  splits: Partial<Record<Split, Tally>>;
  /** `all` first; `default` is what a bare letter in a protocol means. */
  subsets: Record<string, Tally>;
  /** Where the faces of the crops come from. */
  faces: Partial<Record<FaceOrigin, number>>;
  findings: Record<keyof Audit, Finding[]>;
}

/** @param records what became of each presentation found, in the same order */
export function auditOf(
  source: Source,
  { found, missing, extra, faults = [] }: Survey,
  records: readonly ClipRecord[],
): AuditReport {
  // Frames of one video are counted once, unless the release counts its images.
  const nameOf = ({ presentation, names }: Survey['found'][number]) =>
    source.published.images ? presentation.video : (names?.video ?? presentation.video);
  const once = (some: Survey['found']) => [...new Map(some.map((each) => [nameOf(each), each.presentation])).values()];
  const all = once(found);
  const prepared = once(found.filter((_, i) => records[i]!.crops.length > 0));
  const tally = (among: readonly Split[]): Tally => ({
    expected: publishedOf(source, among),
    found: count(all, among),
    prepared: count(prepared, among),
  });
  const subsets: Record<string, Tally> = {
    all: tally(splits),
    ...mapValues(source.subsets, (subset) => tally(subset.splits)),
  };
  const present = splits.filter(
    (split) => split in source.published.splits || all.some((presentation) => presentation.split === split),
  );
  const because = (kind: ProblemKind) =>
    records.flatMap(({ problems }, i) =>
      problems.flatMap((problem) => (problem.kind === kind ? [{ path: found[i]!.path, reason: problem.reason }] : [])),
    );
  return {
    name: source.name,
    letter: source.letter,
    complete: missing.length === 0 && isWhole(prepared, source),
    subjects: { expected: source.published.subjects, found: subjectsOf(all), prepared: subjectsOf(prepared) },
    splits: Object.fromEntries(present.map((split) => [split, tally([split])])),
    subsets,
    faces: countOrigins(records),
    findings: {
      missing: missing.map((path) => ({ path, reason: 'in the full release, not in this copy' })),
      unreadable: because('unreadable'),
      short: because('short'),
      faceless: because('faceless'),
      jumping: because('jumping'),
      extra: [...extra.map((path) => ({ path, reason: 'not a file of the release' })), ...faults],
    },
  };
}

/** The findings as `dataset.json` has them: paths alone. */
export function pathsOf({ findings }: AuditReport): Audit {
  return mapValues(findings, (list) => list.map(({ path }) => path));
}

/** Whether anything is missing or wrong with the presentations; files that do not belong there are no fault. */
export function hasFaults({ findings: { missing, unreadable, short, faceless } }: AuditReport): boolean {
  return [missing, unreadable, short, faceless].some((list) => list.length > 0);
}

export async function writeAudit(folder: string, report: AuditReport): Promise<void> {
  await writeFileWhole(join(folder, AUDIT), `${JSON.stringify(report, null, 2)}\n`);
}

/**
 * The audit of a prepared crop set; `null` for a set that `ldc prepare` did not make.
 * @throws UserError when the file cannot be read
 */
export async function readAudit(folder: string): Promise<AuditReport | null> {
  const file = join(folder, AUDIT);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as AuditReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/** The audit as text: a table of figures, then up to `most` paths of each kind of finding. */
export function formatAudit(report: AuditReport, most = 10): string {
  const { name, complete, subjects, subsets, faces, findings } = report;
  const row = (label: string, cells: (string | number)[]) =>
    `  ${label.padEnd(10)}${cells.map((cell) => String(cell).padStart(13)).join('')}`;
  const tallies: [string, Tally][] = [
    ...(Object.entries(report.splits) as [string, Tally][]),
    ...Object.entries(subsets).map(([subset, tally]): [string, Tally] => [`${report.letter}:${subset}`, tally]),
  ];
  const lines = [
    // Nobody says how many a folder of somebody's own should have.
    subjects.expected === null ? name : `${name}: ${complete ? 'complete' : 'partial'}`,
    row('live/attack', ['expected', 'found', 'prepared']).replace(/ {2}live\/attack {0,2}/, '  live/att. '),
    ...tallies.map(([label, { expected, found, prepared }]) => row(label, [expected, found, prepared].map(ratio))),
    row('subjects', [subjects.expected ?? '?', subjects.found, subjects.prepared]),
    `  faces from ${
      Object.entries(faces)
        .map(([origin, n]) => `${origin} ${n}`)
        .join(', ') || 'nowhere'
    }`,
  ];
  for (const [kind, list] of Object.entries(findings)) {
    if (list.length === 0) continue;
    lines.push(`${kind}: ${list.length}`);
    lines.push(...list.slice(0, most).map(({ path, reason }) => `  ${path} (${reason})`));
    if (list.length > most) lines.push(`  … and ${list.length - most} more, all in ${AUDIT}`);
  }
  return `${lines.join('\n')}\n`;
}

function ratio(counts: LiveAttack | null): string {
  return counts ? `${counts.live}/${counts.attack}` : '?';
}

function count(presentations: readonly Presentation[], among: readonly Split[]): LiveAttack {
  const own = presentations.filter(({ split }) => among.includes(split));
  const live = own.filter(({ label }) => label === 'live').length;
  return { live, attack: own.length - live };
}

/** Whether there are as many presentations and people as published. */
function isWhole(presentations: readonly Presentation[], { published: { all, subjects } }: Source): boolean {
  const { live, attack } = count(presentations, splits);
  const known = presentations.every(({ subject }) => subject !== '');
  return (
    (!known || subjectsOf(presentations) >= (subjects ?? 0)) &&
    (all === null || (live >= all.live && attack >= all.attack))
  );
}

function subjectsOf(presentations: readonly Presentation[]): number {
  return new Set(presentations.flatMap(({ subject }) => subject || [])).size;
}

function countOrigins(records: readonly ClipRecord[]): Partial<Record<FaceOrigin, number>> {
  const counts: Partial<Record<FaceOrigin, number>> = {};
  for (const { origin } of records.flatMap(({ crops }) => crops)) counts[origin] = (counts[origin] ?? 0) + 1;
  const order = ['annotation', 'interpolated', 'nearest', 'detector', 'whole'] as const;
  return Object.fromEntries(order.flatMap((origin) => (counts[origin] ? [[origin, counts[origin]]] : [])));
}

function mapValues<K extends string, A, B>(object: Readonly<Record<K, A>>, map: (value: A) => B): Record<K, B> {
  return Object.fromEntries(Object.entries<A>(object).map(([key, value]) => [key, map(value)])) as Record<K, B>;
}
