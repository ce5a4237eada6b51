/** The pixels of the frames that are wanted of a video: whole, a part of each, or the face crops themselves, cut and resized by ffmpeg. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Picture, Square } from './crop.js';
import type { Clip, Ffmpeg } from './ffmpeg.js';

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A video, as `probe` has found it, and the programs that read it. */
export interface Video {
  programs: Ffmpeg;
  file: string;
  clip: Clip;
}

export interface DecodeOptions {
  /** Turn every frame by 180° after what the file says. */
  turnOver?: boolean;
  /** ffmpeg's threads for one video. */
  threads?: number;
  signal?: AbortSignal;
}

/** Conversions that are the same on every processor. Which matrix and range a video has is read from it by ffmpeg. */
const exact = 'accurate_rnd+full_chroma_int+full_chroma_inp+bitexact';

/**
 * The wanted frames of a video, upright, in order. Frames that cannot be decoded are left out. Nothing after the last wanted frame is
 * decoded, and nothing is between them where going there directly is less work.
 * @param wanted numbers of frames, rising
 * @param area the part of the frames that is needed, in upright pixels; all of it by default
 */
export async function* decodeFrames(
  video: Video,
  wanted: readonly number[],
  { area, ...options }: DecodeOptions & { area?: Area } = {},
): AsyncGenerator<{ frame: number; picture: Picture }> {
  const { x: left, y: top, width, height } = area ?? { x: 0, y: 0, width: video.clip.width, height: video.clip.height };
  const cut = `crop=${width}:${height}:${left}:${top}:exact=1,scale=flags=bicubic+${exact},format=rgb24`;
  const shots = decode(video, wanted, { bytes: width * height * 3, filters: () => cut }, options);
  for await (const { frame, pixels } of shots) yield { frame, picture: { left, top, width, height, pixels } };
}

/** Beyond this, filters that resize become too long for ffmpeg. */
export const mostShrinking = 32;

/**
 * Squares of the wanted frames, resized to `size` × `size`: RGB bytes `[size,size,3]`, otherwise as `decodeFrames` gives them. Cutting
 * and resizing come before the conversion to RGB, so that only pixels of the crop are converted and leave ffmpeg.
 * @param squares by frame, in rising order; upright, inside the frame, at even places, at most `mostShrinking` times `size` wide
 */
export function decodeCrops(
  video: Video,
  squares: ReadonlyMap<number, Square>,
  size: number,
  options: DecodeOptions = {},
): AsyncGenerator<{ frame: number; pixels: Uint8Array }> {
  // As libvips does it with photographs.
  const kernel = [...squares.values()].every(({ side }) => side >= size) ? 'lanczos' : 'bicubic';
  const filters = (wanted: readonly number[]) => {
    const own = wanted.map((frame) => squares.get(frame)!);
    return cropFilters(own, size, kernel);
  };
  return decode(video, [...squares.keys()], { bytes: size * size * 3, filters }, options);
}

/** One square a frame, in order. The n-th frame is shown at n seconds, by which commands find it. */
function cropFilters(squares: readonly Square[], size: number, kernel: 'lanczos' | 'bicubic'): string {
  const [first] = squares as [Square];
  const commands = squares.flatMap(({ x, y, side }, i) => {
    const before = squares[i - 1] ?? first;
    const changes: string[] = [];
    // The filter that resizes learns of another size by being told its own anew.
    if (side !== before.side) changes.push(`crop@face w ${side}`, `crop@face h ${side}`, `scale@face w ${size}`);
    if (x !== before.x) changes.push(`crop@face x ${x}`);
    if (y !== before.y) changes.push(`crop@face y ${y}`);
    return changes.length > 0 ? [`${i} ${changes.join(',')}`] : [];
  });
  return [
    'settb=1,setpts=N',
    ...(commands.length > 0 ? [`sendcmd=c='${commands.join(';')}'`] : []),
    `crop@face=${first.side}:${first.side}:${first.x}:${first.y}:exact=1`,
    `scale@face=${size}:${size}:flags=${kernel}+${exact}`,
    // Planes first: to them the conversion is fast, and from them it is a copy.
    'format=gbrp,format=rgb24',
  ].join(',');
}

/** Frames that one command line can name. */
const mostNamed = 1000;

/** What is done with upright frames, and how many bytes each then has. */
interface Cut {
  bytes: number;
  filters(wanted: readonly number[]): string;
}

async function* decode(
  { programs, file, clip }: Video,
  wanted: readonly number[],
  cut: Cut,
  { turnOver = false, threads = 1, signal }: DecodeOptions,
): AsyncGenerator<{ frame: number; pixels: Uint8Array }> {
  const open = ['-threads', String(threads), '-noautorotate'];
  const run = (frames: readonly number[], input: string[]) => {
    const output = [...programs.keepFrames, '-frames:v', String(frames.length), '-f', 'rawvideo', 'pipe:1'];
    return readPieces(programs.ffmpeg, ['-nostdin', '-v', 'error', ...input, ...output], cut.bytes, signal);
  };
  const filters = (frames: readonly number[]) => `${uprightFilters(clip, turnOver)},${cut.filters(frames)}`;
  if (wanted.length * cut.bytes <= mostJumpBytes && jumpingPays(clip, wanted)) {
    // Were a frame missing in the middle, those after it would get wrong numbers: all or none.
    const pieces: Uint8Array[] = [];
    for await (const pixels of run(wanted, jumpArgs(open, file, clip, wanted, filters(wanted)))) pieces.push(pixels);
    if (pieces.length === wanted.length) {
      yield* pieces.map((pixels, i) => ({ frame: wanted[i]!, pixels }));
      return;
    }
  }
  for (let from = 0; from < wanted.length; from += mostNamed) {
    const named = wanted.slice(from, from + mostNamed);
    let at = 0;
    for await (const pixels of run(named, scanArgs(open, file, named, filters(named)))) {
      yield { frame: named[at++]!, pixels };
    }
    if (at < named.length) return;
  }
}

function uprightFilters(clip: Clip, turnOver: boolean): string {
  const turns = { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] };
  const filters: string[] = [...turns[clip.rotation]];
  if (turnOver) filters.push('hflip', 'vflip');
  // A picture that changes its size in mid-film would change the length of a frame in the pipe.
  filters.push(`scale=${clip.width}:${clip.height}:flags=bicubic+${exact}`);
  return filters.join(',');
}

/** Opening a file anew costs about as much as decoding this many frames. */
const openingCost = 8;
/** The most pixels that are held while it is not yet known that every jump found its frame. */
const mostJumpBytes = 1 << 27;

/** Whether decoding a group of pictures for each wanted frame is clearly less work than decoding all up to the last one. */
function jumpingPays({ index }: Clip, wanted: readonly number[]): boolean {
  if (!index || wanted.length === 0 || wanted.length > 64) return false;
  const jumping = wanted.reduce((sum, frame) => sum + frame - keyBefore(index, frame) + 1 + openingCost, 0);
  return jumping < 0.7 * (wanted.at(-1)! + 1);
}

function keyBefore(index: readonly { key: boolean }[], frame: number): number {
  for (let at = frame; at > 0; at--) if (index[at]!.key) return at;
  return 0;
}

/** One pass from the start, in which only wanted frames leave the decoder's output. */
function scanArgs(open: string[], file: string, wanted: readonly number[], filters: string): string[] {
  const [first, last] = [wanted[0]!, wanted.at(-1)!];
  const isRun = last - first + 1 === wanted.length;
  const choice = isRun ? `between(n\\,${first}\\,${last})` : wanted.map((frame) => `eq(n\\,${frame})`).join('+');
  return [...open, '-i', `file:${file}`, '-map', '0:v:0', '-vf', `select='${choice}',${filters}`];
}

/** The file opened once for each wanted frame, a moment before which decoding starts to count. */
function jumpArgs(open: string[], file: string, { index }: Clip, wanted: readonly number[], filters: string): string[] {
  const inputs = wanted.flatMap((frame) => {
    const seek = frame === 0 ? [] : ['-ss', ((index![frame - 1]!.time + index![frame]!.time) / 2).toFixed(6)];
    return [...open, ...seek, '-i', `file:${file}`];
  });
  const heads = wanted.map((_, i) => `[${i}:v:0]trim=end_frame=1,setpts=0[f${i}]`);
  const all = `${wanted.map((_, i) => `[f${i}]`).join('')}concat=n=${wanted.length},${filters}[out]`;
  return [...inputs, '-filter_complex', [...heads, all].join(';'), '-map', '[out]'];
}

/** Runs a program and gives its output in pieces of `length` bytes, each in a buffer of its own. It is stopped when the caller stops. */
async function* readPieces(
  program: string,
  args: readonly string[],
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const closed = once(child, 'close').catch(() => undefined);
  let piece = new Uint8Array(length);
  let filled = 0;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + length - filled);
        piece.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < length) continue;
        yield piece;
        piece = new Uint8Array(length);
        filled = 0;
      }
    }
    signal?.throwIfAborted();
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}
