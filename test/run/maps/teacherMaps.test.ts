import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../../src/data/manifest.js';
import { writeSealed } from '../../../src/formats/sealed.js';
import { describeMaps, noteQuality, readMaps } from '../../../src/run/maps/teacherMaps.js';
import { silent } from '../../../src/run/progress.js';
import { failure, temporaryFolder } from '../../data/helpers.js';

const folder = await temporaryFolder();
const frames = ['live', 'live', 'spoof'].map((label) => ({ label }) as Frame);

/** Maps of one pixel; logits are (spoof, live). */
async function mapsOf(name: string, maps: readonly number[], logits: readonly number[]) {
  const path = join(folder, `${name}.safetensors`);
  const tensors = [
    { name: 'maps', dtype: 'F32', shape: [3, 1, 1], data: Float32Array.from(maps) },
    { name: 'logits', dtype: 'F32', shape: [3, 2], data: Float32Array.from(logits) },
  ] as const;
  await writeSealed(path, tensors, {});
  return path;
}

describe('quasi ground truth maps', () => {
  it('count what is all zero and what the activation network recognises', async () => {
    const maps = await readMaps(await mapsOf('good', [9, 0, 5], [0, 1, 1, 0, 2, 1]), frames, 1);
    expect(maps).toMatchObject({
      zero: 1,
      recognised: { live: { images: 2, right: 1 }, spoof: { images: 1, right: 1 } },
    });
    expect(describeMaps(maps)).toMatch(
      /^the activation network recognises 1 of 2 live and 1 of 1 spoof images; all-zero maps: 1$/,
    );
  });

  it('are called poor when most images of a class are mistaken for the other', async () => {
    const notes = async (path: string) => {
      const said: string[] = [];
      noteQuality(await readMaps(path, frames, 1), { ...silent, note: (text) => said.push(text) });
      return said;
    };
    expect(await notes(await mapsOf('poor', [0, 0, 5], [1, 0, 1, 0, 1, 0]))).toContainEqual(
      expect.stringMatching(/poor: train stage 1 longer/),
    );
    expect(await notes(await mapsOf('fair', [1, 1, 5], [0, 1, 0, 1, 1, 0]))).toHaveLength(1);
  });

  it('of other frames or another size are refused', async () => {
    const path = await mapsOf('others', [1, 1, 1], [0, 1, 0, 1, 1, 0]);
    expect((await failure(readMaps(path, frames.slice(1), 1))).message).toMatch(
      /holds maps \[3,1,1\], \[2,1,1\] are needed/,
    );
  });
});
