/** Video through ffmpeg and ffprobe: which programs, what a file holds, and the pixels of the frames that are wanted. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf, UserError } from '../../base/errors.js';
import { MOST_PIXELS } from '../loader.js';
import type { Picture } from './crop.js';

const run = promisify(execFile);

/** No codec has longer sides. */
const MOST_SIDE = 65_535;

export interface Ffmpeg {
  ffmpeg: string;
  ffprobe: string;
  /** As the program states it: `5.1.9-0+deb12u1`. */
  version: string;
  /** The option that keeps every frame, which was renamed in 5.1. */
  keepFrames: readonly string[];
}

/** A video that cannot be used; the message says why. */
export class VideoError extends Error {
  override readonly name = 'VideoError';
}

export interface Clip {
  /** Pixels of a frame once it is turned as the file says. */
  width: number;
  height: number;
  /** Clockwise degrees by which frames are turned for viewing. */
  rotation: 0 | 90 | 180 | 270;
  /** Frames that are there. */
  length: number;
  /** Frames that the container's header promises; `null` where it does not say. */
  promised: number | null;
  /** Seconds from the start at which each frame is shown, and whether decoding can start at it; `null` where seeking is not exact. */
  index: readonly { time: number; key: boolean }[] | null;
}

/**
 * Finds the programs: `path` names ffmpeg, beside which ffprobe is looked for; without it those of the system.
 * @throws UserError when one is not there
 */
export async function findFfmpeg(path?: string): Promise<Ffmpeg> {
  const ffmpeg = path ?? 'ffmpeg';
  const ffprobe = path === undefined ? 'ffprobe' : join(dirname(path), basename(path).replace('ffmpeg', 'ffprobe'));
  const version = await versionOf(ffmpeg);
  await versionOf(ffprobe);
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  // Builds from the development tree ("N-109…") are newer than any release that lacks the option.
  const renamed = !(major < 5 || (major === 5 && minor < 1));
  return { ffmpeg, ffprobe, version, keepFrames: renamed ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough'] };
}

async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await run(program, ['-version']);
    return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const hint = 'install ffmpeg (apt install ffmpeg, brew install ffmpeg), or name it with --ffmpeg PATH';
    throw new UserError(
      missing ? `${program} is not there` : `${program} does not run: ${firstLine(messageOf(error))}`,
      hint,
    );
  }
}

/** Containers whose key frames are entry points by their definition, and with times on every frame. */
const exactContainers = /mov|mp4|matroska|webm/;

/**
 * Reads the index of a video, without decoding it.
 * @throws VideoError when there is no video in the file
 */
export async function probe(programs: Ffmpeg, file: string, signal?: AbortSignal): Promise<Clip> {
  const entries =
    'format=format_name,start_time:stream=width,height,nb_frames:stream_tags=rotate:stream_side_data=rotation:packet=pts_time,flags';
  const args = ['-v', 'error', '-select_streams', 'v:0', '-show_entries', entries, '-of', 'json', `file:${file}`];
  let stdout: string;
  try {
    ({ stdout } = await run(programs.ffprobe, args, { maxBuffer: 1 << 28, signal }));
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    throw new VideoError(plainReason(stderr?.trim() || messageOf(error), file));
  }
  return parseClip(stdout);
}

const probedSchema = z.object({
  format: z.object({ format_name: z.string().optional(), start_time: z.string().optional() }).optional(),
  packets: z.array(z.object({ pts_time: z.string().optional(), flags: z.string().optional() })).optional(),
  streams: z
    .array(
      z.object({
        width: z.int().min(0).max(MOST_SIDE).optional(),
        height: z.int().min(0).max(MOST_SIDE).optional(),
        nb_frames: z.string().optional(),
        tags: z.object({ rotate: z.string().optional() }).optional(),
        side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
      }),
    )
    .optional(),
});

type Probed = z.output<typeof probedSchema>;

/** ffprobe's answer. @throws VideoError when it is none, or there is no video in it */
export function parseClip(json: string): Clip {
  let answer: unknown;
  try {
    answer = JSON.parse(json);
  } catch {
    throw new VideoError('ffprobe gives no answer that can be read');
  }
  const probed = probedSchema.safeParse(answer);
  if (probed.success) return clipOf(probed.data);
  throw new VideoError(`ffprobe's answer is wrong at ${probed.error.issues[0]!.path.join('.') || 'its beginning'}`);
}

function clipOf({ format, packets = [], streams = [] }: Probed): Clip {
  const [stream] = streams;
  if (!stream?.width || !stream.height) throw new VideoError('no video in the file');
  if (stream.width * stream.height > MOST_PIXELS) throw new VideoError(`frames of ${stream.width} × ${stream.height}`);
  // Packets marked D are decoded but never shown.
  const shown = packets.filter(({ flags = '' }) => !flags.includes('D'));
  if (shown.length === 0) throw new VideoError('no frames in the file');
  const turn = stream.side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation;
  const degrees = turn === undefined ? Number(stream.tags?.rotate ?? 0) : -turn;
  const rotation = (((Math.round(degrees / 90) * 90) % 360) + 360) % 360;
  const sideways = rotation === 90 || rotation === 270;
  const start = Number(format?.start_time ?? 0);
  const index = shown
    .map(({ pts_time, flags = '' }) => ({ time: Number(pts_time) - start, key: flags.includes('K') }))
    .sort((a, b) => a.time - b.time);
  const seekable =
    index.every(({ time }, i) => time > (index[i - 1]?.time ?? Number.NEGATIVE_INFINITY)) &&
    (index.every(({ key }) => key) || exactContainers.test(format?.format_name ?? ''));
  const promised = Number(stream.nb_frames);
  return {
    width: sideways ? stream.height : stream.width,
    height: sideways ? stream.width : stream.height,
    rotation: rotation as Clip['rotation'],
    length: shown.length,
    promised: Number.isInteger(promised) ? promised : null,
    index: seekable ? index : null,
  };
}

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface DecodeOptions {
  /** Turn every frame by 180° after what the file says. */
  turnOver?: boolean;
  /** The part of the frames that is needed, in upright pixels; all of it by default. */
  area?: Area;
  /** ffmpeg's threads for one video. */
  threads?: number;
  signal?: AbortSignal;
}

/**
 * The wanted frames of a video, upright, in order. Frames that cannot be decoded are left out. Nothing after the last wanted frame is
 * decoded, and nothing is between them where going there directly is less work.
 * @param wanted numbers of frames, rising
 */
export async function* decodeFrames(
  programs: Ffmpeg,
  file: string,
  clip: Clip,
  wanted: readonly number[],
  options: DecodeOptions = {},
): AsyncGenerator<{ frame: number; picture: Picture }> {
  const area = options.area ?? { x: 0, y: 0, width: clip.width, height: clip.height };
  const { x: left, y: top, width, height } = area;
  const bytes = width * height * 3;
  const filters = filtersFor(clip, area, options.turnOver ?? false);
  const open = ['-threads', String(options.threads ?? 1), '-noautorotate'];
  const output = [...programs.keepFrames, '-frames:v', String(wanted.length), '-f', 'rawvideo', 'pipe:1'];
  const decode = (input: string[]) =>
    readPieces(programs.ffmpeg, ['-nostdin', '-v', 'error', ...input, ...output], bytes, options.signal);
  const shot = (i: number, pixels: Uint8Array) => ({
    frame: wanted[i]!,
    picture: { left, top, width, height, pixels },
  });
  if (wanted.length * bytes <= mostJumpBytes && jumpingPays(clip, wanted)) {
    // Were a frame missing in the middle, those after it would get wrong numbers: all or none.
    const pieces: Uint8Array[] = [];
    for await (const pixels of decode(jumpArgs(open, file, clip, wanted, filters))) pieces.push(pixels);
    if (pieces.length === wanted.length) {
      yield* pieces.map((pixels, i) => shot(i, pixels));
      return;
    }
  }
  let at = 0;
  for await (const pixels of decode(scanArgs(open, file, wanted, filters))) yield shot(at++, pixels);
}

/** Upright, cut, and in RGB; the conversion's flags make it the same on every processor. */
function filtersFor(clip: Clip, area: Area, turnOver: boolean): string {
  const turns = { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] };
  const flags = 'flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact';
  const filters: string[] = [...turns[clip.rotation]];
  if (turnOver) filters.push('hflip', 'vflip');
  // A picture that changes its size in mid-film would change the length of a frame in the pipe.
  filters.push(`scale=${clip.width}:${clip.height}:${flags}`);
  filters.push(`crop=${area.width}:${area.height}:${area.x}:${area.y}:exact=1`);
  filters.push(`scale=${flags}`, 'format=rgb24');
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
  const isRun = wanted.every((frame, i) => frame === i);
  const choice = isRun ? `lt(n\\,${wanted.length})` : wanted.map((frame) => `eq(n\\,${frame})`).join('+');
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

/** ffmpeg's first complaint without the file's name and without memory addresses, which differ from run to run. */
function plainReason(text: string, file: string): string {
  return firstLine(text)
    .replace(/^\[[^\]]*@ 0x[0-9a-f]+\]\s*/, '')
    .replace(`file:${file}: `, '');
}

function firstLine(text: string): string {
  return text.split('\n')[0]!.trim();
}
