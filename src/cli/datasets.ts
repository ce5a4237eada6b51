/** `ldc datasets` */
import { Command } from 'commander';
import { findCropSets } from '../data/cropSet.js';
import { type DatasetSummary, summarize } from '../data/datasets.js';
import { toText } from '../report/table.js';
import { withDataOption, withFollowOption } from './experimentOptions.js';
import { type CommonOptions, printResult, terminalWidth, withCommonOptions } from './output.js';

export function datasetsCommand(): Command {
  const command = withCommonOptions(
    withFollowOption(
      withDataOption(
        new Command('datasets').description('what is there: domains, subsets, counts, and what the audit found'),
      ),
    ),
  );
  command.addHelpText('after', '\nExample:\n  ldc datasets --data data --json');
  return command.action(async (flags: CommonOptions & { data: string; follow?: boolean }) => {
    const sets = await findCropSets(flags.data, flags.follow);
    const summaries = await Promise.all([...sets.values()].map(summarize));
    printResult(flags, summaries, () =>
      [table(summaries), ...summaries.map(originLine), ...summaries.flatMap(findings)].join('\n'),
    );
  });
}

function table(summaries: readonly DatasetSummary[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = summaries.flatMap((set) => {
    const name = `${set.name}${set.synthetic ? ' (SYNTHETIC)' : ''}`;
    const counts = [set.videos.live, set.videos.attack, set.images.live, set.images.attack, set.subjects].map(String);
    const subsets = Object.entries(set.subsets).map(([subset, { live, attack }]) => {
      const published = set.published[subset];
      const part = (found: number, whole?: number) => (whole === undefined ? `${found}` : `${found} of ${whole}`);
      const videos = [part(live, published?.live), part(attack, published?.attack)];
      return ['', `  ${set.letter}:${subset}`, ...videos, '', '', ''];
    });
    return [[set.letter, name, ...counts], ...subsets];
  });
  const columns = [
    { title: '', align: 'left' as const },
    { title: 'set', align: 'left' as const },
    ...['live videos', 'attack videos', 'live images', 'attack images', 'subjects'].map(right),
  ];
  return toText({ title: 'Crop sets', columns, rows, notes: [] }, terminalWidth());
}

/** What said the labels, people and videos of the images. */
function originLine({ letter, origins, images }: DatasetSummary): string {
  const all = images.live + images.attack;
  const parts = Object.entries(origins).map(([what, tally]) => {
    const from = Object.entries(tally).map(([origin, count]) => (count === all ? origin : `${origin} (${count})`));
    return `${what}: ${from.join(', ') || 'manifest'}`;
  });
  return `${letter}: ${parts.join('; ')}`;
}

const shown = 5;

function findings({ letter, audit }: DatasetSummary): string[] {
  return Object.entries(audit).flatMap(([kind, paths]) => {
    if (paths.length === 0) return [];
    const more = paths.length > shown ? `, … (${paths.length} in all)` : '';
    return [`${letter}: ${kind}: ${paths.slice(0, shown).join(', ')}${more}`];
  });
}
