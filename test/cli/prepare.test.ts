/** `ldc prepare` as a user has it: warnings and exit status of a release with faults, with and without `--strict`. */
import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { put, temporaryFolder } from '../data/helpers.js';
import { codecs, defaultBox, eyesIn, noFfmpeg, writeClip } from '../data/prepare/clips.js';
import { titled } from '../peers.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const folder = await temporaryFolder();

function ldc(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.skipIf(noFfmpeg)(titled('ldc prepare', noFfmpeg), () => {
  const flags = ['prepare', 'oulu', '--root', 'OULU-NPU', '--frames', '4', '--size', '64', '--detector', 'none'];
  beforeAll(async () => {
    const root = join(folder, 'OULU-NPU');
    const eyes = Array.from({ length: 52 }, (_, frame) => [frame, ...eyesIn(defaultBox)].join(',')).join('\r\n');
    for (const name of ['Train_files/1_1_01_1', 'Train_files/1_1_01_4', 'Test_files/1_3_36_1']) {
      await put(join(root, `${name}.txt`), eyes);
    }
    await writeClip(join(root, 'Train_files/1_1_01_1.AVI'), { frames: 52, codec: codecs.h264 });
    await writeClip(join(root, 'Train_files/1_1_01_4.avi'), { frames: 3, codec: codecs.mpeg4 });
    await put(join(root, 'Test_files/1_3_36_1.avi'), '');
    await put(join(root, 'Test_files/stray.bin'), '');
  });

  it('does what can be done, names what is wrong by its path, and ends with 1 for the one that cannot be read', async () => {
    const { status, stdout, stderr } = ldc(...flags, '--out', 'data', '--quiet');
    expect(stderr).toBe('ldc: error: 1 of 3 files could not be used: Test_files/1_3_36_1.avi\n');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^OULU-NPU: partial\n/);
    expect(stdout).toMatch(/^ {2}O:default +720\/2880 +2\/1 +1\/1$/m);
    expect(stdout).toMatch(/^missing: 4947$/m);
    expect(stdout).toMatch(/^unreadable: 1\n {2}Test_files\/1_3_36_1\.avi \(.+\)$/m);
    expect(stdout).toMatch(/^short: 1\n {2}Train_files\/1_1_01_4\.avi \(3 frames\)$/m);
    expect(stdout).toMatch(/^extra: 1\n {2}Test_files\/stray\.bin \(not a file of the release\)$/m);
    expect(stdout).toContain(`7 crops in ${join(folder, 'data/OULU-NPU')}`);
  });

  it('with --strict ends with 2 at the first of them; without any, when all the same is done', async () => {
    const strict = () => ldc(...flags, '--out', 'strict', '--strict', '--quiet', '--jobs', '1');
    const refused = strict();
    expect([refused.status, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/^ldc: error: Test_files\/1_3_36_1\.avi cannot be read: .*\n$/);
    await rm(join(folder, 'OULU-NPU/Test_files/1_3_36_1.avi'));
    const { status, stdout, stderr } = strict();
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^ldc: error: the release of OULU-NPU is not whole: 4948 missing, 1 short\nhint: .*audit\.json\n$/,
    );
    expect(ldc(...flags, '--out', 'whole', '--quiet').status).toBe(0);
    for (const name of ['manifest.csv', 'dataset.json', 'audit.json']) {
      const bytes = await readFile(join(folder, 'strict/OULU-NPU', name), 'utf8');
      expect(bytes).toBe(await readFile(join(folder, 'whole/OULU-NPU', name), 'utf8'));
    }
  });

  it('answers wrong settings and programs in one sentence', () => {
    const message = (...more: string[]) => ldc(...flags, '--out', 'wrong', ...more).stderr;
    expect(message('--size', '8')).toMatch(/^ldc: error: size is 8\nhint: .*\n$/);
    expect(message('--ffmpeg', '/nowhere/ffmpeg')).toMatch(/^ldc: error: \/nowhere\/ffmpeg is not there\nhint: .*\n$/);
    expect(ldc('prepare', 'ulu', '--root', '.').stderr).toMatch(
      /^ldc: error: unknown data set "ulu"\nhint: one of oulu, /,
    );
  });
});
