/** A crop set with the names and protocols of OULU-NPU: a few people, every phone, session and attack, images of plain colours. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeCropSet } from '../../src/data/cropSet.js';
import type { NewFrame, Split } from '../../src/data/manifest.js';
import { oulu } from '../../src/data/sources/oulu.js';
import { publishedSubsets, type ReleaseProtocols, range } from '../../src/data/sources/source.js';

/** Users of each part, of those the release has there. */
const users: Record<Split, number[]> = { train: [1, 2], dev: [21], test: [36] };
const folders = { train: 'Train_files', dev: 'Dev_files', test: 'Test_files' };

/** Writes `data/OULU-NPU` with one image a video, and protocols 3/1 … 3/6 by the published rule. */
export async function writeOuluSet(data: string, size = 32): Promise<void> {
  const dir = join(data, 'OULU-NPU');
  const frames: NewFrame[] = [];
  const protocols: ReleaseProtocols = Object.fromEntries(
    range(1, 6).map((fold) => [`3/${fold}`, { train: [], dev: [], test: [] }]),
  );
  for (const split of ['train', 'dev', 'test'] as const) {
    for (const user of users[split]) {
      for (const phone of range(1, 6)) {
        for (const file of range(1, 5)) {
          const { extra, ...presentation } = oulu.present(`${folders[split]}/${phone}_1_${user}_${file}`)!;
          const path = `crops/${presentation.video}/00000.png`;
          const background = { r: 40 * file, g: 30 * phone, b: user * 5 };
          const image = sharp({ create: { width: size, height: size, channels: 3, background } });
          await mkdir(join(dir, path, '..'), { recursive: true });
          await writeFile(join(dir, path), await image.png().toBuffer());
          frames.push({ ...presentation, path, frame: 0, extra });
          for (const fold of range(1, 6)) {
            if ((fold === phone) === (split === 'test')) protocols[`3/${fold}`]![split].push(presentation.video);
          }
        }
      }
    }
  }
  await writeFile(join(dir, 'protocols.json'), JSON.stringify(protocols));
  const { name, letter, subsets } = oulu;
  await writeCropSet(
    dir,
    { name, letter, synthetic: true, subsets: { ...subsets }, published: publishedSubsets(oulu) },
    frames,
  );
}
