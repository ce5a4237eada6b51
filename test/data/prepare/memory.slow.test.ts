/** Memory stays what it is, however many videos a release has. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { titled } from '../../peers.js';
import { put, temporaryFolder } from '../helpers.js';
import { codecs, defaultBox, eyesIn, noFfmpeg, writeClip } from './clips.js';

const binary = fileURLToPath(new URL('../../../bin/ldc.js', import.meta.url));
const clips = 240;

/** Loaded before the program: a line with the bytes that the process holds, ten times a second. */
const watch = 'setInterval(() => console.error("rss " + process.memoryUsage.rss()), 100).unref()';

test.skipIf(noFfmpeg)(
  titled(`${clips} clips need no more memory than ${clips / 4}`, noFfmpeg),
  { timeout: 900_000 },
  async () => {
    const root = await temporaryFolder();
    const rows = Array.from({ length: 52 }, (_, frame) => [frame, ...eyesIn(defaultBox)].join(','));
    const clip = await writeClip(join(root, 'clip.avi'), { frames: 52, codec: codecs.mpeg4 });
    for (let i = 0; i < clips; i++) {
      const [phone, session, user] = [1 + (i % 6), 1 + (Math.floor(i / 6) % 3), 1 + Math.floor(i / 18)];
      const name = join(root, 'release/Train_files', `${phone}_${session}_${String(user).padStart(2, '0')}_1`);
      await put(`${name}.txt`, rows.join('\n'));
      await link(clip, `${name}.avi`);
    }
    const args = [
      'prepare',
      'oulu',
      '--root',
      join(root, 'release'),
      '--out',
      join(root, 'data'),
      '--detector',
      'none',
    ];
    // Crops of 256 pixels: were those of a quarter of the clips held, that would be 190 MB.
    const program = [
      '--import',
      `data:text/javascript,${encodeURIComponent(watch)}`,
      binary,
      ...args,
      '--jobs',
      '2',
      '--quiet',
    ];
    const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] });
    const levels: number[] = [];
    let [output, rest] = ['', ''];
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('rss ')) levels.push(Number(line.slice(4)) / 1e6);
    });
    const [status] = await once(child, 'close');
    expect(status).toBe(0);
    expect(output).toContain(`${8 * clips} crops in`);
    // The first quarter warms up; the end, when the manifest is written, is left out too.
    const quarter = Math.floor(levels.length / 4);
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
    const early = median(levels.slice(quarter, 2 * quarter));
    const late = median(levels.slice(3 * quarter, -10));
    expect(late - early, `MB from ${early} on`).toBeLessThan(40);
  },
);
