/** Collects what the report of a run shows: its files, its scores, and pictures of maps and of the worst errors. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { linesOf, writeFileWhole } from '../base/files.js';
import { readImage } from '../data/loader.js';
import type { Device } from '../engine/device.js';
import { type Mistake, worstMistakes } from '../evaluate/mistakes.js';
import type { Evaluation } from '../evaluate/results.js';
import { readScores } from '../evaluate/scoreFile.js';
import { scorePath } from '../evaluate/scorer.js';
import { methodOf } from '../run/configuration.js';
import type { CorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import { targetFrames } from '../run/evaluation/evaluateRun.js';
import { featureCloud } from '../run/evaluation/featureCloud.js';
import type { Experiment } from '../run/experiment.js';
import { someOfEachKind } from '../run/maps/features.js';
import { overlayPng } from '../run/maps/overlay.js';
import { kindOf, mapFrames, type OverlapResult } from '../run/maps/targetMaps.js';
import type { Progress } from '../run/progress.js';
import type { RunFacts, RunFolder } from '../run/runFolder.js';
import { decisionThreshold } from '../run/threshold.js';
import { type MapOverlay, type ReportInput, type ReportMistake, renderReport, reportFigures } from './html.js';
import type { MetricsRow } from './plotData.js';
import { scoreText } from './table.js';

const overlaySize = 128;
const overlaysEach = 3;
const mistakesEach = 6;
/** Pixels of a PNG a pixel of the page: 216 dots per inch. */
const PNG_SCALE = 3;

/** Folders that the plots go to as files; those not named get none. */
export interface FigureFolders {
  svg?: string | undefined;
  png?: string | undefined;
}

/** Writes report.html of an evaluated run and returns its path. */
export async function writeRunReport(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  facts: RunFacts,
  progress: Progress,
  figures: FigureFolders = {},
): Promise<string> {
  const evaluation = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  const checkpoint = evaluation.checkpoint!;
  const engine = evaluation.engine ?? 'native';
  const target = await readScores(folder.scores(checkpoint, 'target', engine));
  const devFile = folder.scores(checkpoint, 'source-dev', engine);
  const { level, score: mode } = experiment.config.eval;
  const threshold = decisionThreshold(evaluation.levels).frame;
  const worst = worstMistakes(target, threshold, mistakesEach, mode);
  const input: ReportInput = {
    title: `${facts.protocol} · ${folder.name}`,
    generated: `version ${facts.version}`,
    facts: factRows(facts),
    evaluation,
    level,
    mode,
    target,
    sourceDevelopment: existsSync(devFile) ? await readScores(devFile) : null,
    training: await metricsRows(folder),
    overlays: await mapOverlays(experiment, device, folder, facts, checkpoint),
    features: await featureCloud(experiment, device, folder, checkpoint, progress),
    falseAccepts: await withImages(experiment, worst.falseAccepts),
    falseRejects: await withImages(experiment, worst.falseRejects),
    corruptions: await jsonIfThere<CorruptionSweep>(folder.corruptions),
    overlap: await jsonIfThere<OverlapResult>(folder.mapOverlap),
  };
  await writeFileWhole(folder.report, await renderReport(input));
  await writeFigures(input, figures);
  return folder.report;
}

export function factRows(facts: RunFacts): { name: string; value: string }[] {
  const { version, device, seed, epochs, started, seconds, data } = facts;
  return [
    { name: 'method', value: facts.method },
    ...(facts.variant === null ? [] : [{ name: 'variant', value: facts.variant }]),
    { name: 'version', value: version },
    { name: 'device', value: device },
    { name: 'seed', value: String(seed) },
    { name: 'epochs', value: String(epochs) },
    { name: 'started', value: started },
    { name: 'seconds', value: String(seconds) },
    ...Object.entries(data).map(([letter, { name, hash, subset, attackTypes }]) => ({
      name: `data ${letter}`,
      value: `${name}, subset ${subset}${attackTypes === null ? '' : `:${attackTypes.join('+')}`}, sha256 ${hash}`,
    })),
  ];
}

async function metricsRows(folder: RunFolder): Promise<MetricsRow[]> {
  const rows: MetricsRow[] = [];
  for await (const line of linesOf(folder.metrics)) {
    if (line === '') continue;
    const { seconds: _, ...row } = JSON.parse(line) as MetricsRow & { seconds: unknown };
    rows.push(row as MetricsRow);
  }
  return rows;
}

/** A few target frames of each kind with the Grad-CAM of the activation network and what the two attention estimators see. */
async function mapOverlays(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  facts: RunFacts,
  checkpoint: string,
): Promise<MapOverlay[]> {
  const size = methodOf(experiment.config).mapSize?.(experiment.config);
  if (size === undefined) return [];
  const frames = someOfEachKind(targetFrames(experiment), overlaysEach);
  const overlays: MapOverlay[] = [];
  for await (const each of mapFrames(experiment, device, folder, facts, checkpoint, frames)) {
    const { frame, score, cam, liveMap, spoofMap } = each;
    const maps = [
      ...(cam === null ? [] : [{ name: 'Grad-CAM', values: cam }]),
      { name: 'live map', values: liveMap },
      { name: 'spoof map', values: spoofMap },
    ];
    const layers = maps.map(({ values }) => ({ values, size }));
    const names = maps.map(({ name }) => name).join(', ');
    // A weak map is hard to see where all are drawn to one scale.
    const peaks = maps.map(({ values }) => Math.round(Math.max(...values))).join(', ');
    overlays.push({
      png: await overlayPng(await readImage(frame.path, overlaySize), overlaySize, layers),
      alt: `${kindOf(frame)} frame, then its ${names}`,
      caption: `${kindOf(frame)}, score ${scoreText(score)}: frame, ${names}, whose peaks are ${peaks} of 255`,
    });
  }
  return overlays;
}

/** Writes the plots as files for papers: SVG, and PNG at three pixels a point. */
async function writeFigures(input: ReportInput, { svg, png }: FigureFolders): Promise<void> {
  if (svg === undefined && png === undefined) return;
  for (const [name, figure] of await reportFigures(input)) {
    if (svg !== undefined) await writeFileWhole(join(svg, `${name}.svg`), figure);
    if (png !== undefined) {
      const image = await sharp(Buffer.from(figure), { density: 72 * PNG_SCALE })
        .png()
        .toBuffer();
      await writeFileWhole(join(png, `${name}.png`), image);
    }
  }
}

async function jsonIfThere<T>(path: string): Promise<T | null> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as T) : null;
}

async function withImages(experiment: Experiment, mistakes: readonly Mistake[]): Promise<ReportMistake[]> {
  const byPath = new Map(targetFrames(experiment).map((frame) => [scorePath(frame), frame]));
  return Promise.all(
    mistakes.map(async (mistake) => {
      const frame = byPath.get(mistake.path);
      const image = frame && (await sharp(frame.path).resize(overlaySize, overlaySize).png().toBuffer());
      return { mistake, image: image ?? null };
    }),
  );
}
