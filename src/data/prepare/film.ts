/** What crops are taken from: a video, a photograph, which is a film of one frame, or a recording in an HDF5 file. */
import type { Sharp } from 'sharp';
import { messageOf } from '../../base/errors.js';
import { openImage } from '../image.js';
import type { Face } from '../sources/source.js';
import { cropOf, imageOf, type Picture, reachOf, type Square } from './crop.js';
import { type Area, type DecodeOptions, decodeCrops, decodeFrames, mostShrinking } from './decode.js';
import { type Clip, type Ffmpeg, probe, VideoError } from './ffmpeg.js';

export interface Film {
  clip: Clip;
  /** By frame, where the recording itself says where they are. */
  faces?: ReadonlyMap<number, Face>;
  /** The wanted frames that can be decoded, in order. */
  frames(wanted: readonly number[], options: DecodeOptions): AsyncIterable<{ frame: number; picture: Picture }>;
  /** Those of the squares, by frame, whose frames can be decoded: in order, resized to `size` × `size`. */
  crops(
    squares: ReadonlyMap<number, Square>,
    size: number,
    options: DecodeOptions,
  ): AsyncIterable<{ frame: number; crop: Sharp }>;
}

/** A film that is its frames, as `frames` gives them. */
export function filmOf(clip: Clip, frames: Film['frames'], faces?: ReadonlyMap<number, Face>): Film {
  return {
    clip,
    faces,
    frames,
    crops: (squares, size, options) => cutCrops(frames([...squares.keys()], options), squares, size),
  };
}

/** @throws VideoError when there is none in the file */
export async function openVideo(programs: Ffmpeg, file: string, signal?: AbortSignal): Promise<Film> {
  const clip = await probe(programs, file, signal);
  const video = { programs, file, clip };
  return {
    clip,
    frames: (wanted, options) => decodeFrames(video, wanted, options),
    async *crops(squares, size, options) {
      const all = [...squares.values()];
      if (all.every(({ angle, side }) => angle === 0 && side <= mostShrinking * size)) {
        const cut = decodeCrops(video, squares, size, options);
        for await (const { frame, pixels } of cut) yield { frame, crop: imageOf(pixels, size, size) };
      } else {
        const area = areaOf(all, clip);
        const shots = decodeFrames(video, [...squares.keys()], { ...options, area });
        yield* cutCrops(shots, squares, size);
      }
    },
  };
}

/**
 * @param note is told of a JPEG that lacks its end and is used
 * @throws VideoError when the photograph cannot be read
 */
export async function openPhoto(file: string, note?: (text: string) => void): Promise<Film> {
  try {
    const { data: pixels, info } = await openImage(
      file,
      (image) =>
        image.toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }),
      note,
    );
    const { width, height } = info;
    const clip: Clip = { width, height, rotation: 0, length: 1, promised: null, index: null };
    const picture = { left: 0, top: 0, width, height, pixels };
    return filmOf(clip, async function* () {
      yield { frame: 0, picture };
    });
  } catch (error) {
    throw new VideoError(messageOf(error).split('\n')[0]!.trim());
  }
}

async function* cutCrops(
  shots: AsyncIterable<{ frame: number; picture: Picture }>,
  squares: ReadonlyMap<number, Square>,
  size: number,
): AsyncGenerator<{ frame: number; crop: Sharp }> {
  for await (const { frame, picture } of shots) {
    yield { frame, crop: await cropOf(picture, squares.get(frame)!, size) };
  }
}

/** Wide enough that no crop's border is interpolated from pixels left out, and even, as chroma is stored at half the resolution. */
function areaOf(squares: readonly Square[], { width, height }: Clip): Area {
  const border = 16;
  const reaches = squares.map(reachOf);
  const span = (starts: readonly number[], length: number) => {
    const ends = starts.map((start, i) => start + reaches[i]!.side);
    const low = Math.min(Math.max(0, Math.floor((Math.min(...starts) - border) / 2) * 2), length - 2);
    const high = Math.min(length, Math.ceil((Math.max(...ends) + border) / 2) * 2);
    return { low, length: Math.max(2, high - low) };
  };
  const across = span(
    reaches.map(({ x }) => x),
    width,
  );
  const down = span(
    reaches.map(({ y }) => y),
    height,
  );
  return { x: across.low, y: down.low, width: across.length, height: down.length };
}
