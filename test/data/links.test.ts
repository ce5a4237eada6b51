/** What a crop set may lead to: nothing outside of its folder, by path or by link, unless the user says so. */
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { parseProtocol } from '../../src/config/protocol.js';
import { findCropSets, readCropSet } from '../../src/data/cropSet.js';
import { inBatches, loadBatches } from '../../src/data/loader.js';
import { loadConfig } from '../../src/run/configuration.js';
import { openExperiment } from '../../src/run/experiment.js';
import { failure, put, temporaryFolder } from './helpers.js';

const base = await temporaryFolder();
const header = 'path,domain,split,subject,video,frame,label,attack_type,pai\n';
const image = await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
  .png()
  .toBuffer();

beforeAll(() => put(join(base, 'elsewhere', 'secret.png'), image));

async function set(name: string, ...paths: string[]): Promise<string> {
  const folder = join(base, name);
  await put(join(folder, 'crops', 'own.png'), image);
  const rows = paths.map((path, i) => `${path},O,train,${i},v${i},0,${i % 2 ? 'spoof,print' : 'live,'},\n`);
  await writeFile(join(folder, 'manifest.csv'), header + rows.join(''));
  return folder;
}

it.each(['../elsewhere/secret.png', 'crops/../../elsewhere/secret.png', join(base, 'elsewhere', 'secret.png')])(
  'a path that leads out: %s',
  async (path) => {
    const { message } = await failure(readCropSet(await set('paths', 'crops/own.png', path)));
    expect(message).toMatch(/manifest\.csv line 3 has the path ".*secret\.png", which leads out of the folder/);
  },
);

it('a linked image, a linked folder, a link to a link', async () => {
  const folder = await set('links', 'crops/own.png', 'crops/link.png');
  await symlink(join(base, 'elsewhere', 'secret.png'), join(folder, 'crops', 'link.png'));
  const told = /manifest\.csv line 3 has the path "crops\/link\.png", which a link leads out of the folder/;
  const error = await failure(readCropSet(folder));
  expect(error.message).toMatch(told);
  expect(error.hint).toContain('--follow');
  expect((await readCropSet(folder, true)).frames).toHaveLength(2);

  const linkedFolder = await set('folders', 'crops/own.png', 'more/secret.png');
  await symlink('../elsewhere', join(linkedFolder, 'more'));
  expect((await failure(readCropSet(linkedFolder))).message).toContain('"more/secret.png", which a link leads out');

  const twice = await set('twice', 'crops/own.png', 'crops/link.png');
  await symlink('../hop', join(twice, 'crops', 'link.png'));
  await symlink('../elsewhere/secret.png', join(twice, 'hop'));
  expect((await failure(readCropSet(twice))).message).toMatch(told);
});

it("links within the set, and a set that is itself a link, are nobody else's affair", async () => {
  const folder = await set('within', 'crops/own.png', 'crops/copy.png');
  await symlink('own.png', join(folder, 'crops', 'copy.png'));
  await mkdir(join(base, 'data'));
  await symlink(folder, join(base, 'data', 'within'));
  expect((await findCropSets(join(base, 'data'))).get('O')!.frames).toHaveLength(2);
});

it('an experiment follows where its configuration says so', async () => {
  const data = join(base, 'followed');
  const folder = await set('followed/O', 'crops/own.png', 'crops/link.png');
  await symlink(join(base, 'elsewhere', 'secret.png'), join(folder, 'crops', 'link.png'));
  const other = await set('followed/M', 'crops/own.png');
  await writeFile(join(other, 'manifest.csv'), `${header}crops/own.png,M,train,1,v1,0,live,,\n`);
  const protocol = parseProtocol('O-to-M');
  const open = async (...set: string[]) =>
    openExperiment(protocol, await loadConfig(undefined, ['data.dev_fraction=0', ...set]), data);
  expect((await failure(open())).message).toContain('which a link leads out');
  expect((await open('data.follow=true')).train).toHaveLength(2);
});

it('a file that vanishes while a set is read is named', async () => {
  const folder = await set('vanishing', 'crops/own.png', 'crops/next.png');
  await put(join(folder, 'crops', 'next.png'), image);
  const { frames } = await readCropSet(folder);
  const batches = loadBatches(inBatches(frames, 1), { size: 32, workers: 1 });
  const failed = failure(
    (async () => {
      for await (const _ of batches) await rename(join(folder, 'crops'), join(folder, 'gone')).catch(() => {});
      // The second may have been decoded ahead; another pass meets the missing files for certain.
      for await (const _ of loadBatches(inBatches(frames, 1), { size: 32, workers: 1 }));
    })(),
  );
  expect((await failed).message).toMatch(/vanishing\/crops\/(own|next)\.png/);
});
