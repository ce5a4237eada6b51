/** What frames are taken from: a video, a photograph, which is a film of one frame, or a recording in an HDF5 file. */
import sharp from 'sharp';
import { messageOf } from '../../base/errors.js';
import { MOST_PIXELS } from '../loader.js';
import type { Face } from '../sources/source.js';
import type { Picture } from './crop.js';
import { type Clip, type DecodeOptions, decodeFrames, type Ffmpeg, probe, VideoError } from './ffmpeg.js';

export interface Film {
  clip: Clip;
  /** By frame, where the recording itself says where they are. */
  faces?: ReadonlyMap<number, Face>;
  /** The wanted frames that can be decoded, in order. */
  frames(wanted: readonly number[], options: DecodeOptions): AsyncIterable<{ frame: number; picture: Picture }>;
}

/** @throws VideoError when there is none in the file */
export async function openVideo(programs: Ffmpeg, file: string, signal?: AbortSignal): Promise<Film> {
  const clip = await probe(programs, file, signal);
  return { clip, frames: (wanted, options) => decodeFrames(programs, file, clip, wanted, options) };
}

/** @throws VideoError when the photograph cannot be read */
export async function openPhoto(file: string): Promise<Film> {
  try {
    const decoded = sharp(file, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' });
    const { data: pixels, info } = await decoded.toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const clip: Clip = { width, height, rotation: 0, length: 1, promised: null, index: null };
    const picture = { left: 0, top: 0, width, height, pixels };
    return {
      clip,
      async *frames() {
        yield { frame: 0, picture };
      },
    };
  } catch (error) {
    throw new VideoError(messageOf(error).split('\n')[0]!.trim());
  }
}
