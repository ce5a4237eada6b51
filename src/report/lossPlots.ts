/** The losses over training. */
import { lossPoints, type MetricsRow } from './plotData.js';
import type { Plot } from './svg.js';

const SMALL_WIDTH = 240;
const SMALL_HEIGHT = 120;
/** Of the terms that have a better name than their own. */
const TERM_TITLES: Readonly<Record<string, string>> = {
  loss: 'Total loss',
  ce: 'Cross entropy',
  triplet: 'Triplet loss',
  live_map: 'Live map error',
  spoof_map: 'Spoof map error',
};

/** One small plot a loss term, over the epochs. */
export function lossPlots(rows: readonly MetricsRow[]): Plot[] {
  const points = lossPoints(rows);
  return [...new Set(points.map(({ term }) => term))].map((term) => {
    const values = points.filter((point) => point.term === term);
    return {
      id: `loss-${term.replaceAll('_', '-')}`,
      title: TERM_TITLES[term] ?? titleOf(term),
      description: `from ${shortNumber(values[0]!.value)} to ${shortNumber(values.at(-1)!.value)} over training`,
      spec: {
        data: { values },
        width: SMALL_WIDTH,
        height: SMALL_HEIGHT,
        mark: { type: 'line', color: 'var(--c3)' },
        encoding: {
          x: { field: 'epoch', type: 'quantitative', title: 'epoch', axis: { tickCount: 5 } },
          y: {
            field: 'value',
            type: 'quantitative',
            title: null,
            axis: { tickCount: 3, format: ',.3~r', minExtent: 40 },
          },
        },
      },
    };
  });
}

/** `domain_loss` as `Domain loss`. */
function titleOf(term: string): string {
  return `${term.charAt(0).toUpperCase()}${term.slice(1)}`.replaceAll('_', ' ');
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
