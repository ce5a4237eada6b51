/** The pages in a real Chromium, beside trainings that go on, are killed and go on again; LDC_SCREENSHOTS=DIR keeps pictures of them. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { studyFolder } from '../../src/study/expand.js';
import { keepStudy } from '../../src/study/studyFile.js';
import { put, temporaryFolder } from '../data/helpers.js';
import { root } from '../docs/codeBlocks.js';
import { Browser, chromium, type Page } from '../report/browser.js';
import { evaluation, writeResults, writeStudy } from '../study/helpers.js';
import { desk, keep, phones } from './pictures.js';
import { foreignLock, sampleRun } from './sample.js';

const minutes = 60_000;
const ldcProgram = join(root, 'bin/ldc.js');
const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const folder = await temporaryFolder();

const settings = [
  ...['--set', 'data.image_size=64', '--set', 'model.map_size=16', '--set', 'activation.epochs=2', '--threads', '1'],
  ...[
    '--set',
    'activation.batch_size=12',
    '--set',
    'train.per_domain={live: 2, spoof: 2}',
    '--set',
    'train.save_every=2',
  ],
];
const protocol = ['--protocol', 'O&C&I-to-M'];
/** All share an activation network. */
const trainArgs = (name: string, epochs: number, ...more: string[]) => [
  ...['train', ...protocol, ...settings, '--seed', '1', '--name', name, '--epochs', String(epochs), '--quiet', ...more],
];
const runUrl = (name: string) => `/run?id=${encodeURIComponent(`O&C&I-to-M/${name}`)}`;

/** Starts `ldc`; its output is not waited for. */
function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [ldcProgram, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
}

function ldc(...args: string[]): string {
  return execFileSync(process.execPath, [ldcProgram, ...args], { cwd: folder, encoding: 'utf8' });
}

let server: ChildProcess;
let browser: Browser;
let base: string;
let address: string;

/** A drawn face as what the fake webcam shows, and as a video. */
async function film(): Promise<void> {
  const crops = join(folder, 'data/synthetic-M/crops');
  const [face] = (await readdir(crops, { recursive: true })).filter((name) => /\.(?:png|jpe?g)$/.test(name)).sort();
  await sharp(join(crops, face!)).resize(256, 256).png().toFile(join(folder, 'face.png'));
  const still = ['-y', '-v', 'error', '-loop', '1', '-i', 'face.png', '-t', '1', '-r', '8', '-pix_fmt', 'yuv420p'];
  execFileSync('ffmpeg', [...still, 'webcam.y4m'], { cwd: folder });
  execFileSync('ffmpeg', [...still, '-c:v', 'libvpx', '-b:v', '2M', 'face.webm'], { cwd: folder });
}

async function open(path: string, width = 1200, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const page = await browser.open(address, { width, scheme });
  await page.go(base + path);
  return page;
}

/**
 * A page in windows of a desk and a phone, light and dark: nothing stands over the edge, all can be read, the console is silent.
 * @param ready when it is complete; `act` is done to it first
 * @returns what it looks like, by width and scheme
 */
async function inspect(name: string, path: string, ready = 'true', act?: (page: Page) => Promise<void>) {
  const looks: Record<string, Buffer> = {};
  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1200, 390]) {
      const page = await open(path, width, scheme);
      await act?.(page);
      await page.until(ready);
      const visit = await page.look();
      expect(visit.scrollWidth, `${name} ${width}`).toBeLessThanOrEqual(visit.innerWidth);
      expect(visit.beyond, `${name} ${width}`).toBeNull();
      expect(visit.contrast.ratio, `${name} ${scheme}: ${visit.contrast.text}`).toBeGreaterThanOrEqual(4.5);
      expect(visit.broken).toBe(0);
      expect(visit.console, name).toEqual([]);
      const look = await page.screenshot();
      looks[`${width}-${scheme}`] = look;
      await keep(`${name}-${width}-${scheme}`, async () => look);
      await page.close();
    }
  }
  return looks;
}

/** Runs in states that none of the real ones is in, and a study half done. */
async function others(): Promise<void> {
  const out = join(folder, 'runs');
  await sampleRun(out, { id: 'O&C&M-to-I/diverged', steps: 37, ending: 'diverged' });
  await sampleRun(out, { id: 'O&C&M-to-I/interrupted', steps: 124, ending: 'interrupted' });
  const atWork = await sampleRun(out, { id: 'O&C&M-to-I/at-work', steps: 85 });
  await rm(join(atWork, 'ending.json'));
  await put(join(atWork, '.lock'), foreignLock());
  const { file } = await writeStudy(
    "title: Kinds of convolution on drawn faces\nprotocols: ['O&C&I-to-M', 'O&M&I-to-C']\nseeds: [0, 1]\n" +
      'variants: {vanilla: {model: {conv: {kind: vanilla}}}, ldc: {}}\n',
  );
  const study = await writeResults(file, out, (run) =>
    run.seed === 0 || run.variant === 'ldc'
      ? evaluation(run, 0.12 + 0.03 * run.seed, 0.94 - 0.02 * run.seed, true)
      : undefined,
  );
  await keepStudy(studyFolder(study, out).path, study);
}

describe.skipIf(chromium === undefined || !ffmpeg)('in Chromium', () => {
  beforeAll(async () => {
    ldc('synth', '--out', 'data', '--subjects', '8', '--frames', '1', '--size', '64', '--quiet');
    ldc(...trainArgs('first', 4));
    ldc('eval', '--run', 'runs/O&C&I-to-M/first', '--quiet');
    await film();
    server = start(['serve', '--json']);
    let said = '';
    for await (const chunk of server.stdout!) {
      said += chunk;
      if (said.includes('}')) break;
    }
    address = JSON.parse(said).address;
    base = new URL(address).origin;
    browser = new Browser([
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${join(folder, 'webcam.y4m')}`,
    ]);
  }, 4 * minutes);

  afterAll(async () => {
    await browser?.close();
    server?.kill();
  });

  it(
    'curves grow while a run trains; a kill and --resume are seen; its last checkpoint is as without a page',
    async () => {
      const training = start(trainArgs('second', 10));
      const page = await open('/');
      const row = (text: string) => `document.getElementById('run-O&C&I-to-M/second')?.innerText.includes('${text}')`;
      await page.until(row('running'));
      await page.go(base + runUrl('second'));
      const steps = () => page.evaluate<number>(`Number(document.querySelector('[data-steps]')?.dataset.steps ?? 0)`);
      await page.until(`document.querySelector('[data-steps]')`, minutes);
      expect(await page.evaluate(`document.querySelectorAll('.curves figure canvas').length`)).toBe(7);
      const early = await steps();
      await page.until(`Number(document.querySelector('[data-steps]').dataset.steps) >= ${early + 8}`);
      expect(await page.evaluate(`document.querySelectorAll('[data-seconds] meter').length`)).toBe(5);

      training.kill('SIGKILL');
      await page.until(`document.querySelector('#standing .state').innerText === 'killed'`);
      const reached = await steps();
      const again = start(trainArgs('second', 10, '--resume'));
      await page.until(`document.querySelector('#standing .state').innerText === 'running'`);
      await page.until(`document.querySelector('#standing .state').innerText === 'done'`, 2 * minutes);
      await page.until(`Number(document.querySelector('[data-steps]').dataset.steps) === 60`);
      expect(reached).toBeLessThan(60);
      expect(again.exitCode ?? 0).toBe(0);
      expect(page.console).toEqual([]);
      await page.close();
      ldc(...trainArgs('alone', 10));
      const model = (name: string) =>
        readFile(join(folder, `runs/O&C&I-to-M/${name}/checkpoints/epoch-0010.safetensors`));
      expect((await model('second')).equals(await model('alone'))).toBe(true);
      ldc('eval', '--run', 'runs/O&C&I-to-M/second', '--quiet');
    },
    5 * minutes,
  );

  it(
    'the webcam is scored until it is stopped',
    async () => {
      const page = await open('/try');
      await page.evaluate(`document.getElementById('webcam').focus()`);
      await page.press('Enter');
      await page.until(`document.querySelector('#now .verdict')`, minutes);
      await page.until(`document.querySelectorAll('#now img').length === 3`);
      expect(await page.evaluate(`document.getElementById('now').innerText`)).toMatch(
        /(live|spoof), score \d\.\d{4}\n.*live from .* on \((source-dev-eer|fixed)\) · \d+ ms a frame · epoch-00\d\d\n.*SYNTHETIC/s,
      );
      await keep('webcam', () => page.screenshot());
      await page.press('Enter');
      await page.until(`document.getElementById('camera').hidden`);
      expect(page.console).toEqual([]);
      await page.close();
    },
    2 * minutes,
  );

  it(
    'a dropped picture and a dropped video are scored, and the picture as ldc predict scores it',
    async () => {
      const page = await open('/try');
      const before = await everyFile();
      await page.drop('#drop', [join(folder, 'face.png')]);
      await page.until(`document.querySelectorAll('.answer .verdict').length === 1`, minutes);
      const text = await page.evaluate<string>(`document.querySelector('.answer .verdict').innerText`);
      const { predictions } = JSON.parse(
        ldc(
          'predict',
          '--run',
          await page.evaluate<string>(`'runs/' + document.getElementById('model').value`),
          'face.png',
          '--json',
          '--quiet',
        ),
      );
      expect(text).toBe(`${predictions[0].decision}, score ${predictions[0].score.toFixed(4)}`);
      await page.drop('#drop', [join(folder, 'face.webm')]);
      await page.until(`document.querySelectorAll('.answer .verdict').length === 2`, minutes);
      expect(await page.evaluate(`document.querySelector('.answer').innerText`)).toMatch(
        /face\.webm\n+(live|spoof), score .*mean of 8 frames/s,
      );
      await page.drop('#drop', [join(folder, 'data/synthetic-M/manifest.csv')]);
      await page.until(`document.querySelector('.answer .error')`);
      expect(await page.evaluate(`document.querySelector('.answer .error').innerText`)).toContain('this is no picture');
      await page.close();
      // What is tried is never written.
      expect(await everyFile()).toEqual(before);
    },
    2 * minutes,
  );

  it(
    'two runs are compared from the keyboard: ticked, sent, with curves, ROC and paired tests',
    async () => {
      const page = await open('/');
      for (const name of ['first', 'second']) {
        await page.evaluate(`document.querySelector('input[value="O&C&I-to-M/${name}"]').focus()`);
        await page.press(' ');
      }
      // A part that renews itself keeps the ticks.
      await page.evaluate(`document.querySelector('form button').focus()`);
      await page.press('Enter');
      await page.until(`document.querySelector('[data-test] table')`, minutes);
      await page.until(`document.querySelectorAll('.curves canvas').length === 7`);
      expect(await page.evaluate(`document.body.innerText`)).toMatch(/Paired bootstrap by/);
      expect(await page.evaluate(`document.querySelectorAll('#roc-section svg').length`)).toBe(1);
      expect(page.console).toEqual([]);
      await page.close();
    },
    2 * minutes,
  );

  it(
    'every page fits a desk and a phone, light and dark',
    async () => {
      const both = ['first', 'second'].map((name) => `id=${encodeURIComponent(`O&C&I-to-M/${name}`)}`).join('&');
      await others();
      const drawn = `document.querySelectorAll('.curves canvas').length === 7`;
      const runs = await inspect('runs', '/', `document.querySelectorAll('tbody tr').length >= 6`);
      const run = await inspect('run', runUrl('second'), drawn);
      const study = await inspect(
        'study',
        '/study?name=grid',
        `document.querySelectorAll('#tables table').length === 2`,
      );
      const compare = await inspect(
        'compare',
        `/compare?${both}`,
        `${drawn} && document.querySelector('[data-test] table')`,
      );
      const tried = await inspect('try', '/try', `document.querySelectorAll('.answer img').length === 3`, (page) =>
        page.drop('#drop', [join(folder, 'face.png')]),
      );
      await inspect('choice', '/compare');
      const cuts = {
        runs: [runs, 640],
        run: [run, 1400],
        study: [study, 1400],
        compare: [compare, 2200],
        try: [tried, 800],
      } as const;
      for (const [name, [looks, bottom]] of Object.entries(cuts))
        await keep(`serve-${name}`, () => desk(looks['1200-light']!, bottom));
      const all = [runs, run, study, compare, tried];
      await keep('serve-phone', () => phones(all.map((looks) => looks['390-dark']!)));
    },
    5 * minutes,
  );

  it('ends by SIGTERM with status 0', async () => {
    server.kill('SIGTERM');
    expect(await new Promise((resolve) => server.once('exit', resolve))).toBe(0);
  });
});

async function everyFile(): Promise<string[]> {
  return (await readdir(folder, { recursive: true }))
    .filter((name) => !/checkpoints|scores|\.cache|profile/.test(name))
    .sort();
}
