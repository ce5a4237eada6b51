/** `ldc import npy` and `ldc import list` as a user has them: files in, a crop set out that other commands read, one sentence when not. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { put, temporaryFolder } from '../data/helpers.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const folder = await temporaryFolder();

function ldc(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** `[count,4,4,3]` bytes of one level, as NumPy writes them. */
function npy(count: number, level: number): Buffer {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${count}, 4, 4, 3), }`;
  const header = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${text.padEnd(117)}\n`, 'latin1');
  return Buffer.concat([header, Buffer.alloc(count * 48, level)]);
}

describe('ldc import npy', () => {
  beforeAll(async () => {
    await put(join(folder, 'arrays/MSU_images_live.npy'), npy(3, 200));
    await put(join(folder, 'arrays/MSU_print_images.npy'), npy(2, 90));
    await put(join(folder, 'arrays/MSU_replay_images.npy'), npy(1, 30));
  });

  it('leaves a crop set that ldc datasets counts, and will not overwrite it', async () => {
    const { status, stdout, stderr } = ldc('import', 'npy', '--root', 'arrays', '--out', 'data', '--json', '--quiet');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const path = join(folder, 'data/MSU-MFSD');
    expect(JSON.parse(stdout)).toEqual([{ name: 'MSU-MFSD', letter: 'M', path, images: 6 }]);
    const { data } = await sharp(join(path, 'crops/print/1.png')).raw().toBuffer({ resolveWithObject: true });
    expect([...new Set(data)]).toEqual([90]);
    const [set] = JSON.parse(ldc('datasets', '--data', 'data', '--json').stdout);
    expect(set).toMatchObject({ name: 'MSU-MFSD', letter: 'M', synthetic: false, images: { live: 3, attack: 3 } });
    expect(set.audit.missing).toEqual([]);

    const again = ldc('import', 'npy', '--root', 'arrays', '--out', 'data');
    expect(again.status).toBe(2);
    expect(again.stderr).toMatch(/^ldc: error: .*MSU-MFSD already holds a crop set\nhint: /);
  });

  it('goes on without an array that cannot be read, unless told to be strict', async () => {
    for (const kind of ['images_live', 'print_images']) await put(join(folder, `half/HKBU_${kind}.npy`), npy(2, 200));
    await put(join(folder, 'half/HKBU_mask_images.npy'), 'a web page');
    const half = ['import', 'npy', '--root', 'half', '--out'];
    const strict = ldc(...half, 'strict-out', '--strict');
    expect([strict.status, strict.stdout]).toEqual([2, '']);
    expect(strict.stderr).toMatch(/ldc: error: .*HKBU_mask_images\.npy is not a \.npy file\n$/);
    const some = ldc(...half, 'half-out');
    expect([some.status, some.stdout]).toEqual([
      1,
      `H  HKBU-MARs: 4 images in ${join(folder, 'half-out/HKBU-MARs')}\n`,
    ]);
    expect(some.stderr).toContain('1 of 3 files could not be used: ');
  });

  it('says what is wrong with an array in one sentence and leaves no set behind', async () => {
    await put(join(folder, 'cut/casia_images_live.npy'), npy(3, 200).subarray(0, 200));
    await put(join(folder, 'cut/casia_images_spoof.npy'), npy(3, 90));
    const { status, stdout, stderr } = ldc('import', 'npy', '--root', 'cut', '--out', 'cut-out', '--quiet');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^ldc: error: .*casia_images_live\.npy is cut short: its shape needs 144 bytes, it holds 72\n$/,
    );
    expect(existsSync(join(folder, 'cut-out/CASIA-FASD/manifest.csv'))).toBe(false);
    const none = ldc('import', 'npy', '--root', 'nowhere');
    expect(none.status).toBe(2);
    expect(none.stderr).toContain('nowhere cannot be read');
  });
});

describe('ldc import list', () => {
  const images = ['Train_files/1_1_01_1/6.png', 'Train_files/1_1_01_1/19.png', 'Test_files/1_3_36_5/6.png'];
  beforeAll(async () => {
    const image = sharp({ create: { width: 8, height: 8, channels: 3, background: '#806040' } });
    const bytes = await image.png().toBuffer();
    for (const path of images) await put(join(folder, 'frames', path), bytes);
  });

  it('takes a JSON list of SSDG for the subjects, attacks and parts of the data set it names', async () => {
    const list = images.map((path, i) => ({
      photo_path: path,
      photo_label: path.includes('_1/') ? 1 : 0,
      photo_belong_to_video_ID: i,
    }));
    await writeFile(join(folder, 'frames/all.json'), JSON.stringify(list));
    const { status, stdout, stderr } = ldc(
      'import',
      'list',
      'frames/all.json',
      '--set',
      'oulu',
      '--out',
      'lists',
      '--quiet',
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toBe(`O  OULU-NPU: 3 images in ${join(folder, 'lists/OULU-NPU')}\n`);
    const manifest = await readFile(join(folder, 'lists/OULU-NPU/manifest.csv'), 'utf8');
    expect(manifest.split('\n')[3]).toContain('O,test,36,1_3_36_5,6,spoof,replay,display2');
    const [set] = JSON.parse(ldc('datasets', '--data', 'lists', '--json').stdout);
    expect(set.subsets).toEqual({ all: { live: 1, attack: 1 }, default: { live: 1, attack: 1 } });
    expect(set.published.default).toEqual({ live: 720, attack: 2880 });
  });

  it('takes a text list of a set of its own, and names the line that is wrong', async () => {
    const good = `${images[0]} 1\r\n${images[2]} 0\r\n`;
    await writeFile(join(folder, 'own.txt'), good);
    const own = ['--root', 'frames', '--name', 'own', '--letter', 'X', '--out', 'own', '--quiet'];
    const made = ldc('import', 'list', 'own.txt', ...own, '--json');
    expect(made.status).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ name: 'own', letter: 'X', images: 2 });

    await writeFile(join(folder, 'bad.txt'), `${good}Train_files/1_1_02_1/6.png 1\n`);
    const bad = ldc('import', 'list', 'bad.txt', ...own.with(-2, 'bad'), '--strict');
    expect(bad.status).toBe(2);
    expect(bad.stderr).toMatch(
      /^ldc: error: the image Train_files\/1_1_02_1\/6\.png of bad\.txt line 3 cannot be read/,
    );
    expect(existsSync(join(folder, 'bad/own/manifest.csv'))).toBe(false);
    const some = ldc('import', 'list', 'bad.txt', ...own.with(-2, 'bad'), '--json');
    expect(some.status).toBe(1);
    expect(some.stderr).toContain('1 of 3 files could not be used: Train_files/1_1_02_1/6.png');
    expect(JSON.parse(some.stdout)).toMatchObject({ images: 2, left_out: [{ path: 'Train_files/1_1_02_1/6.png' }] });
    const two = ldc(
      'import',
      'list',
      'own.txt',
      'bad.txt',
      ...own.with(-2, 'two'),
      '--live-label',
      '0',
      '--split',
      'test',
    );
    expect([two.status, two.stdout]).toEqual([1, `X  own: 2 images in ${join(folder, 'two/own')}\n`]);
    const unnamed = ldc('import', 'list', 'own.txt', '--root', 'frames');
    expect(unnamed.status).toBe(2);
    expect(unnamed.stderr).toContain('hint: give --set, or --name and --letter');
  });
});

describe('ldc import folder', () => {
  const flags = [
    '--live',
    'real',
    '--attack',
    'print=fake/**',
    '--name',
    'visits',
    '--letter',
    'V',
    '--out',
    'visits-out',
  ];
  beforeAll(async () => {
    const image = sharp({ create: { width: 8, height: 12, channels: 3, background: '#806040' } });
    const bytes = await image.png().toBuffer();
    for (const path of ['real/v1_frame1.png', 'real/v1_frame2.png', 'fake/p.png']) {
      await put(join(folder, 'visits', path), bytes);
    }
    await put(join(folder, 'visits/notes.txt'), '');
  });

  it('leaves a crop set that ldc datasets counts, and says where its labels come from', () => {
    const { status, stdout, stderr } = ldc('import', 'folder', 'visits', ...flags);
    expect(status).toBe(0);
    expect(stderr).toContain('note: 1 file of another kind is passed over: 1 .txt\n');
    expect(stdout).toContain(`3 images in ${join(folder, 'visits-out/visits')}\n`);
    const [set] = JSON.parse(ldc('datasets', '--data', 'visits-out', '--json').stdout);
    expect(set).toMatchObject({ letter: 'V', videos: { live: 1, attack: 1 }, images: { live: 2, attack: 1 } });
    expect(set.origins.labels).toEqual({ globs: 3 });
    expect(ldc('datasets', '--data', 'visits-out').stdout).toContain(
      'V: labels: globs; subjects: unknown; videos: names of files',
    );
    const again = ldc('import', 'folder', 'visits', ...flags, '--json', '--quiet');
    const passed = { passed_over: { '.txt': 1 }, left_out: [] };
    expect(JSON.parse(again.stdout)).toMatchObject({ images: 3, resumed: 3, letter: 'V', ...passed });
  });

  it('refuses globs that find nothing, and flags that would do nothing', () => {
    const none = ldc('import', 'folder', 'visits', ...flags.with(1, 'reel'));
    expect([none.status, none.stdout]).toEqual([2, '']);
    expect(none.stderr).toMatch(/^ldc: error: --live reel fits none of 3 images and videos\nhint: globs are relative/);
    const idle = ldc('import', 'folder', 'visits', ...flags, '--margin', '0.5');
    expect(idle.status).toBe(2);
    expect(idle.stderr).toContain('--margin is for faces that are looked for');
  });
});
