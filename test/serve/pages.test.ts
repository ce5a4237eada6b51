/** What the pages say of run directories, as these change under them. */
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from '../../src/serve/server.js';
import { temporaryFolder } from '../data/helpers.js';
import { Client } from './client.js';
import { foreignLock, metricsLine, sampleRun, stepsPerEpoch } from './sample.js';

const out = await temporaryFolder();
const id = 'O&C&I-to-M/a';
const query = `id=${encodeURIComponent(id)}`;
let served: Served;
let client: Client;
let run: string;

beforeAll(async () => {
  run = await sampleRun(out, { id, steps: 25, ending: 'interrupted' });
  served = await serve({ out, host: '127.0.0.1', port: 0 });
  client = await new Client(served).enter();
});
afterAll(() => served.close());

/** The state in the row of the run. */
const state = async () => /<span class="state[^"]*">([^<]*)</.exec((await client.ask('/')).body)![1];
const curves = async (width: number) => JSON.parse((await client.ask(`/curves?${query}&width=${width}`)).body);

describe('Runs', () => {
  it('has protocol, epoch, loss and SYNTHETIC, and links to the run', async () => {
    const { body } = await client.ask('/');
    expect(body).toContain(
      '<a href="/run?id=O%26C%26I-to-M%2Fa">O&amp;C&amp;I-to-M/a</a> <span class="badge">SYNTHETIC</span>',
    );
    expect(body).toContain('3/20');
    expect(body).toContain('<td class="number wide">0.04</td>');
  });

  it('follows a run: interrupted, at work with the time left, killed, diverged, done', async () => {
    expect(await state()).toBe('interrupted');
    await rm(join(run, 'ending.json'));
    await writeFile(join(run, '.lock'), foreignLock());
    expect(await state()).toBe('running');
    // 175 steps of 0.15 s.
    expect((await client.ask('/')).body).toContain('<td class="number">26 s</td>');
    await rm(join(run, '.lock'));
    expect(await state()).toBe('killed');
    for (const [ending, shown] of [
      ['diverged', 'diverged'],
      ['out-of-memory', 'out of memory'],
      ['finished', 'done'],
    ]) {
      await writeFile(join(run, 'new'), JSON.stringify({ state: ending, what: 'so' }));
      await rename(join(run, 'new'), join(run, 'ending.json'));
      expect(await state()).toBe(shown);
    }
  });

  it('says nothing where nothing changed', async () => {
    const { headers } = await client.ask('/');
    const again = await client.ask('/', { headers: { 'if-none-match': headers.etag! } });
    expect({ status: again.status, body: again.body }).toEqual({ status: 304, body: '' });
  });

  it('passes over what is no run, and shows damaged ones', async () => {
    await writeFile(join(out, 'a file'), '');
    const broken = await sampleRun(out, { id: 'O-to-M/broken', steps: 0 });
    for (const content of ['{"', '{}\n']) {
      for (const name of ['run.json', 'ending.json', 'metrics.jsonl', 'eval.json']) {
        await writeFile(join(broken, 'new'), content);
        await rename(join(broken, 'new'), join(broken, name));
      }
      const { status, body } = await client.ask('/');
      expect(status, body).toBe(200);
      expect(body).toContain('O-to-M/broken');
      const page = await client.ask('/run?id=O-to-M%2Fbroken');
      expect(page.status, page.body).toBe(200);
    }
    await rm(join(out, 'O-to-M'), { recursive: true });
  });
});

describe('curves', () => {
  it('are the columns, step by step where there is room', async () => {
    const { steps, x, series, seconds } = await curves(400);
    expect(steps).toBe(25);
    expect(x).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    expect(Object.keys(series)).toEqual(['loss', 'ce', 'learning_rate', 'images_per_s']);
    expect(series.loss.mean[9]).toBe(0.1);
    expect(seconds.backward).toBeCloseTo(0.1, 12);
  });

  it('have no more points than there is room for, and lose no peak', async () => {
    const { x, series } = await curves(5);
    expect(x).toEqual([5, 10, 15, 20, 25]);
    expect(series.loss.high).toEqual([1, 1 / 6, 1 / 11, 1 / 16, 1 / 21].map((value) => Number(value.toPrecision(6))));
    expect(series.loss.low).toEqual([0.2, 0.1, 0.0666667, 0.05, 0.04]);
    expect(series.loss.mean[0]).toBeCloseTo((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5, 5);
  });

  it('grow with the file, a line at a time, and a torn one counts when it is whole', async () => {
    const { version } = await curves(400);
    expect((await client.ask(`/curves?${query}&width=400&version=${version}`)).status).toBe(204);
    const line = metricsLine(26);
    await appendFile(join(run, 'metrics.jsonl'), line.slice(0, 20));
    expect((await curves(400)).steps).toBe(25);
    await appendFile(join(run, 'metrics.jsonl'), line.slice(20));
    expect((await curves(400)).steps).toBe(26);
  });

  it('begin again where --resume cut the file', async () => {
    const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).split('\n').slice(0, stepsPerEpoch);
    await writeFile(
      join(run, 'new'),
      `${lines.join('\n')}\n${JSON.stringify({ ...JSON.parse(metricsLine(11)), loss: null })}\n`,
    );
    await rename(join(run, 'new'), join(run, 'metrics.jsonl'));
    const { steps, series } = await curves(400);
    expect(steps).toBe(11);
    // A loss that is no number.
    expect(series.loss.mean.at(-1)).toBeNull();
  });

  it('of a run that has not begun are empty', async () => {
    await rm(join(run, 'metrics.jsonl'));
    expect(await curves(400)).toMatchObject({ steps: 0, x: [], series: {} });
  });
});
