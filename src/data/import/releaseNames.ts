/** Recognises a release's presentations in the names that other repositories give to their frames. */
import { basename, dirname } from 'node:path';
import type { Presentation, Source } from '../sources/source.js';

/**
 * The presentation and frame of an image. Two habits are known: a folder a video with numbered frames, as SSDG has it
 * (`…/Train_files/1_1_01_1/7.png`), and the video flattened into the file's name with `_frame0` behind it, as few-shot-FAS and FLIP
 * have it (`oulu/train/fake/1_1_01_2_frame0.png`).
 */
export function presentationOf(source: Source, path: string): { presentation: Presentation; frame: number } | null {
  const stem = basename(path).replace(/\.\w+$/, '');
  if (/^\d+$/.test(stem)) {
    const presentation = source.present(dirname(path));
    if (presentation) return { presentation, frame: Number(stem) };
  }
  const match = /^(.*)_frame(\d+)$/.exec(stem);
  if (!match) return null;
  const part = /(?:^|\/)(train|dev|devel|test)\//i.exec(path)?.[1]?.toLowerCase() ?? '';
  const presentation = releasePaths(match[1]!, part)
    .map((candidate) => source.present(candidate))
    .find((found) => found !== null);
  return presentation ? { presentation, frame: Number(match[2]) } : null;
}

/** Where a release would have the video of that name. */
function releasePaths(name: string, part: string): string[] {
  const casia = /^(\d+)_(hr_\d|\d)$/i.exec(name);
  const live = /^real_(client.*)$/.exec(name);
  const attack = /^(fixed|hand)_(attack_.*)$/.exec(name);
  return [
    name,
    `${part}_files/${name}`,
    ...(casia ? [`${part}_release/${casia[1]}/${casia[2]}`] : []),
    ...(live ? [`${part}/real/${live[1]}`] : []),
    ...(attack ? [`${part}/attack/${attack[1]}/${attack[2]}`] : []),
  ];
}
