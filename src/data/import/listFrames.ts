/** From judged images of lists to rows of the manifest: whose they are, of which video, part and attack. */
import { basename, posix } from 'node:path';
import { UserError } from '../../base/errors.js';
import type { Origins } from '../cropSet.js';
import type { NewFrame } from '../manifest.js';
import { attackOf, classIn, folderClassOf, isNumber } from '../words.js';
import type { Verdict } from './contradictions.js';
import { sureFrame } from './frameNames.js';
import { ofLists } from './listFlags.js';
import type { ListImportOptions } from './listOptions.js';
import type { Judged } from './listWitnesses.js';
import { partOfPath } from './releaseNames.js';
import { aloneNote, checkVideos } from './videos.js';

/** An image, and what it is held to be. */
export type Kept = Judged & Verdict;

/** A row of the manifest, and what said its label, person and video. */
export interface Described {
  frame: NewFrame;
  origins: Record<keyof Origins, string>;
}

/** The rows of the manifest. */
export function describe(kept: readonly Kept[], options: ListImportOptions, notes: string[]): Described[] {
  const { files, source, split } = options;
  const types = ofLists(options.attackType, files, '--attack-type', (text) => text.toLowerCase());
  let alone = 0;
  let partless = 0;
  const described = kept.map((each): Described => {
    const { row, path, label, origin, release, patterns, part, where } = each;
    const video = videoOf(each, files.length > 1);
    const subject = subjectOf(each);
    if (video.origin === 'each image its own' && source?.media !== 'image') alone++;
    if (release?.partUnknown && !split) partless++;
    const presentation = release?.presentation;
    const frame: NewFrame = {
      path: `crops/${path}`,
      split:
        split ??
        (row.split === '' ? null : part) ??
        presentation?.split ??
        partOfPath(`${each.above}/${path}`) ??
        part ??
        'train',
      subject: subject.name,
      video: video.name,
      frame: patterns.frame ?? video.frame,
      label,
      attackType: label === 'live' ? 'live' : attackTypeOf(each, types.get(row.list), where),
      pai: presentation?.label === label ? presentation.pai : '',
      extra: presentation?.extra,
    };
    return { frame, origins: { labels: origin, subjects: subject.origin, videos: video.origin } };
  });
  checkVideos(
    described.map(({ frame }) => frame),
    (i) => kept[i]!.where,
  );
  noteWhatIsGuessed(kept, options, notes);
  if (alone > 0) notes.push(aloneNote(alone, kept.length, 'images'));
  if (partless > 0)
    notes.push(
      `nothing says which part ${partless} of ${kept.length} images are of: they are called train; --split says otherwise`,
    );
  return described;
}

export function tallyOrigins(described: readonly Described[]): Origins {
  const tallies: Origins = { labels: {}, subjects: {}, videos: {} };
  for (const { origins } of described) {
    for (const what of ['labels', 'subjects', 'videos'] as const) {
      tallies[what][origins[what]] = (tallies[what][origins[what]] ?? 0) + 1;
    }
  }
  return tallies;
}

interface Found {
  name: string;
  origin: string;
}

function videoOf({ row, path, release, patterns }: Kept, several: boolean): Found & { frame: number } {
  const listed = /^\d{1,9}$/.test(row.frame) ? Number(row.frame) : null;
  if (patterns.video !== undefined) return { name: patterns.video, frame: listed ?? 0, origin: '--video' };
  if (release) return { name: release.presentation.video, frame: listed ?? release.frame, origin: 'names' };
  const sure = sureFrame(path);
  if (row.video !== '') {
    // Lists count from 0 each.
    const name = several && isNumber(row.video) ? `${basename(row.list)}/${row.video}` : row.video;
    return { name, frame: listed ?? sure?.frame ?? 0, origin: 'the list' };
  }
  if (sure) return { name: sure.video, frame: listed ?? sure.frame, origin: 'names' };
  return { name: path.replace(/\.\w+$/, ''), frame: listed ?? 0, origin: 'each image its own' };
}

function subjectOf({ row, release, patterns }: Kept): Found {
  if (patterns.subject !== undefined) return { name: patterns.subject, origin: '--subject' };
  const known = release?.presentation.subject;
  if (known) return { name: known, origin: 'names' };
  return row.subject === '' ? { name: '', origin: 'unknown' } : { name: row.subject, origin: 'the list' };
}

function attackTypeOf({ witnesses, release, row, path }: Kept, flag: string | undefined, where: string): string {
  const named = release?.presentation.attackType;
  const known = named === 'live' || named === 'unknown' ? undefined : named;
  const listed = witnesses.type?.attackType ?? (isNumber(row.attackType) ? `type${row.attackType}` : undefined);
  const said = flag ?? listed ?? witnesses.column?.attackType;
  const isVague = known === undefined || /^type\d/.test(known);
  if (said !== undefined && !isVague && said !== known) {
    throw new UserError(`${where} calls ${row.path} the attack "${said}", its name says ${known}`);
  }
  return said ?? known ?? attackFolder(path) ?? 'unknown';
}

/** The kind of attack that a folder below the one named for a class says, or the folder that holds the image. */
function attackFolder(path: string): string | null {
  const folders = posix.dirname(path).split('/').reverse();
  const above = folders.findIndex((name) => folderClassOf(name) !== null);
  const below = folders.slice(0, above < 0 ? 1 : above);
  const named = below.map(attackOf).find((type) => type !== null) ?? null;
  return named ?? (above < 0 ? null : (folderClassOf(folders[above]!)?.attackType ?? null));
}

function noteWhatIsGuessed(kept: readonly Kept[], { liveLabel }: ListImportOptions, notes: string[]): void {
  const ownNames = new Set(kept.flatMap(({ origin, row }) => (origin === 'the name of the list' ? [row.list] : [])));
  for (const list of ownNames)
    notes.push(`only its own name says that the images of ${list} are ${classIn(basename(list))}`);
  const numbered = kept.some(
    ({ origin, row, witnesses: { name, folder } }) =>
      origin === 'labels' && isNumber(row.label) && !row.turned && !name && !folder,
  );
  if (numbered && liveLabel === undefined) notes.push('1 is taken for live; --live-label VALUE says otherwise');
}
