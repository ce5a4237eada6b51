/** CASIA-FASD's tree with drawn people: as many as wanted, each drawn once for each imaging quality; a quality's four presentations are one clip. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { drawScene, type Scene } from './scenes.js';

/** Width and height of each quality, and its files, the first of them live. */
const qualities = [
  { size: [640, 480], files: ['2', '4', '6', '8'] },
  { size: [480, 640], files: ['1', '3', '5', '7'] },
  { size: [720, 1280], files: ['HR_1', 'HR_2', 'HR_3', 'HR_4'] },
] as const;

export interface CasiaPlan {
  people: { train: number; test: number };
  /** Frames of each clip. */
  frames: number;
}

/** Twelve clips for each of the people. */
export async function drawCasia(root: string, { people, frames }: CasiaPlan): Promise<void> {
  let seed = 0;
  for (const part of ['train', 'test'] as const) {
    for (let person = 1; person <= people[part]; person++) {
      for (const { size, files } of qualities) {
        const share = 0.35 + (0.25 * (seed % 5)) / 4;
        const scene = drawScene(seed++, { share });
        const path = (file: string) => join(root, `${part}_release`, String(person), `${file}.avi`);
        const [first, ...others] = files.map(path) as [string, ...string[]];
        await writeSceneClip(first, [scene], frames, size);
        for (const other of others) await link(first, other);
      }
    }
  }
}

/** A clip that shows one scene after the other for the same time, as a camera that sways and whose sensor is noisy has them. */
export async function writeSceneClip(
  path: string,
  scenes: readonly Scene[],
  frames: number,
  [width, height]: readonly [number, number] = [640, 480],
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const [first] = scenes as [Scene];
  const scale = Math.max((width + 16) / first.width, (height + 16) / first.height);
  // The face stays in the picture where that is narrower than the scene.
  const middle = ((first.eyes[0].x + first.eyes[1].x) / 2) * scale;
  const left = Math.min(Math.max(middle - width / 2, 8), first.width * scale - width - 8);
  const filters = [
    'fps=25',
    `scale=${Math.round(first.width * scale)}:${Math.round(first.height * scale)}:flags=bicubic`,
    `crop=${width}:${height}:x='${left.toFixed(1)}+6*sin(n/9)':y='6+6*cos(n/11)'`,
    'noise=alls=5:allf=t:all_seed=1',
  ];
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${first.width}x${first.height}`];
  const rate = ['-r', `${25 * scenes.length}/${frames}`, '-i', 'pipe:0'];
  const output = ['-frames:v', String(frames), '-c:v', 'mpeg4', '-q:v', '3', '-g', '12', '-threads', '1'];
  const args = ['-v', 'error', '-y', ...input, ...rate, '-vf', filters.join(','), ...output, '-bitexact', path];
  const child = spawn('ffmpeg', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  for (const { pixels } of scenes) child.stdin.write(pixels);
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`ffmpeg ended with ${code} for ${path}`);
}
