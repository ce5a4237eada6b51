/** Small real videos of a drawn face at a known place, encoded by ffmpeg. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Box } from '../../../src/data/sources/source.js';
import { without } from '../../peers.js';

/** Why the tests of videos are skipped here; `null` when they run. */
export const noFfmpeg = without('ffmpeg', 'ffprobe');

export interface ClipPlan {
  width?: number;
  height?: number;
  frames?: number;
  /** Arguments for ffmpeg's encoder. */
  codec?: readonly string[];
  /** The face in frame 0; it moves by `step` pixels to the right with each frame. */
  box?: Box;
  step?: number;
  /** Frames that the recorder lost, whose places in time stay empty. */
  drop?: readonly number[];
  /** Store the picture upside-down. */
  overturned?: boolean;
  /** Clockwise degrees of the rotation tag that players obey; the picture is stored turned the other way. */
  rotate?: 0 | 90 | 180 | 270;
}

export const codecs = {
  mjpeg: ['-c:v', 'mjpeg', '-q:v', '2', '-pix_fmt', 'yuvj420p'],
  h264: ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '12', '-g', '6', '-pix_fmt', 'yuv420p'],
  bframes: ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '12', '-g', '12', '-bf', '3', '-pix_fmt', 'yuv420p'],
  mpeg4: ['-c:v', 'mpeg4', '-q:v', '2', '-g', '12', '-pix_fmt', 'yuv420p'],
} as const;

export const defaultBox: Box = { x: 40, y: 30, w: 40, h: 50 };

/** Where the face of a clip is in frame `frame`. */
export function boxAt({ box = defaultBox, step = 0 }: ClipPlan, frame: number): Box {
  return { ...box, x: box.x + step * frame };
}

/** The eyes of a face, from left to right: at a third of its height. */
export function eyesIn({ x, y, w, h }: Box): [number, number, number, number] {
  return [x + w * 0.3, y + h / 3, x + w * 0.7, y + h / 3];
}

/** The level of blue all around the face, which tells frames apart. */
export function backdrop(frame: number): number {
  return 20 + 5 * frame;
}

/** Encodes a clip: upper half of the face red, lower half green, before a blue that grows with each frame. */
export async function writeClip(path: string, plan: ClipPlan = {}): Promise<string> {
  const {
    width = 160,
    height = 120,
    frames = 30,
    codec = codecs.mjpeg,
    drop = [],
    rotate = 0,
    overturned = false,
  } = plan;
  await mkdir(dirname(path), { recursive: true });
  const back = { 0: [], 90: ['transpose=cclock'], 180: ['hflip', 'vflip'], 270: ['transpose=clock'] }[rotate];
  const filters = [...back, ...(overturned ? ['hflip', 'vflip'] : [])];
  if (drop.length > 0) filters.push(`select='not(${drop.map((frame) => `eq(n,${frame})`).join('+')})'`);
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', '25', '-i', 'pipe:0'];
  const args = [
    '-v',
    'error',
    '-y',
    ...input,
    '-vf',
    [...filters, 'null'].join(','),
    '-vsync',
    'passthrough',
    ...codec,
    '-threads',
    '1',
    path,
  ];
  const child = spawn('ffmpeg', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  for (let frame = 0; frame < frames; frame++) child.stdin.write(draw(width, height, boxAt(plan, frame), frame));
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`ffmpeg ended with ${code} for ${path}`);
  if (rotate !== 0) await tagRotation(path, rotate);
  return path;
}

/** Encodes what a source of ffmpeg's draws, which is as smooth as photographs are. */
export async function writePattern(
  path: string,
  source: string,
  frames: number,
  codec: readonly string[],
  rotate: 0 | 90 | 180 | 270 = 0,
): Promise<string> {
  const args = ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, '-frames:v', String(frames), ...codec, path];
  execFileSync('ffmpeg', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (rotate !== 0) await tagRotation(path, rotate);
  return path;
}

/** Writes the rotation into the track header of an MP4 or MOV file (ISO/IEC 14496-12, 8.3.2), as cameras do. */
async function tagRotation(path: string, rotate: 90 | 180 | 270): Promise<void> {
  const bytes = await readFile(path);
  const matrix = bytes.indexOf('tkhd') + 4 + 40;
  const [a, b, c, d] = { 90: [0, 1, -1, 0], 180: [-1, 0, 0, -1], 270: [0, -1, 1, 0] }[rotate] as [
    number,
    number,
    number,
    number,
  ];
  [a, b, 0, c, d, 0].forEach((value, i) => {
    bytes.writeInt32BE(value * 65536, matrix + 4 * i);
  });
  await writeFile(path, bytes);
}

function draw(width: number, height: number, { x, y, w, h }: Box, frame: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (row * width + column) * 3;
      const inside = row >= y && row < y + h && column >= x && column < x + w;
      if (!inside) pixels[at + 2] = backdrop(frame);
      else if (row < y + h / 2) pixels[at] = 200;
      else pixels[at + 1] = 200;
    }
  }
  return pixels;
}
