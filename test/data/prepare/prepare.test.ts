import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CropSet, readCropSet } from '../../../src/data/cropSet.js';
import { summarize } from '../../../src/data/datasets.js';
import { LeftOut } from '../../../src/data/leftOut.js';
import { readAudit } from '../../../src/data/prepare/audit.js';
import { type PrepareOptions, type PrepareSummary, prepare } from '../../../src/data/prepare/prepare.js';
import { protocolFrames } from '../../../src/data/prepare/protocols.js';
import { select } from '../../../src/data/select.js';
import type { Box } from '../../../src/data/sources/source.js';
import { findSource } from '../../../src/data/sources/sources.js';
import { titled } from '../../peers.js';
import { failure, put, temporaryFolder } from '../helpers.js';
import { boxAt, type ClipPlan, codecs, defaultBox, eyesIn, noFfmpeg, writeClip } from './clips.js';

/** Far fewer and smaller videos than a release has, in the places and with the quirks of one. */
describe.skipIf(noFfmpeg)(titled('a release', noFfmpeg), () => {
  let base: string;
  beforeAll(async () => {
    base = await temporaryFolder();
  });

  function run(id: string, root: string, out: string, more: Partial<PrepareOptions> = {}): Promise<PrepareSummary> {
    return prepare(findSource(id), {
      root,
      out,
      frames: 4,
      sampling: 'uniform',
      size: 64,
      margin: 0.3,
      align: 'none',
      detector: 'none',
      jobs: 2,
      strict: false,
      ...more,
    });
  }

  describe('of OULU-NPU', () => {
    let root: string;
    let out: string;
    let summary: PrepareSummary;
    let set: CropSet;
    const moving: ClipPlan = { frames: 52, step: 1, codec: codecs.h264 };
    beforeAll(async () => {
      root = join(base, 'oulu');
      out = join(base, 'oulu-out');
      await writeOulu(root, 'Train_files/1_1_01_1.AVI', moving);
      for (const name of [
        'Train_files/1_1_01_2',
        'Dev_files/1_1_21_1',
        'Dev_files/1_1_21_4',
        'Test_files/1_3_36_1',
        'Test_files/1_3_36_3',
      ]) {
        await writeOulu(root, `${name}.avi`, { frames: 52 });
      }
      await writeOulu(root, 'Test_files/1_3_36_5.avi', { frames: 3 });
      const cut = await writeOulu(root, 'Test_files/2_3_36_2.avi', { frames: 52 });
      await truncate(cut, Math.round((await stat(cut)).size / 2));
      await put(join(root, 'Test_files/2_3_36_3.avi'), '');
      await put(join(root, 'Test_files/notes.bin'), 'stray');
      await put(join(root, '.DS_Store'), '');
      await put(join(root, 'Readme.txt'), '');
      const protocol = (name: string, lines: string[]) =>
        put(join(root, 'Protocols', 'Protocol_1', name), lines.map((line) => `${line}\r\n`).join(''));
      await protocol('Train.txt', ['+1,1_1_01_1', '-1,1_1_01_2', '-1,1_1_02_2']);
      await protocol('Dev.txt', ['+1,1_1_21_1', '-2,1_1_21_4']);
      await protocol('Test.txt', ['+1,1_3_36_1', '-1,1_3_36_3']);
      summary = await run('oulu', root, out);
      set = await readCropSet(summary.path);
    });

    test('becomes a crop set with the release in its columns', () => {
      expect(summary.path).toBe(join(out, 'OULU-NPU'));
      const frames = set.frames.filter(({ video }) => video === '1_1_01_2');
      expect(frames.map(({ frame }) => frame)).toEqual([6, 19, 32, 45]);
      expect(frames[0]).toMatchObject({
        domain: 'O',
        split: 'train',
        subject: '01',
        label: 'spoof',
        attackType: 'print',
        pai: 'printer1',
        extra: { phone: '1', session: '1', face: 'annotation' },
      });
      expect(set.recipe).toMatchObject({ source: 'oulu', frames: 4, sampling: 'uniform', size: 64, margin: 0.3 });
    });

    test('has the face in every crop, where it is', async () => {
      const frames = set.frames.filter(({ video }) => video === '1_1_01_1');
      expect(frames).toHaveLength(4);
      for (const { path, frame, extra } of frames) {
        const eyes = eyesIn(boxAt(moving, frame));
        const d = eyes[2] - eyes[0];
        const expected = [eyes[0] + d / 2 - 1.1 * d, eyes[1] - 0.4 * 2.9 * d, 2.2 * d, 2.9 * d].map(Math.round);
        expect(extra.box!.split(' ').map(Number)).toEqual(expected);
        await expectFace(path, boxAt(moving, frame), squareAround(expected));
      }
    });

    test('is audited: what is missing, unreadable, short or strange is named', async () => {
      const { audit } = summary;
      expect(audit.complete).toBe(false);
      expect(audit.splits.test).toEqual({
        expected: { live: 360, attack: 1440 },
        found: { live: 1, attack: 4 },
        prepared: { live: 1, attack: 3 },
      });
      expect(audit.subsets.default!.expected).toEqual({ live: 720, attack: 2880 });
      expect(audit.subsets.all!.expected).toEqual({ live: 990, attack: 3960 });
      expect(audit.subjects).toEqual({ expected: 55, found: 3, prepared: 3 });
      expect(audit.findings.missing).toHaveLength(4950 - 9);
      expect(audit.findings.missing.map(({ path }) => path)).toContain('Test_files/6_3_55_5.avi');
      expect(audit.findings.unreadable).toEqual([
        { path: 'Test_files/2_3_36_3.avi', reason: expect.stringMatching(/^Invalid data/) },
      ]);
      expect(audit.findings.short).toEqual([
        { path: 'Test_files/1_3_36_5.avi', reason: '3 frames' },
        { path: 'Test_files/2_3_36_2.avi', reason: expect.stringMatching(/^\d\d of 52 frames are there$/) },
      ]);
      expect(audit.findings.faceless).toEqual([]);
      expect(audit.findings.extra.map(({ path }) => path)).toEqual(['Test_files/notes.bin']);
      expect(await readAudit(summary.path)).toEqual(audit);
      const listed = await summarize(set);
      expect(listed.audit.unreadable).toEqual(['Test_files/2_3_36_3.avi']);
      expect(listed.published.default).toEqual({ live: 720, attack: 2880 });
      expect(listed.subsets).toEqual({ all: { live: 3, attack: 5 }, default: { live: 2, attack: 4 } });
    });

    test('keeps its own protocols', async () => {
      const { frames, missing } = await protocolFrames(set, '1');
      expect([...new Set(frames.test.map(({ video }) => video))]).toEqual(['1_3_36_1', '1_3_36_3']);
      expect(missing).toEqual({ train: ['1_1_02_2'], dev: [], test: [] });
      expect((await failure(protocolFrames(set, '3/1'))).hint).toBe('it has 1');
    });

    test('means train and test to a bare letter', () => {
      const bare = select(set, { domain: 'O', qualifiers: [] });
      expect(bare.subset).toBe('default');
      expect(new Set(bare.frames.map(({ split }) => split))).toEqual(new Set(['train', 'test']));
      const all = select(set, { domain: 'O', qualifiers: ['all'] });
      expect(new Set(all.frames.map(({ split }) => split))).toEqual(new Set(['train', 'dev', 'test']));
    });

    test('gives the same bytes with other jobs, and again, without doing anything twice', async () => {
      const before = await contents(summary.path);
      const other = await run('oulu', root, join(base, 'oulu-serial'), { jobs: 1 });
      expect(await contents(other.path)).toEqual(before);
      const again = await run('oulu', root, out);
      expect(again.resumed).toBe(9);
      expect(await contents(summary.path)).toEqual(before);
    });

    test('is done again only where a crop or a file of the release has changed', async () => {
      const copy = join(base, 'oulu-changed');
      await cp(out, copy, { recursive: true });
      const before = await contents(join(copy, 'OULU-NPU'));
      await rm(join(copy, 'OULU-NPU/crops/1_1_01_2/00006.jpg'));
      await writeFile(join(copy, 'OULU-NPU/crops/1_1_21_1/00006.jpg'), 'damaged');
      expect((await run('oulu', root, copy)).resumed).toBe(7);
      expect(await contents(join(copy, 'OULU-NPU'))).toEqual(before);
      const touched = join(root, 'Dev_files/1_1_21_4.txt');
      const { atime, mtime } = await stat(touched);
      await utimes(touched, atime, new Date(mtime.getTime() + 5000));
      expect((await run('oulu', root, copy)).resumed).toBe(8);
      await utimes(touched, atime, mtime);
    });

    test('refuses to mix settings', async () => {
      const error = await failure(run('oulu', root, out, { margin: 0.5 }));
      expect(error.message).toContain('was prepared with other settings or programs');
    });

    test('counts files that cannot be read, and fails at the first with --strict', async () => {
      const notes: string[] = [];
      const leftOut = new LeftOut((text) => notes.push(text));
      await run('oulu', root, out, { leftOut });
      expect(notes).toEqual([expect.stringMatching(/^Test_files\/2_3_36_3\.avi cannot be read: .*; it is left out$/)]);
      expect(() => leftOut.close()).toThrow('1 of 9 files could not be used: Test_files/2_3_36_3.avi');
      const strict = await failure(run('oulu', root, out, { strict: true }));
      expect(strict.message).toMatch(/^Test_files\/2_3_36_3\.avi cannot be read: /);
    });

    test('levels the eyes with --align eyes', async () => {
      const tilted = join(base, 'oulu-tilted');
      const clip = await writeOulu(tilted, 'Train_files/1_1_01_1.avi', { frames: 52 });
      // The same face; eyes that say it is tilted by 45° have to turn the picture the other way.
      const { x, y, w, h } = defaultBox;
      const [cx, cy] = [x + w / 2, y + h / 2];
      await writeFile(
        clip.replace('.avi', '.txt'),
        `0,${cx - 8},${cy - 8},${cx + 8},${cy + 8}\n20,${cx - 8},${cy - 8},${cx + 8},${cy + 8}\n40,${cx - 8},${cy - 8},${cx + 8},${cy + 8}\n`,
      );
      const { path } = await run('oulu', tilted, join(base, 'oulu-aligned'), { align: 'eyes', frames: 1 });
      const [frame] = (await readCropSet(path)).frames;
      const pixel = await pixelsOf(frame!.path);
      // Turned anticlockwise by 45° about the middle of the eyes, the line from red to green rises to the right.
      const eyeLevel = Math.round(64 * (0.5 - (0.5 - 0.4) / 1.3));
      for (const x of [-8, 0, 8]) {
        expect(colour(pixel(32 + x, eyeLevel - x - 3))).toBe('red');
        expect(colour(pixel(32 + x, eyeLevel - x + 3))).toBe('green');
      }
    });
  });

  test('of CASIA-FASD counts people over both parts and fills gaps from neighbouring frames', async () => {
    const root = join(base, 'casia');
    const plan: ClipPlan = { frames: 40, step: 1, width: 200 };
    for (const path of ['train_release/1/1', 'train_release/1/HR_2', 'test_release/1/6', 'test_release/30/hr_4']) {
      await writeClip(join(root, `${path}.avi`), plan);
      // Frames 5, 15, 25 and 35 are wanted: 5 is before the first, 15 has an empty box, 25 is there, 35 is after the last.
      const rows = [10, 20, 25].map((frame) => [frame, ...boxNumbers(boxAt(plan, frame))].join(' '));
      await put(join(root, 'face-locations', `${path}.face`), [...rows, '15 0 0 0 0', ''].join('\r\n'));
    }
    await writeClip(join(root, 'test_release/30/7.avi'), { frames: 40 });
    const { path, audit } = await run('casia', root, join(base, 'casia-out'));
    const { frames } = await readCropSet(path);
    const own = frames.filter(({ video }) => video === 'test_release/1/6');
    expect(own[0]).toMatchObject({ subject: '21', attackType: 'print', pai: 'cut', extra: { quality: 'low' } });
    expect(own.map(({ extra }) => extra.face)).toEqual(['nearest', 'interpolated', 'annotation', 'nearest']);
    await expectFace(own[1]!.path, boxAt(plan, 15), squareAround(boxNumbers(boxAt(plan, 15))));
    expect(frames.find(({ video }) => video === 'test_release/30/HR_4')).toMatchObject({
      subject: '50',
      attackType: 'replay',
    });
    expect(audit.findings.faceless).toEqual([
      { path: 'test_release/30/7.avi', reason: 'no face of 16 pixels or more in any of 4 wanted frames' },
    ]);
    expect(audit.findings.missing).toHaveLength(595);
  });

  test('of Replay-Attack is found under either name of its folders, without its enrolment videos', async () => {
    const root = join(base, 'replay');
    const paths = [
      'train/real/client001_session01_webcam_authenticate_controlled_1',
      'train/attack/fixed/attack_print_client001_session01_highdef_photo_adverse',
      'replayattack-devel/attk/hand/attack_mobile_client003_session01_mobile_video_controlled',
      'test/attack/hand/attack_highdef_client009_session01_highdef_photo_adverse',
    ];
    for (const path of paths) {
      await writeClip(join(root, `${path}.mov`), { frames: 104 });
      const rows = [0, 50, 100].map((frame) => `${frame} ${boxNumbers(defaultBox).join(' ')}\n`);
      await put(join(root, 'face-locations', `${path}.face`), rows.join(''));
    }
    await put(join(root, 'enroll/train/client001_session01_webcam_enroll_1.mov'), 'not looked at');
    await put(join(root, 'protocols/clients.txt'), '');
    const { path, audit } = await run('replay', root, join(base, 'replay-out'), { frames: 2, sampling: 'ssdg' });
    const set = await readCropSet(path);
    expect(set.frames.map(({ frame }) => frame)).toEqual([6, 58, 6, 58, 6, 58, 6, 58]);
    expect(set.frames.map(({ attackType }) => attackType).filter((_, i) => i % 2 === 0)).toEqual([
      'replay',
      'replay',
      'print',
      'live',
    ]);
    expect(set.frames.map(({ split }) => split).filter((_, i) => i % 2 === 0)).toEqual([
      'dev',
      'test',
      'train',
      'train',
    ]);
    // Devel has the one client that was found; the other parts are known by name.
    expect(audit.findings.missing).toHaveLength(36 * 24 - 4);
    expect(audit.findings.extra).toEqual([]);
    expect(audit.subsets.default!.expected).toEqual({ live: 140, attack: 700 });
  });

  test('of MSU-MFSD comes out upright, however it is stored', async () => {
    const root = join(base, 'msu');
    const box = { x: 20, y: 20, w: 40, h: 40 };
    const turned = { ...box, x: 160 - box.x - box.w, y: 120 - box.y - box.h };
    const plan: ClipPlan = { frames: 102, box, codec: codecs.h264 };
    const write = async (name: string, clip: ClipPlan, annotated: Box, eyesAt: number) => {
      await writeClip(join(root, 'scene01', name), { ...plan, ...clip });
      const { x, y, w, h } = annotated;
      const eyes = [x + w * 0.7, y + h * eyesAt, x + w * 0.3, y + h * eyesAt];
      const rows = [0, 30, 60, 90].map((frame) => [frame, x, y, x + w, y + h, ...eyes].join(','));
      await put(join(root, 'scene01', name.replace(/\.\w+$/, '.face')), `${rows.join('\n')}\n`);
    };
    // Stored upside-down and annotated so; annotated as it should look; with a tag that turns it already; never upside-down.
    await write('real/real_client003_android_SD_scene01.mp4', { overturned: true }, turned, 2 / 3);
    await write('real/real_client005_android_SD_scene01.mp4', { overturned: true }, box, 1 / 3);
    await write('real/real_client006_android_SD_scene01.mp4', { rotate: 180 }, turned, 2 / 3);
    await write('real/real_client003_laptop_SD_scene01.MOV', {}, box, 1 / 3);
    await write('attack/attack_client001_laptop_SD_ipad_video_scene01.mov', {}, box, 1 / 3);
    await put(join(root, 'train_sub_list.txt'), '02\r\n');
    const { path, audit } = await run('msu', root, join(base, 'msu-out'));
    const set = await readCropSet(path);
    expect(set.frames).toHaveLength(20);
    for (const { path: crop, extra } of set.frames) {
      expect(extra.box).toBe('20 20 40 40');
      await expectFace(crop, box, squareAround(boxNumbers(box)));
    }
    expect(audit.findings.missing).toHaveLength(275);
    expect(audit.findings.extra).toEqual([]);
    expect(select(set, { domain: 'M', qualifiers: [] }).subset).toBe('all');
  });

  test('of SiW has a box a row and is upright when a phone was held sideways', async () => {
    const root = join(base, 'siw');
    const plan: ClipPlan = { frames: 104, box: { x: 30, y: 20, w: 40, h: 40 }, codec: codecs.h264 };
    const write = async (name: string, clip: ClipPlan, extension: string) => {
      await writeClip(join(root, `${name}.${extension}`), { ...plan, ...clip });
      const { x, y, w, h } = plan.box!;
      // Of the wanted frames, 13, 39, 65 and 91, the second has no face of its own.
      const rows = Array.from({ length: 104 }, (_, i) => (i === 39 ? '0 0 0 0' : `${x} ${y} ${x + w} ${y + h}`));
      await put(join(root, `${name}.face`), rows.join('\r\n'));
    };
    await write('Train/live/003/003-1-1-1-1.m', {}, 'mov');
    await write('Test/spoof/010/010-2-3-4-1', { rotate: 90 }, 'MOV');
    const { path, audit } = await run('siw', root, join(base, 'siw-out'));
    const { frames } = await readCropSet(path);
    expect(
      frames.map(({ video, attackType, split }) => [video, attackType, split]).filter((_, i) => i % 4 === 0),
    ).toEqual([
      ['003-1-1-1-1', 'live', 'train'],
      ['010-2-3-4-1', 'replay', 'test'],
    ]);
    const origins = ['annotation', 'interpolated', 'annotation', 'annotation'];
    expect(frames.map(({ extra }) => extra.face)).toEqual([...origins, ...origins]);
    for (const { path: crop, extra } of frames) {
      expect(extra.box).toBe('30 20 40 40');
      await expectFace(crop, plan.box!, squareAround(boxNumbers(plan.box!)));
    }
    expect(audit.findings.extra).toEqual([]);
  });

  test('of CelebA-Spoof is photographs, whose attacks stand in its label files', async () => {
    const root = join(base, 'celeba');
    const pixels = Buffer.alloc(448 * 224 * 3, 90);
    const write = async (name: string, row: string) => {
      const photo = sharp(pixels, { raw: { width: 448, height: 224, channels: 3 } });
      await put(join(root, `${name}.jpg`), await photo.jpeg().toBuffer());
      await put(join(root, `${name}_BB.txt`), row);
    };
    await write('Data/train/7/live/000001', '56 56 112 112 0.99\n');
    await write('Data/train/7/spoof/000002', '56 56 112 112 0.99\n');
    await write('Data/test/9/spoof/000003', '');
    await write('Data/test/9/live/000005', '20 30 2 1 0.41\n');
    await write('Data/test/9/live/000006', '230 30 60 60 0.9\n');
    await write('Data/test/9/live/000007', '-12 -7 150 180 0.98\n');
    await put(join(root, 'Data/test/9/spoof/000004.png'), 'no picture');
    const attributes = (type: number) => Object.assign(Array(44).fill(0), { 40: type });
    const labels = {
      'Data/train/7/live/000001.jpg': attributes(0),
      'Data/train/7/spoof/000002.jpg': attributes(9),
      'Data/train/7/spoof/000009.jpg': attributes(1),
    };
    await put(join(root, 'metas/intra_test/train_label.json'), JSON.stringify(labels));
    const { path, audit } = await run('celeba-spoof', root, join(base, 'celeba-out'));
    const { frames } = await readCropSet(path);
    expect(frames.map(({ video, attackType, pai, extra }) => [video, attackType, pai, extra.box])).toEqual([
      ['7/live/000001', 'live', '', '112 56 224 112'],
      ['7/spoof/000002', 'replay', 'phone', '112 56 224 112'],
      ['9/live/000007', 'live', '', '-24 -7 300 180'],
    ]);
    expect(audit.findings.missing.map((finding) => finding.path)).toEqual(['Data/train/7/spoof/000009.jpg']);
    expect(audit.findings.faceless.map((finding) => finding.path)).toEqual([
      'Data/test/9/live/000005.jpg',
      'Data/test/9/live/000006.jpg',
      'Data/test/9/spoof/000003.jpg',
    ]);
    expect(audit.findings.unreadable.map((finding) => finding.path)).toEqual(['Data/test/9/spoof/000004.png']);
    expect(audit.findings.short).toEqual([]);
    expect(audit.complete).toBe(false);
  });

  test('is refused when nothing in it is a video, or nothing says where faces are', async () => {
    const empty = join(base, 'empty');
    await put(join(empty, 'a/b.txt'), '');
    expect((await failure(run('oulu', empty, base))).hint).toContain('Train_files');
    expect((await failure(run('oulu', join(base, 'nowhere'), base))).message).toContain('does not exist');
    const bare = join(base, 'bare');
    await put(join(bare, 'train_release/1/1.avi'), '');
    expect((await failure(run('casia', bare, base))).message).toContain('has no annotations');
    await put(join(bare, 'train_release/1/1.face'), '');
    expect((await failure(run('casia', bare, base, { align: 'eyes' }))).message).toContain('have no eyes');
    expect((await failure(run('casia', bare, base))).message).toContain('not one crop could be made');
  });

  test('is finished after kill -9, with the bytes of a run that was not disturbed', async () => {
    const root = join(base, 'killed');
    for (let user = 1; user <= 8; user++) {
      await writeOulu(root, `Train_files/1_1_${String(user).padStart(2, '0')}_1.avi`, { frames: 52 });
    }
    const whole = await run('oulu', root, join(base, 'whole'));
    const out = join(base, 'killed-out');
    const child = await startPrepare(join(base, 'child.mjs'), { root, out });
    // Each line is a video done; the fourth is under way when the third is told.
    let told = 0;
    for await (const chunk of child.stdout!) {
      told += String(chunk).split('\n').length - 1;
      if (told >= 3) break;
    }
    const dead = once(child, 'close');
    child.kill('SIGKILL');
    await dead;
    await expect(readCropSet(join(out, 'OULU-NPU'))).rejects.toThrow('manifest.csv does not exist');
    const rest = await run('oulu', root, out);
    expect(rest.resumed).toBeGreaterThanOrEqual(3);
    expect(rest.resumed).toBeLessThan(8);
    expect(await contents(rest.path)).toEqual(await contents(whole.path));
  });
});

/** Starts `prepare` in a process of its own, which writes a line a video. */
async function startPrepare(script: string, { root, out }: { root: string; out: string }): Promise<ChildProcess> {
  const options = { root, out, frames: 4, sampling: 'uniform', size: 64, margin: 0.3, align: 'none', detector: 'none' };
  const vite = pathToFileURL(createRequire(import.meta.resolve('vitest')).resolve('vite')).href;
  const lines = [
    `import { createServer } from '${vite}';`,
    "const server = await createServer({ server: { middlewareMode: true, ws: false }, appType: 'custom', logLevel: 'error' });",
    "const { prepare } = await server.ssrLoadModule('/src/data/prepare/prepare.ts');",
    "const { findSource } = await server.ssrLoadModule('/src/data/sources/sources.ts');",
    `const options = { ...${JSON.stringify(options)}, jobs: 1, strict: false, onProgress: () => console.log('done') };`,
    "await prepare(findSource('oulu'), options);",
  ];
  await writeFile(script, lines.join('\n'));
  return spawn(process.execPath, [script], { cwd: resolve('.'), stdio: ['ignore', 'pipe', 'inherit'] });
}

async function writeOulu(root: string, path: string, plan: ClipPlan): Promise<string> {
  const rows = Array.from({ length: plan.frames ?? 30 }, (_, frame) =>
    [frame, ...eyesIn(boxAt(plan, frame))].join(','),
  );
  await put(join(root, path.replace(/\.\w+$/, '.txt')), `${rows.join('\r\n')}\r\n`);
  return writeClip(join(root, path), plan);
}

function boxNumbers({ x, y, w, h }: Box): number[] {
  return [x, y, w, h];
}

/** The crop's square by the documented rule, for a square that lies inside the frame. */
function squareAround([x, y, w, h]: readonly number[]): Box {
  const even = (value: number) => 2 * Math.round(value / 2);
  const side = even(Math.max(w!, h!) * 1.3);
  return { x: even(x! + w! / 2 - side / 2), y: even(y! + h! / 2 - side / 2), w: side, h: side };
}

/** Red above green inside the face, blue around it, within a pixel and a half of where they should be. */
async function expectFace(path: string, face: Box, square: Box): Promise<void> {
  const pixel = await pixelsOf(path);
  const scale = 64 / square.w;
  const [left, top] = [(face.x - square.x) * scale, (face.y - square.y) * scale];
  const [right, bottom] = [left + face.w * scale, top + face.h * scale];
  const middle = (left + right) / 2;
  const off = 3 + scale;
  expect([
    colour(pixel(middle, top + off)),
    colour(pixel(left + off, top + off)),
    colour(pixel(right - off, bottom - off)),
    colour(pixel(middle, bottom - off)),
  ]).toEqual(['red', 'red', 'green', 'green']);
  for (const [x, y] of [
    [left - off, top],
    [right + off, top],
    [middle, top - off],
    [middle, bottom + off],
  ] as const) {
    if (x < 0 || y < 0 || x > 63 || y > 63) continue;
    expect(colour(pixel(x, y))).toBe('blue');
  }
}

async function pixelsOf(path: string): Promise<(x: number, y: number) => number[]> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([64, 64]);
  return (x, y) => {
    const at = (Math.round(y) * 64 + Math.round(x)) * 3;
    return [...data.subarray(at, at + 3)];
  };
}

function colour([r, g, b]: readonly number[]): string {
  const most = Math.max(r!, g!, b!);
  return most === r ? 'red' : most === g ? 'green' : 'blue';
}

/** Every file below a folder with its bytes. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = names.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    await Promise.all(
      paths.map(async (path) => [path.slice(folder.length), (await readFile(path)).toString('base64')]),
    ),
  );
}
