/** ffmpeg and ffprobe: which programs there are, and what a video file holds. */
import { execFile } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf, UserError } from '../../base/errors.js';
import { MOST_PIXELS } from '../image.js';

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
  /** Frames that the container's header promises, those dropped while recording left out; `null` where it does not say. */
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
    'format=format_name,start_time:stream=width,height,nb_frames:stream_tags=rotate:stream_side_data=rotation:packet=pts,dts,pts_time,flags';
  // An AVI file says all that is asked in its header and index; finding out more means decoding twenty frames.
  const depth = /\.avi$/i.test(file) ? '-nofind_stream_info ' : '';
  const args = `-v error ${depth}-select_streams v:0 -show_entries ${entries} -of json`.split(' ');
  let stdout: string;
  try {
    ({ stdout } = await run(programs.ffprobe, [...args, `file:${file}`], { maxBuffer: 1 << 28, signal }));
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    throw new VideoError(plainReason(stderr?.trim() || messageOf(error), file));
  }
  return parseClip(stdout);
}

const probedSchema = z.object({
  format: z.object({ format_name: z.string().optional(), start_time: z.string().optional() }).optional(),
  packets: z
    .array(
      z.object({
        pts: z.int().optional(),
        dts: z.int().optional(),
        pts_time: z.string().optional(),
        flags: z.string().optional(),
      }),
    )
    .optional(),
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
  const { format_name: container = '', start_time: start = container === 'avi' ? 0 : undefined } = format ?? {};
  const index = shown
    .map(({ pts_time, flags = '' }) => ({ time: Number(pts_time) - Number(start), key: flags.includes('K') }))
    .sort((a, b) => a.time - b.time);
  const seekable =
    index.every(({ time }, i) => time > (index[i - 1]?.time ?? Number.NEGATIVE_INFINITY)) &&
    (index.every(({ key }) => key) || exactContainers.test(container));
  const promised = Number(stream.nb_frames) - (container === 'avi' ? droppedFrames(packets) : 0);
  return {
    width: sideways ? stream.height : stream.width,
    height: sideways ? stream.width : stream.height,
    rotation: rotation as Clip['rotation'],
    length: shown.length,
    promised: Number.isInteger(promised) ? promised : null,
    index: seekable ? index : null,
  };
}

/**
 * A recorder that misses a frame leaves its place in an AVI file empty, and the header counts places. Those before the last frame that is
 * there were dropped; what is missing behind it was cut off.
 */
function droppedFrames(packets: NonNullable<Probed['packets']>): number {
  const last = packets.reduce((latest, { pts, dts }) => Math.max(latest, pts ?? dts ?? -1), -1);
  return Math.max(0, last + 1 - packets.length);
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
