/** The habits by which programs name the frames of a video that they save. */
import { posix } from 'node:path';
import { folderClassOf, partIn } from '../words.js';

/** One way to read the name of an image. */
export interface FrameName {
  /** Path of the video without the ending of its name; it need not be a file. */
  video: string;
  frame: number;
  /** Names tell frames from single pictures here; elsewhere a release has to know the video. */
  sure: boolean;
}

const videoEnding = /\.(?:avi|mp4|mov|mkv|m4v|webm|hdf5|h5)$/i;
/** What programs put behind a frame's number. */
const remainder = /[_-](?:scene|crop|cropped|face|aligned|align|color|rgb)$/i;
const word = /^(?:(.*?)[\s._-]+)?(frame|frm|fr|f|img|image)[\s._#-]*(\d{1,9})(?:\.0+)?$/i;
const numberBehind = /^(.+?)[\s._#-]+(\d{1,9})(?:\.0+)?$/;
const numberAlone = /^(\d{1,9})(?:\.0+)?$/;

/**
 * The readings of an image's path, the surest first; the last ones take the picture as a video of its own, and then a number at the
 * end of its name as a frame's.
 * - `visit1_frame5`, `visit1/frame_0005`: the word says it;
 * - `visit1.avi/5`, `visit1.mov_5`: the video keeps its ending;
 * - `visit1/visit1_5`: the video's name is repeated;
 * - `visit1/5`, `visit1_5`: a number alone, which may as well be that of a picture or of a person.
 */
export function frameNames(path: string): FrameName[] {
  const folder = posix.dirname(path);
  const stem = posix
    .basename(path)
    .replace(/\.\w+$/, '')
    .replace(remainder, '');
  const inFolder = posix.basename(folder);
  const reading = (video: string, frame: string | number, sure: boolean): FrameName => ({
    video: video.replace(videoEnding, ''),
    frame: Number(frame),
    sure: sure || videoEnding.test(video),
  });
  const readings: FrameName[] = [];
  const [, before, kind, numbered] = word.exec(stem) ?? [];
  if (numbered !== undefined) {
    const isFrame = /^fr/i.test(kind!);
    if (before) readings.push(reading(posix.join(folder, before), numbered, isFrame));
    else readings.push(reading(folder, numbered, isFrame && isVideoFolder(inFolder)));
  }
  const alone = numberAlone.exec(stem);
  if (alone) readings.push(reading(folder, alone[1]!, false));
  const [, name, number] = numberBehind.exec(stem) ?? [];
  const repeated = name !== undefined && name.replace(videoEnding, '') === inFolder.replace(videoEnding, '');
  if (repeated) readings.push(reading(folder, number!, true));
  readings.push({ ...reading(posix.join(folder, stem), 0, false), sure: false });
  if (name !== undefined && !repeated) readings.push(reading(posix.join(folder, name), number!, false));
  return readings;
}

/** A folder named for a class or a part holds many videos. */
function isVideoFolder(name: string): boolean {
  return name !== '.' && name !== '' && folderClassOf(name) === null && partIn(name) === null;
}

/** The surest reading, where names tell frames from single pictures. */
export function sureFrame(path: string): FrameName | null {
  return frameNames(path).find(({ sure }) => sure) ?? null;
}
