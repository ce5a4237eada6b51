import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.js';
import { findCropSets } from '../../../src/data/cropSet.js';
import { type SynthOptions, synthesise } from '../../../src/data/synth/synthesise.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-synth-'));
});
afterAll(() => rm(folder, { recursive: true }));

const small = { seed: 3, subjects: 3, frames: 2, size: 32 };

async function bytesOf(dir: string): Promise<Map<string, string>> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const contents = await Promise.all(paths.map((path) => readFile(path, 'base64')));
  return new Map(paths.map((path, i) => [path.slice(dir.length), contents[i]!]));
}

/** A run that must fail, and leave its neighbourhood as it was. */
async function refusal(options: SynthOptions): Promise<Error> {
  const before = (await readdir(folder)).sort();
  const error = await synthesise(options).then(
    () => new Error('nothing was refused'),
    (thrown: Error) => thrown,
  );
  expect((await readdir(folder)).sort()).toEqual(before);
  return error;
}

describe('synthesise', () => {
  it('writes four crop sets that say they are synthetic', async () => {
    const out = join(folder, 'plain');
    const progress: number[] = [];
    const summary = await synthesise({ ...small, out, onProgress: (done, total) => progress.push(done / total) });
    expect(summary.images).toBe(4 * 3 * 3 * 2);
    expect(progress).toHaveLength(summary.images);
    expect(progress.at(-1)).toBe(1);
    const sets = await findCropSets(out);
    expect([...sets.keys()].sort()).toEqual(['C', 'I', 'M', 'O']);
    for (const set of sets.values()) {
      expect(set).toMatchObject({
        name: `synthetic-${set.letter}`,
        synthetic: true,
        recipe: { ...small, faces: null },
      });
      expect(new Set(set.frames.map(({ attackType }) => attackType))).toEqual(new Set(['live', 'print', 'replay']));
      expect(set.frames.filter(({ label, attackType }) => (label === 'live') !== (attackType === 'live'))).toEqual([]);
      expect(set.frames.filter(({ label, pai }) => (label === 'live') !== (pai === ''))).toEqual([]);
      const splits = new Map<string, Set<string>>();
      for (const { subject, split } of set.frames) splits.set(subject, (splits.get(subject) ?? new Set()).add(split));
      expect([...splits.values()].every((of) => of.size === 1)).toBe(true);
      for (const { path } of set.frames) {
        expect(await sharp(path).metadata()).toMatchObject({ format: 'jpeg', width: 32, height: 32, channels: 3 });
      }
    }
  });

  it('gives equal bytes for equal options whatever the number of jobs, and others for another seed', async () => {
    const first = await bytesOf(join(folder, 'plain'));
    await synthesise({ ...small, out: join(folder, 'jobs'), jobs: 1 });
    expect(await bytesOf(join(folder, 'jobs'))).toEqual(first);
    await synthesise({ ...small, seed: 4, out: join(folder, 'seed') });
    const crops = [...(await bytesOf(join(folder, 'seed')))].filter(([path]) => path.endsWith('.jpg'));
    expect(crops.filter(([path, bytes]) => first.get(path) === bytes)).toEqual([]);
  });

  it('shows each frame a moment later than the one before', async () => {
    const bytes = [...(await bytesOf(join(folder, 'plain')))].filter(([path]) => path.endsWith('.jpg'));
    expect(new Set(bytes.map(([, content]) => content)).size).toBe(bytes.length);
  });

  it('replaces its own sets, and nothing else', async () => {
    const out = join(folder, 'plain');
    const before = await bytesOf(out);
    await rm(join(out, 'synthetic-C', 'crops', 's1_live_0.jpg'));
    await synthesise({ ...small, out });
    expect(await bytesOf(out)).toEqual(before);

    const other = await refusal({ ...small, frames: 1, out });
    expect(other).toBeInstanceOf(UserError);
    expect(other.message).toMatch(/synthetic-[OCIM] was made with other settings/);
    await writeFile(join(out, 'thesis.txt'), 'years of work');
    expect((await refusal({ ...small, out })).message).toContain('already holds thesis.txt');
    expect(await readFile(join(out, 'thesis.txt'), 'utf8')).toBe('years of work');
    expect((await refusal({ ...small, out: join(out, 'thesis.txt') })).message).toContain('cannot write to');
  });

  it('fills an empty folder, and leaves nothing when it is stopped', async () => {
    const out = join(folder, 'empty');
    await mkdir(out);
    const stop = new AbortController();
    const halted = refusal({ ...small, out, signal: stop.signal, onProgress: (done) => done > 5 && stop.abort() });
    expect((await halted).name).toBe('AbortError');
    expect(await readdir(out)).toEqual([]);
    await synthesise({ ...small, subjects: 1, frames: 1, out });
    expect((await readdir(out)).length).toBe(4);
  });

  it.each([
    ['seed', { seed: -1 }],
    ['subjects', { subjects: 0 }],
    ['frames', { frames: 1.5 }],
    ['size', { size: 16 }],
  ])('refuses a %s out of range', async (name, wrong) => {
    const error = await refusal({ ...small, ...wrong, out: join(folder, 'never') });
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(new RegExp(`^${name} is`));
  });
});

describe('photographs', () => {
  /** A disc of one colour: not a face, but told from the others by its hue. */
  async function photograph(path: string, colour: string): Promise<void> {
    const disc = Buffer.from(`<svg width="80" height="60"><circle cx="40" cy="30" r="25" fill="${colour}"/></svg>`);
    await sharp({ create: { width: 80, height: 60, channels: 3, background: '#667' } })
      .composite([{ input: disc }])
      .toFile(path);
  }

  async function meanOf(path: string): Promise<number[]> {
    return (await sharp(path).stats()).channels.map(({ mean }) => mean);
  }

  it('films people instead of drawing them: a file or a sub-folder each', async () => {
    const faces = join(folder, 'faces');
    await mkdir(join(faces, 'green'), { recursive: true });
    await photograph(join(faces, 'red.jpg'), '#e33');
    await photograph(join(faces, 'green', 'a.png'), '#3e3');
    await photograph(join(faces, 'green', 'b.png'), '#3e3');
    await writeFile(join(faces, 'notes.txt'), 'not a face');
    await symlink('nowhere', join(faces, 'dangling'));
    const out = join(folder, 'filmed');
    await synthesise({ ...small, out, faces });
    const set = (await findCropSets(out)).get('O')!;
    expect(set.recipe).toMatchObject({
      subjects: 2,
      faces: { people: 2, photographs: 3, people_in_several_domains: true },
    });
    const frames = set.frames.filter(({ label, frame }) => label === 'live' && frame === 0);
    const [green, red] = await Promise.all(frames.map(({ path }) => meanOf(path)));
    expect(green![1]! - green![0]!).toBeGreaterThan(red![1]! - red![0]! + 20);
  });

  it('names a photograph that cannot be read and a folder without any', async () => {
    const faces = join(folder, 'broken');
    await mkdir(faces);
    await photograph(join(faces, 'a.jpg'), '#e33');
    await writeFile(join(faces, 'b.jpg'), 'this is no picture');
    const error = await refusal({ ...small, out: join(folder, 'never'), faces });
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(join(faces, 'b.jpg'));

    const empty = join(folder, 'nobody');
    await mkdir(empty);
    expect((await refusal({ ...small, out: join(folder, 'never'), faces: empty })).message).toContain(
      'no face photograph',
    );
    expect((await refusal({ ...small, out: join(folder, 'never'), faces: join(folder, 'nope') })).message).toContain(
      'nope',
    );
  });
});
