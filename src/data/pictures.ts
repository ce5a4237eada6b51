/** Images and videos where people keep them: what they are by their names, and what a folder holds of them and of other things. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';

export type PictureKind = 'image' | 'video';

/** What sharp reads. */
export const imageEndings = ['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'tif', 'tiff', 'avif'];
/** What ffmpeg reads, and no other program writes under that ending: `.ts` is mostly TypeScript. */
const videoEndings =
  'mp4 m4v mov qt avi mkv webm 3gp 3g2 mts m2ts mpg mpeg mpe vob wmv asf flv f4v ogv divx dv mxf'.split(' ');

/** The endings that are read, for hints. */
export const imageHint = 'images end in .jpg, .png, .webp, .tif or .avif';
export const pictureHint = `${imageHint}, videos in .mp4, .mov, .avi, .mkv, .webm, .3gp, .mts, .mpg, .wmv and the like`;

/** What operating systems and file managers leave in folders, beside names that begin with a dot. */
const leftBehind = new Set(['thumbs.db', 'ehthumbs.db', 'desktop.ini', '__macosx', '@eadir', '$recycle.bin', 'icon\r']);

/** By the ending of its name; `null` for another kind of file. */
export function pictureKind(path: string): PictureKind | null {
  const ending = endingOf(path).slice(1);
  if (imageEndings.includes(ending)) return 'image';
  return videoEndings.includes(ending) ? 'video' : null;
}

/** A path without the ending of an image or video. */
export function pictureStem(path: string): string {
  return pictureKind(path) === null ? path : path.slice(0, -extname(path).length);
}

/** Whether a file or folder of that name is nobody's data: hidden (`.DS_Store`, `._face.jpg`), or left behind by a system. */
export function isLeftBehind(name: string): boolean {
  return name.startsWith('.') || leftBehind.has(name.toLowerCase());
}

/**
 * Every file below `root`, as a path relative to it with `/`: links followed, each folder once, in order of name. What `isLeftBehind` is
 * passed over.
 * @throws UserError when a folder cannot be read
 */
export async function filesBelow(root: string): Promise<string[]> {
  const files: string[] = [];
  const visited = new Set<string>();
  const visit = async (folder: string, prefix: string): Promise<void> => {
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !isLeftBehind(name));
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const target = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry;
      if (target?.isDirectory()) await visit(path, `${prefix}${entry.name}/`);
      else files.push(`${prefix}${entry.name}`);
    }
  };
  await visit(root, '').catch((error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(`the folder ${root} ${missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`}`);
  });
  return files;
}

/** What a folder holds. */
export interface FolderPictures {
  /** Paths relative to the folder with `/`, in order of name. */
  pictures: string[];
  /** Numbers of the files of other kinds by ending (`.heic`), in order of the endings. */
  others: ReadonlyMap<string, number>;
}

/**
 * The images, or the images and videos, below a folder, and what else is there.
 * @throws UserError when a folder cannot be read
 */
export async function picturesBelow(root: string, kinds: readonly PictureKind[]): Promise<FolderPictures> {
  const files = await filesBelow(root);
  const wanted = (path: string) => kinds.some((kind) => kind === pictureKind(path));
  const others = new Map<string, number>();
  for (const path of files.filter((file) => !wanted(file)).sort(byEnding)) {
    others.set(endingOf(path), (others.get(endingOf(path)) ?? 0) + 1);
  }
  return { pictures: files.filter(wanted), others };
}

/** "3 files of other kinds are passed over: 2 .heic, 1 .txt"; nothing where there are none. */
export function othersNote(others: ReadonlyMap<string, number>): string | null {
  const total = [...others.values()].reduce((a, b) => a + b, 0);
  if (total === 0) return null;
  const each = [...others].map(([ending, count]) => `${count} ${ending || 'without ending'}`).join(', ');
  return `${total} ${total === 1 ? 'file of another kind is' : 'files of other kinds are'} passed over: ${each}`;
}

function byEnding(a: string, b: string): number {
  return endingOf(a) < endingOf(b) ? -1 : endingOf(a) > endingOf(b) ? 1 : 0;
}

/** With the dot, in lower case; empty where there is none. */
function endingOf(path: string): string {
  return extname(basename(path)).toLowerCase();
}
