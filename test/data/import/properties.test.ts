/** What must not change a label, for any list: order, folders above the one that says the class, line ends, a cut into two lists. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../../src/base/errors.js';
import { readCropSet } from '../../../src/data/cropSet.js';
import { importList } from '../../../src/data/import/list.js';
import { pngWith, put, temporaryFolder } from '../helpers.js';

const base = await temporaryFolder();
let made = 0;

const classFolder = fc.constantFrom('real', 'live', 'Genuine', 'fake', 'spoof', 'attack', 'real_faces', 'spoof_print');
const plainFolder = fc.constantFrom('img', 's1', 'train', 'test', 'v_2', 'Replay-Attack');

/** An image below a folder that is named for its class, its label in the list, and the words for it there. */
const image = fc
  .record({
    above: fc.array(plainFolder, { maxLength: 2 }),
    class: classFolder,
    below: fc.array(plainFolder, { maxLength: 2 }),
  })
  .chain((parts) =>
    fc.record({
      parts: fc.constant(parts),
      live: fc.constant(/^(?:real|live|genuine)/i.test(parts.class)),
      name: fc.integer({ min: 0, max: 1e6 }).map((n) => `${n}.png`),
      word: fc.nat(),
    }),
  );
const words = {
  live: ['', '1', '+1', 'real', 'Live', 'bonafide'],
  spoof: ['', '0', '-1', 'fake', 'SPOOF', 'attack'],
};

type Image = typeof image extends fc.Arbitrary<infer T> ? T : never;
const pathOf = ({ parts, name }: Image, above: readonly string[] = parts.above) =>
  [...above, parts.class, ...parts.below, name].join('/');
const lineOf = (one: Image, path = pathOf(one)) => {
  const choices = words[one.live ? 'live' : 'spoof'];
  return `${path} ${choices[one.word % choices.length]}`.trim();
};
const images = fc.uniqueArray(image, { minLength: 1, maxLength: 8, selector: (one) => one.name });

/** Labels by the name of the image. */
async function labelsOf(lists: string[], paths: readonly string[]): Promise<Record<string, string>> {
  const root = join(base, String(made++));
  for (const path of paths) await put(join(root, path), pngWith(path));
  const files = await Promise.all(lists.map((list, i) => put(join(root, `list${i}.txt`), list)));
  const { path } = await importList({ files, out: join(root, 'out'), source: null, name: 'own', letter: 'X' });
  const { frames } = await readCropSet(path);
  return Object.fromEntries(frames.map((frame) => [frame.path.split('/').at(-1), frame.label]));
}

const truth = (all: readonly Image[]) =>
  Object.fromEntries(all.map(({ name, live }) => [name, live ? 'live' : 'spoof']));

test('neither order, line ends nor a cut into two lists changes a label', async () => {
  const property = fc.asyncProperty(
    images,
    fc.nat(),
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.boolean(),
    async (all, seed, end, last) => {
      const order = [...all].sort((a, b) => ((a.word * 7 + seed) % 11) - ((b.word * 7 + seed) % 11));
      const text = (some: readonly Image[]) => some.map((one) => lineOf(one)).join(end) + (last ? end : '');
      const at = seed % all.length;
      const paths = all.map((one) => pathOf(one));
      expect(await labelsOf([text(order)], paths)).toEqual(truth(all));
      const halves = [order.slice(0, at), order.slice(at)].filter((half) => half.length > 0);
      expect(await labelsOf(halves.map(text), paths)).toEqual(truth(all));
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

test('folders above the one that says the class change no label', async () => {
  const above = fc.array(fc.constantFrom('real', 'fake', 'attack', 'live', 'x', 'test'), { maxLength: 3 });
  const property = fc.asyncProperty(images, above, async (all, folders) => {
    const paths = all.map((one) => pathOf(one, folders));
    const list = all.map((one, i) => lineOf(one, paths[i])).join('\n');
    expect(await labelsOf([list], paths)).toEqual(truth(all));
  });
  await fc.assert(property, { numRuns: 40 });
});

test('a damaged list is imported or refused in one sentence', async () => {
  const text = 'path,label,video\n"real/1.png",1,v1\nreal\\2.png,1,v1\nfake/3.png;0\n';
  const json = JSON.stringify([{ photo_path: 'real/1.png', photo_label: 1, photo_belong_to_video_ID: 0 }]);
  const damage = fc.record({
    at: fc.nat(),
    cut: fc.nat({ max: 6 }),
    put: fc.uint8Array({ maxLength: 4 }),
    json: fc.boolean(),
  });
  const root = join(base, 'damaged');
  for (const path of ['real/1.png', 'real/2.png', 'fake/3.png']) await put(join(root, path), pngWith(path));
  const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
    let bytes: Uint8Array = Buffer.from(damages[0]!.json ? json : text);
    for (const { at, cut, put } of damages) {
      const from = at % (bytes.length + 1);
      bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
    }
    const file = await put(join(root, 'list.txt'), bytes);
    const out = join(base, `out${made++}`);
    const error = await importList({ files: [file], out, source: null, name: 'own', letter: 'X' }).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error !== null) expect(error).toBeInstanceOf(UserError);
  });
  await fc.assert(property, { numRuns: 200 });
});
