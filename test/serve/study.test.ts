/** The page of a study: from its folder alone, without the file that it was run from. */
import { rm } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { type Served, serve } from '../../src/serve/server.js';
import { studyFolder } from '../../src/study/expand.js';
import { keepStudy, readKeptStudy } from '../../src/study/studyFile.js';
import { evaluation, writeResults, writeStudy } from '../study/helpers.js';
import { Client } from './client.js';

let served: Served | undefined;
afterAll(() => served?.close());

it('has the table of what is done, and what is not', async () => {
  const { file, folder: out } = await writeStudy(
    'title: A & B\nprotocols: [OCI-to-M]\nseeds: [0, 1]\nvariants: {a: {}, b: {model: {conv: {kind: vanilla}}}}\n',
  );
  const study = await writeResults(file, out, (run) =>
    run.variant === 'a' ? evaluation(run, 0.1 + 0.1 * run.seed, 0.8, true) : undefined,
  );
  const { path } = studyFolder(study, out);
  await keepStudy(path, study);
  await rm(file);
  expect(await readKeptStudy(path)).toEqual(study);

  served = await serve({ out, host: '127.0.0.1', port: 0 });
  const client = await new Client(served).enter();
  expect((await client.ask('/')).body).toMatch(/<a href="\/study\?name=grid">grid<\/a>.*2\/4/);
  const { status, body } = await client.ask('/study?name=grid');
  expect(status).toBe(200);
  expect(body).toContain('<title>SYNTHETIC – A &amp; B · ldc</title>');
  expect(body).toContain('15.00 ± 7.07');
  expect(body).toContain('study grid: 4 runs: 2 waiting, 2 done');
});
