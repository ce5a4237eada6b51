/** Scores and thresholds: histograms by attack type, and how a threshold carries over from the sources to the target. */
import type { Samples } from '../evaluate/levels.js';
import type { LevelResult } from '../evaluate/results.js';
import type { Roc } from '../evaluate/roc.js';
import { histogram, ratesByThreshold } from './plotData.js';
import { HEIGHT, labelledTicks, lineEncoding, SERIES, thresholdLines, WIDTH } from './plotParts.js';
import { type ScoreScale, scoreScale } from './scoreScale.js';
import type { Plot } from './svg.js';
import { scoreText } from './table.js';

const ROW_HEIGHT = 56;

/** Score histograms of live and of each attack type, one below the other, all thresholds drawn through. */
export function histogramPlot(samples: Samples, result: LevelResult): Plot {
  const scale = scoreScale(samples);
  const lines = thresholdLines(result, scale.place);
  const bars = histogram(
    samples,
    scale,
    lines.map(({ at }) => at),
  );
  const kinds = [...new Set(bars.map(({ kind }) => kind))];
  const domain = [bars[0]!.from, bars.at(-1)!.to];
  const rowOf = (kind: string, k: number) => ({
    width: WIDTH,
    height: ROW_HEIGHT,
    title: { text: kind, anchor: 'start', frame: 'group', offset: 4 },
    layer: [
      {
        data: { values: bars.filter((bar) => bar.kind === kind && bar.count > 0) },
        mark: { type: 'bar', color: SERIES[k % SERIES.length], binSpacing: 0.5 },
        encoding: {
          x: {
            field: 'from',
            type: 'quantitative',
            bin: { binned: true },
            scale: { domain, nice: false },
            axis:
              k === kinds.length - 1
                ? scoreAxis('score (higher is more live)', scale)
                : { labels: false, ticks: false, title: null },
          },
          x2: { field: 'to' },
          y: { field: 'share', type: 'quantitative', axis: { title: null, format: '.0%', tickCount: 2 } },
        },
      },
      {
        data: { values: lines },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x: { field: 'at', type: 'quantitative' }, ...lineEncoding(lines) },
      },
    ],
  });
  return {
    id: 'scores',
    title: 'Scores by attack type',
    description: `Score histograms of ${kinds.join(', ')} with the thresholds ${lines.map(({ name, value }) => `${name} at ${scoreText(value)}`).join(', ')}`,
    spec: { spacing: 8, vconcat: kinds.map(rowOf) },
  };
}

/** How the error rates move with the threshold on the source development split and on the target; `samples` are the target's. */
export function transferPlot(source: Roc, target: Roc, samples: Samples, result: LevelResult): Plot {
  const scale = scoreScale(samples);
  const lines = thresholdLines(result, scale.place).filter(({ name }) => name !== 'target-youden');
  const points = [...ratesByThreshold(source, 'source', scale), ...ratesByThreshold(target, 'target', scale)];
  const series = [...new Set(points.map((point) => point.series))];
  return {
    id: 'transfer',
    title: 'Threshold transfer',
    description:
      'FAR and FRR against the threshold on the source development split and on the target; the vertical lines are the thresholds',
    spec: {
      width: WIDTH,
      height: HEIGHT,
      layer: [
        {
          data: { values: points },
          mark: { type: 'line', interpolate: 'step-before' },
          encoding: {
            x: {
              field: 'threshold',
              type: 'quantitative',
              axis: scoreAxis('threshold', scale),
              scale: { zero: false, nice: false },
            },
            y: { field: 'value', type: 'quantitative', axis: { title: 'error rate', format: '.0%' } },
            color: {
              field: 'series',
              type: 'nominal',
              title: null,
              scale: { domain: series, range: [SERIES[3], SERIES[0], SERIES[1], SERIES[2]] },
            },
          },
        },
        {
          data: { values: lines },
          mark: { type: 'rule', strokeWidth: 2, color: 'var(--ink)' },
          encoding: { x: { field: 'at', type: 'quantitative' }, strokeDash: lineEncoding(lines).strokeDash },
        },
      ],
    },
  };
}

function scoreAxis(title: string, { note, ticks }: ScoreScale) {
  return { title: title + note, ...(ticks === null ? { tickCount: 5 } : labelledTicks(ticks)) };
}
