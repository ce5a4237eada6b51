/** Collects what the report of a run shows: its files, its scores, and pictures of maps and of the worst errors. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeFileWhole } from '../base/files.js';
import { readImage } from '../data/loader.js';
import type { Frame } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import { EngineScorer } from '../evaluate/engineEvaluator.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { type Mistake, worstMistakes } from '../evaluate/mistakes.js';
import { readScores } from '../evaluate/scoreFile.js';
import { scorePath } from '../evaluate/scorer.js';
import { loadModel } from '../run/checkpoint.js';
import { emptyNet } from '../run/engines.js';
import { targetFrames } from '../run/evaluateRun.js';
import type { Experiment } from '../run/experiment.js';
import { overlayPng } from '../run/overlay.js';
import type { RunFacts, RunFolder } from '../run/runFolder.js';
import { decisionThreshold } from '../run/threshold.js';
import { type MapOverlay, type ReportMistake, renderReport } from './html.js';
import type { MetricsRow } from './plotData.js';

const overlaySize = 128;
const overlaysEach = 3;
const mistakesEach = 6;

/** Writes report.html of an evaluated run and returns its path. */
export async function writeRunReport(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  facts: RunFacts,
): Promise<string> {
  const evaluation = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  const checkpoint = evaluation.checkpoint!;
  const engine = evaluation.engine ?? 'native';
  const target = await readScores(folder.scores(checkpoint, 'target', engine));
  const devFile = folder.scores(checkpoint, 'source-dev', engine);
  const { level, score: mode } = experiment.config.eval;
  const threshold = decisionThreshold(evaluation.levels).frame;
  const worst = worstMistakes(target, threshold, mistakesEach, mode);
  const html = await renderReport({
    title: `${facts.protocol} · ${folder.name}`,
    generated: `version ${facts.version}`,
    facts: factRows(facts),
    evaluation,
    level,
    mode,
    target,
    sourceDevelopment: existsSync(devFile) ? await readScores(devFile) : null,
    training: await metricsRows(folder),
    overlays: await mapOverlays(experiment, device, folder, checkpoint),
    falseAccepts: await withImages(experiment, worst.falseAccepts),
    falseRejects: await withImages(experiment, worst.falseRejects),
  });
  await writeFileWhole(folder.report, html);
  return folder.report;
}

function factRows(facts: RunFacts): { name: string; value: string }[] {
  const { version, device, seed, epochs, started, seconds, data } = facts;
  return [
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
  if (!existsSync(folder.metrics)) return [];
  const lines = (await readFile(folder.metrics, 'utf8')).trim().split('\n');
  return lines.filter(Boolean).map((line) => {
    const { seconds: _, ...row } = JSON.parse(line) as MetricsRow & { seconds: unknown };
    return row as MetricsRow;
  });
}

/** A few target frames of each kind with what the two attention estimators see in them. */
async function mapOverlays(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  checkpoint: string,
): Promise<MapOverlay[]> {
  const { config } = experiment;
  const size = config.data.image_size;
  const net = emptyNet(experiment, device);
  const scorer = new EngineScorer(device, net, config.data.normalize);
  const overlays: MapOverlay[] = [];
  try {
    await loadModel(join(folder.checkpoints, `${checkpoint}.safetensors`), net);
    for (const frame of someOfEachKind(targetFrames(experiment))) {
      const pixels = await readImage(frame.path, size);
      const [scored] = await scorer.score(pixels, 1, size);
      const { liveMap, spoofMap, score } = scored!;
      const layers = [liveMap, spoofMap].map((values) => ({ values, size: config.model.map_size }));
      const shown = await readImage(frame.path, overlaySize);
      overlays.push({
        png: await overlayPng(shown, overlaySize, layers),
        alt: `${kindOf(frame)} frame, then its live map and its spoof map`,
        caption: `${kindOf(frame)}, score ${score.toFixed(3)}: frame, live map, spoof map`,
      });
    }
  } finally {
    scorer.release();
    net.dispose();
  }
  return overlays;
}

function kindOf(frame: Frame): string {
  return frame.label === 'live' ? 'live' : frame.attackType;
}

/** The first frame of some videos of each attack type and of live ones. */
function someOfEachKind(frames: readonly Frame[]): Frame[] {
  const kinds = new Map<string, Map<string, Frame>>();
  for (const frame of frames) {
    const videos = kinds.get(kindOf(frame)) ?? new Map<string, Frame>();
    kinds.set(kindOf(frame), videos);
    if (videos.size < overlaysEach && !videos.has(frame.video)) videos.set(frame.video, frame);
  }
  return [...kinds.values()].flatMap((videos) => [...videos.values()]);
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
