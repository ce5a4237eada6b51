/** An event too few between the streams of upload and compute is found on the emulated device (streams_test.cc). */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { build, buildFolder } from './emulated.js';

const cuda = resolve(import.meta.dirname, '../../../src/native/cuda');
const folder = join(buildFolder, 'streams');
const minutes = 60_000;

beforeAll(() => {
  build('cuda_streams_test');
  mkdirSync(folder, { recursive: true });
}, 15 * minutes);

const faults: [what: string, file: string, line: string, instead?: string][] = [
  ['an upload does not wait for its target', 'uploads.h', 'streams_.wait(Streams::upload, submitted_);'],
  ['compute does not wait for an upload', 'uploads.h', 'streams_.wait(Streams::compute, block.done);'],
  ['a slot is filled while it is read', 'uploads.h', 'streams_.wait(Streams::upload, slot.free);'],
  ['a slot is read before it is filled', 'uploads.h', 'streams_.wait(Streams::compute, slot.ready);'],
  ['a step is launched before its slot is filled', 'uploads.h', 'streams_.wait(Streams::compute, slot->ready);'],
  ['nobody says that a step has read its slot', 'uploads.h', 'streams_.record(slot->free, Streams::compute);'],
  [
    'a step waits within what is captured',
    'uploads.h',
    'captured_slots_.push_back(&slot);',
    'streams_.wait(Streams::compute, slot.ready);',
  ],
  [
    'a slot loses what was fetched when there is no room for more',
    'uploads.h',
    'if (data == nullptr) return false;',
    'if (data == nullptr) return streams_.free_device(slot.data), slot.data = nullptr, slot.room = 0, false;',
  ],
  ['pinned memory is used again too early', 'staging.h', 'if (!streams_.reached(block->done)) continue;'],
];

it.each(faults)('%s', { timeout: 2 * minutes }, (what, file, line, instead = ';') => {
  const name = what.replaceAll(' ', '_');
  const header = readFileSync(join(cuda, file), 'utf8');
  expect(header.split(line)).toHaveLength(2);
  const changed = join(folder, `${name}.h`);
  writeFileSync(changed, header.replace(line, instead));
  // device.cc with the changed header in the place of its own, and what includes that as well.
  const source = readFileSync(join(cuda, 'emulator/device.cc'), 'utf8')
    .replace(`"../${file}"`, `"${changed}"`)
    .replace('"../uploads.h"', () => `"${withStaging(file === 'staging.h' ? changed : join(cuda, 'staging.h'))}"`);
  const [main, program] = [join(folder, `${name}.cc`), join(folder, name)];
  writeFileSync(main, source);
  const flags = ['-std=c++20', '-O1', '-DLDC_EMULATED', '-DLDC_CUDA_EMULATOR'];
  const places = ['emulator', '.', '..'].flatMap((place) => ['-iquote', join(cuda, place)]); // not -I: there is a features.h of the system
  const test = join(import.meta.dirname, 'streams_test.cc');
  const libraries = ['cuda_emulator', 'core'].map((library) => join(buildFolder, `libldc_${library}.a`));
  execFileSync('g++', [...flags, ...places, main, test, ...libraries, '-lpthread', '-o', program]);
  const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
  expect(stdout).toMatch(/FAIL seed/);
  expect(status).not.toBe(0);
});

/** uploads.h that includes a changed staging.h. */
function withStaging(staging: string): string {
  const path = `${staging}.uploads.h`;
  writeFileSync(path, readFileSync(join(cuda, 'uploads.h'), 'utf8').replace('"staging.h"', `"${staging}"`));
  return path;
}
