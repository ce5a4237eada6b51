/** Recognises a release's presentations in the names that other programs give to their frames. */
import { posix } from 'node:path';
import { type Split, splits } from '../manifest.js';
import type { Presentation, Source } from '../sources/source.js';
import { folderClassOf, partIn } from '../words.js';
import { frameNames } from './frameNames.js';

export interface NamedFrame {
  presentation: Presentation;
  frame: number;
  /** Nothing says which part of the release it is of, so that its split is a guess. */
  partUnknown: boolean;
}

/** Where a release has the part of a presentation in no path, the folders of those who divided its frames say it. */
const dividedByOthers = new Set(['wmca', 'hkbu']);

/**
 * What images are by the names of `source`. Each reading of a name (`frameNames`) is tried as it stands and as the release would have
 * it: frames lie in a folder a video (SSDG: `…/Train_files/1_1_01_1/7.png`), or the video, with or without its folders, is
 * flattened into the file's name (few-shot-FAS and FLIP: `oulu/train/fake/1_1_01_2_frame0.png`).
 */
export class ReleaseNames {
  /** Splits by video of those releases whose paths can be told beforehand. */
  private readonly known: ReadonlyMap<string, Split>;

  constructor(private readonly source: Source) {
    const paths = source.expectedPaths?.([]) ?? [];
    this.known = new Map(
      paths.flatMap((path) => {
        const presentation = source.present(path.replace(/\.\w+$/, ''));
        return presentation ? [[presentation.video, presentation.split]] : [];
      }),
    );
  }

  /**
   * @param path with `/`, below the root of its list
   * @param part that the list says; the path's own goes before it
   * @returns `null` for a name that is none of the release's; `'part'` where who it is depends on a part that nothing says
   */
  find(path: string, part: Split | null): NamedFrame | 'part' | null {
    const inPath = partOfPath(path) ?? partIn(posix.basename(path)) ?? part;
    for (const { video, frame } of frameNames(path)) {
      const direct = this.presentAt(video);
      if (direct) {
        const split = dividedByOthers.has(this.source.id) ? (inPath ?? direct.split) : direct.split;
        return { ...framed({ ...direct, split }, frame), partUnknown: false };
      }
      const found = this.flattened(video, inPath);
      if (found === 'part') return found;
      if (found) return { ...found, ...framed(found.presentation, frame) };
    }
    return null;
  }

  private presentAt(video: string): Presentation | null {
    const { source } = this;
    // The release's names have seven fields; what stands behind them is a frame's number.
    if (source.id === 'rose-youtu' && /(?:^|\/)(?:[^_/]+_){7,}\d+$/.test(video)) return null;
    if (source.id !== 'hkbu') return source.present(video);
    // Folders above the nearest one that says what it shows are the user's own.
    const folders = video.split('/');
    const at = folders.findLastIndex((name, i) => i < folders.length - 1 && folderClassOf(name) !== null);
    if (at < 0) return source.present(video);
    const folder = folderClassOf(folders[at]!)?.label === 'live' ? 'real' : 'attack';
    return { ...source.present([folder, ...folders.slice(at + 1)].join('/'))!, video };
  }

  private flattened(video: string, part: Split | null): Omit<NamedFrame, 'frame'> | 'part' | null {
    const found = (part ? [part] : splits).flatMap((split) => {
      const paths = releasePaths[this.source.id]?.(video, split) ?? [];
      return paths.map((path) => this.source.present(path)).find((presentation) => presentation !== null) ?? [];
    });
    const [first] = found;
    if (!first) return null;
    if (part) return { presentation: first, partUnknown: false };
    const expected = found.filter((one) => this.known.get(one.video) === one.split);
    if (expected.length === 1) return { presentation: expected[0]!, partUnknown: false };
    return found.every(({ subject }) => subject === first.subject)
      ? { presentation: first, partUnknown: true }
      : 'part';
  }
}

/** Where the release names frames itself, its videos and numbers are meant. */
function framed({ clip, frame: own, ...presentation }: Presentation, frame: number): Omit<NamedFrame, 'partUnknown'> {
  if (clip === undefined) return { presentation, frame };
  return { presentation: { ...presentation, video: clip }, frame: own ?? frame };
}

/** The part that the nearest folder says. */
export function partOfPath(path: string): Split | null {
  const folders = posix.dirname(path).split('/').reverse();
  return folders.map(partIn).find((part) => part !== null) ?? null;
}

const replayFolders: Record<Split, string> = { train: 'train', dev: 'devel', test: 'test' };

/**
 * Where a release would have the video of a name, by the id of the source. Before the name may stand words (`casia_train_4_HR_1`), but
 * no numbers, which would be read as part of it.
 */
const releasePaths: Readonly<Record<string, (video: string, part: Split) => string[]>> = {
  oulu: (video, part) =>
    matchOf(video, /\/(?:[a-z]+_)*([1-6]_[1-3]_\d{1,2}_[1-5])$/i, ([name]) => `${part}_files/${name}`),
  // In a person's folder `7_2` is the second frame of video 7, elsewhere the second video of person 7.
  casia: (video, part) =>
    matchOf(
      video,
      /\/(?:(?:[a-z]+_)*|[a-z][^/]*\/)(?<!hr_|\/\d{1,2}\/)(\d{1,2})[_/](hr_[1-4]|[1-8])$/i,
      ([folder, file]) => `${part}_release/${folder}/${file}`,
    ),
  replay: (video, part) => [
    ...matchOf(video, /[/_](client\d+_[^/]*_authenticate_[^/]*)$/i, ([name]) => `${replayFolders[part]}/real/${name}`),
    ...matchOf(
      video,
      /[/_](fixed|hand)[/_](?:[^/]*\/)?(attack_(?:print|mobile|highdef)_client[^/]*)$/i,
      ([support, name]) => `${replayFolders[part]}/attack/${support}/${name}`,
    ),
  ],
  msu: (video) => matchOf(video, /[/_]((?:real|attack)_client\d+_[^/]*)$/i, ([name]) => name!),
  // The release's videos of the colour camera end in `_C`.
  '3dmad': (video) => matchOf(video, /\/(?:[a-z]+_)*(\d\d_0[1-3]_0[1-5])(?:_c)?$/i, ([name]) => name!),
  siw: (video, part) =>
    matchOf(video, /[/_]((\d{3})-\d-([1-3])-\d-\d)(?:\.m)?$/i, ([name, subject, type]) => {
      return `${part}/${type === '1' ? 'live' : 'spoof'}/${subject}/${name}`;
    }),
  // TYPE_SPEECH_DEVICE_GLASSES_PLACE_PERSON_NUMBER
  'rose-youtu': (video, part) =>
    matchOf(
      video,
      /\/(?:\d{1,2}_)?((?:g|ps|pq|mc|mf|mu|vl|vm)(?:_[^/_]+){4}_(\d{1,2})_\d+)$/i,
      ([name, subject]) => `${part}/${subject}/${name}`,
    ),
  surf: (video) => [
    ...matchOf(
      video,
      /[/_](training|val|testing)_(real|fake)_part_([^/]+?)_((?:real|\d\d_[^/]*)\.rssdk)_color_(\d+)$/i,
      ([part, kind, subject, recording, frame]) => `${part}/${kind}_part/${subject}/${recording}/color/${frame}`,
    ),
    ...matchOf(video, /[/_](val|testing)_(\d{4})_(\d{6})(?:-color)?$/i, (names) => names.join('/')),
  ],
  'celeba-spoof': (video, part) =>
    matchOf(video, /[/_](\d+)[/_](live|spoof)[/_](\d+)$/i, (names) => `Data/${part}/${names.join('/')}`),
};

/** What `toPath` makes of the groups that the pattern finds, if it does. Names at the start of a path stand behind a `/` too. */
function matchOf(video: string, pattern: RegExp, toPath: (groups: string[]) => string): string[] {
  const match = pattern.exec(`/${video}`);
  return match ? [toPath(match.slice(1))] : [];
}
