/** What `ldc eval --corrupt` and `--maps` print. */
import type { CorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import type { OverlapResult } from '../run/maps/targetMaps.js';
import { percent, type Table } from './table.js';

/** A row a kind and degree of corruption; rates at the threshold of the clean source images. */
export function corruptionTable({ checkpoint, level, threshold, curves, synthetic }: CorruptionSweep): Table {
  return {
    title: `${prefix(synthetic)}Corrupted target, ${checkpoint}, ${level} level, at ${threshold.name} of clean images`,
    columns: [
      { title: 'corruption', align: 'left' },
      { title: 'setting', align: 'left' },
      ...['AUC', 'HTER', 'FAR', 'FRR'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: Object.entries(curves).flatMap(([kind, points]) =>
      points.map(({ severity, setting, auc, hter, far, frr }) => [
        `${kind} ${severity}`,
        setting,
        ...[auc, hter, far, frr].map(percent),
      ]),
    ),
    notes: [
      'In percent. Degrees from 1 (slight) to 5 (strong), applied to the image as the network sees it; 0 is clean.',
    ],
  };
}

/** Agreement of the estimators' maps with Grad-CAM, a row a kind. */
export function overlapTable({ checkpoint, overlap, synthetic }: OverlapResult): Table {
  return {
    title: `${prefix(synthetic)}Attention maps of the target against Grad-CAM of the activation network, ${checkpoint}`,
    columns: [
      { title: 'kind', align: 'left' },
      ...['images', 'counted', 'IoU', 'pointing game'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: Object.entries(overlap).map(([kind, { images, counted, iou, pointing }]) => [
      kind,
      String(images),
      String(counted),
      ...[iou, pointing].map(percent),
    ]),
    notes: [
      'In percent, live map of live frames, spoof map of attacks. IoU of the regions above half of each map’s maximum; the pointing game ' +
        'counts maxima of the estimator inside the region of Grad-CAM. Images whose Grad-CAM is nowhere positive do not count.',
    ],
  };
}

function prefix(synthetic: boolean): string {
  return synthetic ? 'SYNTHETIC – ' : '';
}
