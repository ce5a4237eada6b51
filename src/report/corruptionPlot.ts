/** The severity curves of `ldc eval --corrupt`. */
import type { CorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import { HEIGHT, SERIES, WIDTH } from './plotParts.js';
import type { Plot } from './svg.js';

/** HTER against the degree of each corruption. */
export function corruptionPlot({ curves, level, threshold }: CorruptionSweep): Plot {
  const values = Object.entries(curves).flatMap(([kind, points]) =>
    points.map(({ severity, hter }) => ({ kind, severity, hter })),
  );
  const kinds = Object.keys(curves);
  return {
    id: 'corruptions',
    title: 'Error under corruption',
    description: `HTER at ${threshold.name} of clean images against the degree of ${kinds.join(', ')}, ${level} level`,
    spec: {
      data: { values },
      width: WIDTH,
      height: HEIGHT,
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'severity', type: 'quantitative', title: 'degree (0: clean)', axis: { tickCount: 5 } },
        y: { field: 'hter', type: 'quantitative', axis: { title: 'HTER', format: '.0%' } },
        color: { field: 'kind', type: 'nominal', title: null, scale: { domain: kinds, range: SERIES } },
      },
    },
  };
}
