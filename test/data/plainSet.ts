/** Crop sets of images that nobody looks at: one pixel each, rows as a test needs them. */
import { join } from 'node:path';
import { writeCropSet } from '../../src/data/cropSet.js';
import type { NewFrame } from '../../src/data/manifest.js';
import { labelOf } from '../../src/data/sources/source.js';
import { pngWith, put } from './helpers.js';

type Row = Partial<NewFrame> & Pick<NewFrame, 'attackType'>;

/** Writes `data/NAME`, an image a row; a row without a video is one. */
export async function writePlainSet(data: string, name: string, letter: string, rows: readonly Row[]): Promise<void> {
  const frames = rows.map((row, i): NewFrame => {
    const path = `crops/${i}.png`;
    const rest = { split: 'train', subject: '', video: `v${i}`, frame: 0, pai: '' } as const;
    return { ...rest, path, label: labelOf(row.attackType), ...row };
  });
  for (const { path } of frames) await put(join(data, name, path), pngWith(`${name} ${path}`));
  await writeCropSet(join(data, name), { name, letter, synthetic: true }, frames);
}

/** A video of each kind of attack of each person. */
export function rowsOf(people: readonly string[], types: readonly string[], more: Partial<NewFrame> = {}): Row[] {
  return people.flatMap((subject) =>
    types.map((attackType) => ({ subject, attackType, video: `${subject}-${attackType}`, ...more })),
  );
}
