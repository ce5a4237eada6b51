/**
 * `bench rows`: what a crop set of a million rows costs, from its manifest to the report of its scores. Each measurement has a process of its
 * own, so that its peak of memory is its own too; what one writes the next ones read.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { readCropSet } from '../../src/data/cropSet.js';
import { developmentSplit } from '../../src/data/developmentSplit.js';
import { loadBatches } from '../../src/data/loader.js';
import { type Frame, type NewFrame, readManifest, relativePath, writeManifest } from '../../src/data/manifest.js';
import { balancedStreams, epochBatches } from '../../src/data/sampler.js';
import { evaluateScores, targetCounts } from '../../src/evaluate/evaluation.js';
import { type Mistake, worstMistakes } from '../../src/evaluate/mistakes.js';
import { readScores, writeScores } from '../../src/evaluate/scoreFile.js';
import { ScoresBuilder } from '../../src/evaluate/scores.js';
import { renderReport } from '../../src/report/html.js';

export interface RowsFigures {
  what: string;
  /** By the clock, and of processor time of all threads. */
  seconds: number;
  cpu: number;
  /** Highest resident memory of the process, what was there before the measurement included, in MB. */
  peak: number;
}

/** Measures what it is given. */
type Measure = <T>(work: () => T | Promise<T>) => Promise<T>;

/** What is measured, in the order in which files come to be; the rest of each is preparation. */
const measurements: Readonly<Record<string, (folder: string, rows: number, measure: Measure) => Promise<unknown>>> = {
  'writing a manifest': async (folder, rows, measure) => {
    const frames = photos(rows);
    await mkdir(setOf(folder), { recursive: true });
    await measure(() => writeManifest(setOf(folder), 'A', frames));
  },
  'opening the set': (folder, _, measure) => measure(() => readCropSet(setOf(folder))),
  'holding people out, streams, the batches of an epoch': async (folder, _, measure) => {
    const { frames } = await readManifest(setOf(folder));
    await measure(() => {
      const { train } = developmentSplit(frames, 0.2, 0);
      return firstBatches(train);
    });
  },
  'forty batches of ten JPEG crops': async (folder, _, measure) => {
    const batches = firstBatches((await readManifest(setOf(folder))).frames);
    await drawCrops(batches.flat());
    const few = join(folder, 'few');
    await mkdir(few, { recursive: true });
    const rows = batches.flat().map((frame) => ({ ...frame, path: relativePath(frame) }));
    await writeManifest(few, 'A', rows);
    await measure(() => loadAll(batches));
  },
  '… from a set of these four hundred alone': async (folder, _, measure) => {
    const batches = firstBatches((await readManifest(join(folder, 'few'))).frames);
    await drawCrops(batches.flat());
    await measure(() => loadAll(batches));
  },
  'writing scores': async (folder, rows, measure) => {
    const scores = drawnScores(rows);
    await measure(() => writeScores(scoresOf(folder), scores));
  },
  'reading scores': (folder, _, measure) => measure(() => readScores(scoresOf(folder))),
  'metrics of the scores, with intervals': async (folder, _, measure) => {
    const scores = await readScores(scoresOf(folder));
    await measure(() => evaluateScores(scores, scores));
  },
  'the HTML report of the scores': async (folder, _, measure) => {
    const target = await readScores(scoresOf(folder));
    const evaluation = {
      ...({ protocol: 'O-to-A', checkpoint: 'drawn', engine: null, convention: 'honest', synthetic: true } as const),
      targets: targetCounts(target).map((counts) => ({ ...counts, name: 'drawn', subset: 'all' })),
      levels: evaluateScores(target, target),
    };
    await measure(() =>
      renderReport({
        ...{ title: 'drawn', generated: '', facts: [], evaluation, level: 'video', mode: 'classifier' },
        ...{ target, sourceDevelopment: target, training: [], overlays: [] },
        ...withoutImages(worstMistakes(target, 0.5, 6)),
      }),
    );
  },
};

/** Names of all measurements. */
export const rowsMeasurements = Object.keys(measurements);

/** One of them, in this process. @param folder where those before it left their files */
export async function measureRows(what: string, rows: number, folder: string): Promise<RowsFigures> {
  let figures: RowsFigures | undefined;
  await measurements[what]!(folder, rows, async (work) => {
    const [clock, before] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - clock) / 1000;
    // Kilobytes.
    const peak = process.resourceUsage().maxRSS / 1024;
    figures = { what, seconds, cpu: (user + system) / 1e6, peak };
    return result;
  });
  return figures!;
}

/** All of them, one after the other. @param program the bench, which is asked for one at a time */
export async function* rowsTimes(rows: number, program: string): AsyncGenerator<RowsFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-rows-'));
  try {
    for (const what of rowsMeasurements) {
      const args = ['rows', '--rows', String(rows), '--only', what, '--folder', folder, '--json'];
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
      yield JSON.parse(stdout) as RowsFigures;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const setOf = (folder: string) => join(folder, 'set');
const scoresOf = (folder: string) => join(folder, 'scores.csv');

/** Rows as CelebA-Spoof has them: a photograph a presentation, a hundred of each person, a third of them live. */
function photos(count: number): NewFrame[] {
  return Array.from({ length: count }, (_, i): NewFrame => {
    const subject = String(Math.floor(i / 100)).padStart(5, '0');
    const live = i % 3 === 0;
    const video = `train/${subject}/${live ? 'live' : 'spoof'}/${String(i).padStart(7, '0')}`;
    const kind = live
      ? ({ label: 'live', attackType: 'live' } as const)
      : ({ label: 'spoof', attackType: 'print' } as const);
    return { path: `crops/${video}.jpg`, split: 'train', subject, video, frame: 0, ...kind, pai: '' };
  });
}

/** The first forty batches of an epoch, five live and five attacks each. */
function firstBatches(frames: readonly Frame[]): Frame[][] {
  const batches = epochBatches(balancedStreams(frames, { live: 5, spoof: 5 }), 0, 0);
  return batches.slice(0, 40).map((positions) => positions.map((i) => frames[i]!));
}

async function loadAll(batches: readonly Frame[][]): Promise<void> {
  for await (const _ of loadBatches(batches, { size: 256 }));
}

/** Noise, which compresses as badly as skin. */
async function drawCrops(frames: readonly Frame[]): Promise<void> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const image = sharp({ create: { width: 256, height: 256, channels: 3, background: '#808080', noise } });
  const jpeg = await image.jpeg({ quality: 95 }).toBuffer();
  for (const { path } of frames) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, jpeg);
  }
}

/** Scores of so many photographs, live ones a little higher, without two that are alike. */
function drawnScores(count: number) {
  const builder = new ScoresBuilder('drawn');
  for (const [i, frame] of photos(count).entries()) {
    const spread = ((i * 7919) % 1_000_003) / 1_000_003;
    builder.add({ ...frame, domain: 'A', score: 0.8 * spread + (frame.label === 'live' ? 0.2 : 0) });
  }
  return builder.build();
}

function withoutImages(worst: Record<'falseAccepts' | 'falseRejects', Mistake[]>) {
  const bare = (mistakes: Mistake[]) => mistakes.map((mistake) => ({ mistake, image: null }));
  return { falseAccepts: bare(worst.falseAccepts), falseRejects: bare(worst.falseRejects) };
}
