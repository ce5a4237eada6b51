/** Looks through a release without opening a file: which presentations are there, which are missing, and what does not belong. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { filesBelow } from '../pictures.js';
import type { Presentation, Source } from '../sources/source.js';

/** A presentation and its files, as paths relative to the release with `/`. */
export interface FoundPresentation {
  presentation: Presentation;
  path: string;
  annotation: string | null;
  /** Where files are frames of a video: what the manifest calls it, and the number of the frame if the file is an image. */
  names?: { video: string; frame: number | null };
}

export interface Survey {
  /** In the order of their names. */
  found: FoundPresentation[];
  /** Paths that the full release has and this copy does not. */
  missing: string[];
  /** Files that are no part of the release, copies of a video that is there already included. */
  extra: string[];
  /** Files that belong to the release beside videos and annotations. */
  own: string[];
  /** What is wrong with the release's own lists, and images of which they do not say what they are. */
  faults?: { path: string; reason: string }[];
}

/** Documents. */
const ignored = /(?:readme|licen[cs]e|eula|agreement)[^/]*$|\.(?:pdf|md|docx?)$/i;

/**
 * Matches every file below `root` against what `source` says of them.
 * @throws UserError when `root` cannot be read or has no presentation at all
 */
export async function survey(source: Source, root: string): Promise<Survey> {
  const found = new Map<string, FoundPresentation>();
  const annotations = new Map<string, string>();
  const extra: string[] = [];
  const own: string[] = [];
  for (const path of await filesBelow(root)) {
    const [stem, extension] = splitExtension(path);
    const presentation = source.present(stem);
    if (presentation && source.extensions.includes(extension) && !found.has(presentation.video)) {
      found.set(presentation.video, { ...framed(presentation), path, annotation: null });
    } else if (presentation && extension === source.annotation?.extension) {
      if (!annotations.has(presentation.video)) annotations.set(presentation.video, path);
    } else if (source.ownFiles.test(path)) own.push(path);
    else if (!ignored.test(path)) extra.push(path);
  }
  if (found.size === 0) {
    throw new UserError(
      `${root} has no ${source.media} of ${source.name}`,
      `a release looks like this: ${source.tree}`,
    );
  }
  for (const [video, item] of found) item.annotation = annotations.get(video) ?? null;
  const described = await source.describe?.(own, (path) => readFile(join(root, path), 'utf8'));
  if (described) for (const item of found.values()) item.presentation = described.complete(item.presentation);
  const faults = [...(described?.faults ?? [])];
  const named = new Set(faults.map(({ path }) => path));
  for (const [video, { presentation, path }] of found) {
    if (!presentation.unlabelled) continue;
    if (!named.has(path)) faults.push({ path, reason: 'no list of the release says whether it is live' });
    found.delete(video);
  }
  if (found.size === 0) {
    throw new UserError(
      `${root} does not say of one image of ${source.name} whether it is live`,
      'put the lists of the release, that of its training part too, beside its images',
    );
  }
  const presentations = [...found.values()].map(({ presentation }) => presentation);
  const expected = described?.paths ?? source.expectedPaths?.(presentations) ?? [];
  const missing = expected.filter((path) => {
    return !found.has(source.present(splitExtension(path)[0])!.video);
  });
  return { found: [...found.values()].sort(byVideo), missing, extra, own, faults };
}

/** A frame goes by the name of its video in the manifest. */
function framed({ clip, frame, ...presentation }: Presentation): Pick<FoundPresentation, 'presentation' | 'names'> {
  return clip === undefined ? { presentation } : { presentation, names: { video: clip, frame: frame ?? 0 } };
}

function byVideo(a: FoundPresentation, b: FoundPresentation): number {
  return a.presentation.video < b.presentation.video ? -1 : 1;
}

/** `a/b.AVI` → `a/b`, `avi`. */
function splitExtension(path: string): [string, string] {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') ? [path.slice(0, dot), path.slice(dot + 1).toLowerCase()] : [path, ''];
}
