import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CropSet, readCropSet } from '../../../src/data/cropSet.js';
import { loadHdf5, openHdf5 } from '../../../src/data/prepare/hdf5.js';
import { type PrepareSummary, prepare } from '../../../src/data/prepare/prepare.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { put, temporaryFolder } from '../helpers.js';

const base = await temporaryFolder();
const h5 = await loadHdf5();
const [width, height] = [96, 64];

/** Red left of x = 48, green right of it, the blue level telling frames apart. */
function picture(frame: number, channelsFirst: boolean): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  const put = (i: number, channel: number, value: number) => {
    pixels[channelsFirst ? channel * width * height + i : 3 * i + channel] = value;
  };
  for (let i = 0; i < width * height; i++) {
    put(i, i % width < 48 ? 0 : 1, 200);
    put(i, 2, frame);
  }
  return pixels;
}

/** A recording as 3DMAD has it. */
async function writeRecording(path: string, frames: number, eyes = true): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const file = new h5.File(path, 'w');
  const data = Buffer.concat(Array.from({ length: frames }, (_, frame) => picture(frame, true)));
  file.create_dataset({ name: 'Color_Data', data: new Uint8Array(data), shape: [frames, 3, height, width] });
  file.create_dataset({ name: 'Depth_Data', data: new Uint16Array(frames * 4), shape: [frames, 1, 2, 2] });
  const positions = Array.from({ length: frames }, (_, frame) =>
    frame % 2 === 0 && eyes ? [40, 24, 56, 24] : [0, 0, 0, 0],
  );
  file.create_dataset({ name: 'Eye_Pos', data: Int32Array.from(positions.flat()), shape: [frames, 4] });
  file.close();
  return path;
}

describe('a release of 3DMAD', () => {
  let summary: PrepareSummary;
  let set: CropSet;
  beforeAll(async () => {
    const root = join(base, '3dmad');
    await writeRecording(join(root, 'session01/01_01_01.hdf5'), 104);
    await writeRecording(join(root, 'session03/13_03_05.hdf5'), 104);
    await writeRecording(join(root, 'session02/02_02_02.hdf5'), 104, false);
    await writeRecording(join(root, 'session02/02_02_03.hdf5'), 3);
    await put(join(root, 'session01/01_01_02.hdf5'), '');
    const cut = await writeRecording(join(root, 'session01/01_01_03.hdf5'), 104);
    await writeFile(cut, (await readFile(cut)).subarray(0, 3000));
    summary = await prepare(findSource('3dmad'), {
      ...{ root, out: join(base, 'out'), frames: 4, sampling: 'uniform', size: 64, margin: 0.3 },
      ...{ align: 'none', detector: 'none', jobs: 2, strict: false },
    });
    set = await readCropSet(summary.path);
  });

  test('becomes crops around the eyes it has, the mask being an attack', async () => {
    expect(set).toMatchObject({ name: '3DMAD', letter: 'D' });
    const frames = set.frames.filter(({ video }) => video === '13_03_05');
    expect(frames.map(({ frame }) => frame)).toEqual([13, 39, 65, 91]);
    // Odd frames have no eyes; those beside them do.
    expect(frames[0]).toMatchObject({
      split: 'test',
      subject: '13',
      attackType: 'mask',
      extra: { face: 'interpolated' },
    });
    expect(set.frames.find(({ video }) => video === '01_01_01')).toMatchObject({ label: 'live', split: 'train' });
    for (const { path, frame } of frames) {
      const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
      const at = (x: number, y: number) => [...data.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)];
      // The edge lies between the eyes, in the middle of the crop; JPEG changes levels a little.
      for (const [x, expected] of [
        [16, [200, 0, frame]],
        [48, [0, 200, frame]],
      ] as const) {
        const off = at(x, 32).map((value, channel) => Math.abs(value - expected[channel]!));
        expect(Math.max(...off)).toBeLessThan(12);
      }
    }
  });

  test('is audited', () => {
    const { findings, subsets, complete } = summary.audit;
    expect(complete).toBe(false);
    expect(subsets.all).toEqual({
      expected: { live: 170, attack: 85 },
      found: { live: 5, attack: 1 },
      prepared: { live: 2, attack: 1 },
    });
    expect(findings.unreadable).toEqual([
      { path: 'session01/01_01_02.hdf5', reason: 'not an HDF5 file' },
      { path: 'session01/01_01_03.hdf5', reason: 'a damaged HDF5 file' },
    ]);
    expect(findings.faceless.map(({ path }) => path)).toEqual(['session02/02_02_02.hdf5']);
    expect(findings.short.map(({ path }) => path)).toEqual(['session02/02_02_03.hdf5']);
    expect(findings.missing).toHaveLength(255 - 6);
  });
});

test('frames that are stored one by one are found, and what a file has instead is named', async () => {
  const path = join(base, 'one by one.hdf5');
  const file = new h5.File(path, 'w');
  for (const frame of [10, 2, 0]) {
    const group = file.create_group(`Frame_${frame}`);
    (group as typeof file).create_dataset({ name: 'array', data: picture(frame, true), shape: [3, height, width] });
  }
  file.close();
  const film = await openHdf5(h5, path);
  expect(film.clip).toMatchObject({ width, height, length: 3 });
  for await (const { frame, picture: found } of film.frames([0, 1, 2], {})) {
    expect(Buffer.from(found.pixels).equals(Buffer.from(picture([0, 2, 10][frame]!, false)))).toBe(true);
  }
  const other = new h5.File(join(base, 'other.hdf5'), 'w');
  other.create_dataset({ name: 'thermal', data: new Uint16Array(8), shape: [2, 2, 2] });
  other.close();
  await expect(openHdf5(h5, join(base, 'other.hdf5'))).rejects.toThrow('it has thermal [2, 2, 2] <H');
});
