/** Stage 2 (method, section 4): LDCNet on balanced batches, supervised by labels, materials and quasi ground truth maps. */
import type { Frame } from '../../data/manifest.js';
import { balancedStreams, epochBatches } from '../../data/sampler.js';
import { dropout } from '../../engine/ops/elementwise.js';
import { Adam } from '../../engine/optim/optimizers.js';
import { purposes } from '../../engine/random.js';
import { features, scope } from '../../engine/tensor.js';
import { classOf, type TeacherMaps, type Training, type TrainingStart } from '../method.js';
import type { LdcNetConfig } from './config.js';
import { ldcNetLoss, materials } from './losses.js';
import type { LdcNet } from './network.js';

export function ldcNetTraining(start: TrainingStart<LdcNetConfig, LdcNet>): Training {
  const { config, device, network, frames, maps } = start;
  const { model, train, seed } = config;
  if (maps === undefined) throw new Error('LDCNet needs the maps of its activation network');
  const optimizer = new Adam(device, network.parameters(), { lr: train.lr });
  const streams = balancedStreams(frames, train.per_domain, 'train.per_domain');
  const materialOf = materialLabels(frames);
  return {
    title: 'LDCNet',
    epochs: train.epochs,
    batches: (epoch) => epochBatches(streams, seed, epoch),
    batchKey: 'train.per_domain',
    optimizer,
    loss({ images, frames: batch, positions, at }) {
      const key = { seed, purpose: purposes.dropout, step: at.steps };
      const output = scope(() => network.forward(images(), (feature) => dropout(feature, model.dropout, key)));
      const targets = targetMaps(maps, batch, positions);
      const shape = [batch.length, 1, maps.size, maps.size];
      const { loss, ce, triplet, liveMap, spoofMap } = ldcNetLoss(
        output,
        {
          classes: batch.map(classOf),
          materials: batch.map(materialOf),
          liveMap: features(device, targets.live, shape),
          spoofMap: features(device, targets.spoof, shape),
        },
        train,
      );
      return { loss, ce, triplet, liveMap, spoofMap };
    },
    dispose: () => optimizer.dispose(),
  };
}

/** A live image's live map is its CAM and its spoof map is zero; the other way round for a spoof. */
function targetMaps(maps: TeacherMaps, batch: readonly Frame[], positions: readonly number[]) {
  const area = maps.size * maps.size;
  const [live, spoof] = [new Float32Array(batch.length * area), new Float32Array(batch.length * area)];
  batch.forEach((frame, row) => {
    const cam = maps.values.subarray(positions[row]! * area, (positions[row]! + 1) * area);
    (frame.label === 'live' ? live : spoof).set(cam, row * area);
  });
  return { live, spoof };
}

/** print 0, live 1, replay 2, as released; further attack types follow in alphabetical order. */
function materialLabels(frames: readonly Frame[]): (frame: Frame) => number {
  const types = new Set(frames.filter(({ label }) => label === 'spoof').map(({ attackType }) => attackType));
  const others = [...types].filter((type) => !(type in materials)).sort();
  const labels = new Map<string, number>([
    ...Object.entries(materials),
    ...others.map((type, i) => [type, 3 + i] as const),
  ]);
  return (frame) => (frame.label === 'live' ? materials.live : labels.get(frame.attackType)!);
}
