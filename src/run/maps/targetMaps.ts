/** The maps of target frames: what the network's attention estimators see, and what the teacher draws that taught them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { inBatches, loadBatches } from '../../data/loader.js';
import type { Frame } from '../../data/manifest.js';
import type { Device } from '../../engine/device.js';
import { FrozenWeights } from '../../engine/ops/conv2d.js';
import { EngineScorer } from '../../evaluate/engineEvaluator.js';
import { type MapOverlap, type MapOverlapSummary, mapOverlap, summarizeOverlaps } from '../../evaluate/mapOverlap.js';
import type { MappedScore } from '../../evaluate/scorer.js';
import type { Network } from '../../method/method.js';
import { loadModel } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { emptyNet, scoringNetwork } from '../engines.js';
import { targetFrames } from '../evaluation/evaluateRun.js';
import type { Experiment } from '../experiment.js';
import type { Progress } from '../progress.js';
import type { RunFacts, RunFolder } from '../runFolder.js';
import { mapSizeOf, openTeacher } from './teacher.js';
import { drawMaps } from './teacherMaps.js';

/** What both networks say about a frame. Maps are [S,S], 0…255. */
export interface MappedFrame extends MappedScore {
  frame: Frame;
  /** The teacher's map of the frame for its own class; null where the teacher is gone. */
  cam: Float32Array | null;
}

/** Live frames are compared by their live map, attacks by their spoof map, all by kind as well. */
export interface OverlapResult {
  checkpoint: string;
  overlap: Record<string, MapOverlapSummary>;
  synthetic: boolean;
}

/** `live`, or the attack type. */
export function kindOf(frame: Pick<Frame, 'label' | 'attackType'>): string {
  return frame.label === 'live' ? 'live' : frame.attackType;
}

/**
 * Maps of `frames` in their order.
 * @throws UserError for an unreadable image, or an activation network that does not fit
 */
export async function* mapFrames(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  facts: RunFacts,
  checkpoint: string,
  frames: readonly Frame[],
): AsyncGenerator<MappedFrame> {
  const { config } = experiment;
  const size = config.data.image_size;
  const net = emptyNet(experiment, device);
  const scorer = new EngineScorer(device, scoringNetwork(config, net), config.data.normalize);
  const frozen = new FrozenWeights();
  let teacher: Network | undefined;
  try {
    await loadModel(join(folder.checkpoints, `${checkpoint}.safetensors`), net);
    teacher =
      facts.stage1 === null ? undefined : await openTeacher(experiment, device, join(folder.path, facts.stage1));
    const batches = inBatches(frames, config.eval.batch_size);
    for await (const batch of loadBatches(batches, { size, workers: config.data.workers })) {
      const scores = await scorer.score(batch.pixels, batch.frames.length, size);
      const cams = teacher && (await drawMaps(experiment, device, teacher, batch, frozen)).maps;
      const area = mapSizeOf(experiment) ** 2;
      for (const [i, frame] of batch.frames.entries()) {
        yield { frame, ...(scores[i] as MappedScore), cam: cams?.subarray(i * area, (i + 1) * area) ?? null };
      }
    }
  } finally {
    scorer.release();
    frozen.release();
    net.dispose();
    teacher?.dispose();
  }
}

/** `ldc eval --maps`: overlap over the whole target; writes map-overlap.json. */
export async function targetOverlap(
  experiment: Experiment,
  device: Device,
  folder: RunFolder,
  facts: RunFacts,
  checkpoint: string,
  progress: Progress,
): Promise<OverlapResult> {
  const { title, mapSize } = methodOf(experiment.config);
  if (mapSize === undefined || facts.stage1 === null) {
    throw new UserError(`--maps compares attention maps, and the method ${title} has none`);
  }
  const stage1 = join(folder.path, facts.stage1);
  if (!existsSync(join(stage1, 'activation.safetensors'))) {
    throw new UserError(
      `the activation network of ${folder.path} is not in ${stage1}, and its Grad-CAM maps are needed`,
      `make it again: ldc cam --protocol '${facts.protocol}'`,
    );
  }
  const frames = targetFrames(experiment);
  const kinds = new Map<string, (MapOverlap | null)[]>();
  const all: (MapOverlap | null)[] = [];
  progress.begin('maps of the target', frames.length);
  for await (const { frame, cam, liveMap, spoofMap } of mapFrames(
    experiment,
    device,
    folder,
    facts,
    checkpoint,
    frames,
  )) {
    const overlap = cam && mapOverlap(frame.label === 'live' ? liveMap : spoofMap, cam);
    const kind = kindOf(frame);
    kinds.set(kind, [...(kinds.get(kind) ?? []), overlap]);
    progress.update(all.push(overlap));
  }
  progress.end();
  const named = [['all', all] as const, ...[...kinds].sort(([a], [b]) => (a < b ? -1 : 1))];
  const overlap = Object.fromEntries(named.map(([kind, overlaps]) => [kind, summarizeOverlaps(overlaps)]));
  const result = { checkpoint, overlap, synthetic: experiment.synthetic };
  await writeFileWhole(folder.mapOverlap, `${JSON.stringify(result, null, 2)}\n`);
  return result;
}
