/**
 * Lists that come with a release and say of images in anonymous folders what they are. Which number is live is learnt from the images that
 * lie in a folder named for a class, never from a read-me: releases of one family have it both ways.
 */
import type { Label } from '../manifest.js';
import { partIn } from '../words.js';
import type { Described, Presentation } from './source.js';

interface Listed {
  /** Null where lists contradict each other: then none is believed. */
  value: string | null;
  part: string | null;
}

/**
 * @param own the release's own files; lists are text
 * @param present of a path without ending
 */
export async function readLabelLists(
  own: readonly string[],
  read: (path: string) => Promise<string>,
  present: (path: string) => Presentation | null,
): Promise<Described> {
  const listed = new Map<string, Listed>();
  const says = new Map<string, Set<Label>>();
  const faults: { path: string; reason: string }[] = [];
  for (const list of own.filter((path) => /\.(?:txt|list|csv)$/i.test(path))) {
    const part = partIn(list.slice(list.lastIndexOf('/') + 1).replace(/\.\w+$/, ''));
    for (const line of (await read(list)).split(/\r\n|\r|\n/)) {
      const [path = '', ...others] = line.trim().split(/[\s,;]+/);
      const value = others.at(-1);
      const presentation = present(path.replace(/\.\w+$/, ''));
      if (!presentation || value === undefined || !/^[+-]?\d+$/.test(value)) continue;
      if (!presentation.unlabelled) {
        says.set(value, (says.get(value) ?? new Set<Label>()).add(presentation.label));
        continue;
      }
      const earlier = listed.get(presentation.video);
      if (earlier?.value === null) continue;
      const contradicted = earlier !== undefined && earlier.value !== value;
      if (contradicted || (part && earlier?.part && earlier.part !== part)) {
        const two = contradicted ? `${earlier.value} and ${value}` : `of ${earlier!.part} and of ${part}`;
        faults.push({ path, reason: `the release's own lists call it ${two}` });
      }
      listed.set(presentation.video, { value: contradicted ? null : value, part: part ?? earlier?.part ?? null });
    }
  }
  const labelOfValue = (value: string | null): Label | null => {
    const labels = [...((value !== null && says.get(value)) || [])];
    return labels.length === 1 ? labels[0]! : null;
  };
  const complete = (presentation: Presentation): Presentation => {
    const found = presentation.unlabelled && listed.get(presentation.video);
    const label = found ? labelOfValue(found.value) : null;
    if (label === null) return presentation;
    const { unlabelled: _, ...known } = presentation;
    return { ...known, label, attackType: label === 'live' ? 'live' : 'unknown' };
  };
  return { complete, paths: [], faults };
}
