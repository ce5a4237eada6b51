/** The report's plots as vega-lite specifications. */
import type { LevelResult } from '../evaluate/evaluation.js';
import { isKnown } from '../evaluate/evaluation.js';
import type { Samples } from '../evaluate/levels.js';
import type { Roc } from '../evaluate/roc.js';
import { type ThresholdName, thresholdNames } from '../evaluate/thresholds.js';
import type { CorruptionSweep } from '../run/corruptionSweep.js';
import {
  histogram,
  type LossTerm,
  lossPoints,
  type MetricsRow,
  operatingPoints,
  ratesByThreshold,
  rocPoints,
} from './plotData.js';
import { probit } from './probit.js';
import type { Plot } from './svg.js';

const WIDTH = 330;
const HEIGHT = 240;
const ROW_HEIGHT = 56;
const SMALL_WIDTH = 240;
const SMALL_HEIGHT = 120;
const SERIES = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'];
const DASHES: Record<ThresholdName, number[]> = {
  'source-dev-eer': [1, 0],
  fixed: [6, 4],
  'target-eer': [2, 3],
  'target-youden': [8, 3, 2, 3],
};
const THRESHOLD_COLOURS: Record<ThresholdName, string> = {
  'source-dev-eer': 'var(--ink)',
  fixed: 'var(--muted)',
  'target-eer': 'var(--c4)',
  'target-youden': 'var(--c6)',
};
const SHAPES: Record<ThresholdName, string> = {
  'source-dev-eer': 'circle',
  fixed: 'square',
  'target-eer': 'triangle-up',
  'target-youden': 'diamond',
};
const TERM_TITLES: Record<LossTerm, string> = {
  loss: 'Total loss',
  ce: 'Cross entropy',
  triplet: 'Triplet loss',
  live_map: 'Live map error',
  spoof_map: 'Spoof map error',
};
/** In legends, what was chosen with the target's labels says so. */
const ORACLE_LABEL = "indexof(datum.label, 'target-') === 0 ? datum.label + ' (oracle)' : datum.label";
const DET_TICKS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9];

/** Receiver operating characteristic with the named operating points. */
export function rocPlot(roc: Roc, result: LevelResult): Plot {
  const percentAxis = (title: string) => ({ title, format: '.0%', tickCount: 5 });
  return {
    id: 'roc',
    title: 'ROC',
    description: `Share of live accepted against share of attacks accepted; area under the curve ${result.auc.toFixed(4)}`,
    spec: {
      width: WIDTH,
      height: HEIGHT,
      layer: [
        {
          data: {
            values: [
              { x: 0, y: 0 },
              { x: 1, y: 1 },
            ],
          },
          mark: { type: 'line', color: 'var(--grid)', strokeDash: [4, 4] },
          encoding: xy('x', 'y'),
        },
        {
          data: { values: rocPoints(roc) },
          mark: { type: 'line', color: 'var(--c3)', interpolate: 'linear' },
          encoding: {
            x: {
              field: 'far',
              type: 'quantitative',
              axis: percentAxis('attacks accepted (FAR)'),
              scale: { domain: [0, 1] },
            },
            y: {
              field: 'tpr',
              type: 'quantitative',
              axis: percentAxis('live accepted (1 − FRR)'),
              scale: { domain: [0, 1] },
            },
            order: { field: 'tpr' },
          },
        },
        {
          data: { values: operatingPoints(result) },
          mark: operatingMark,
          encoding: { ...xy('far', 'tpr'), ...operatingEncoding },
        },
      ],
    },
  };
}

/** Detection error trade-off (Martin et al. 1997): both error rates on normal deviate scales. */
export function detPlot(roc: Roc, result: LevelResult): Plot {
  // A rate of 0 or 1 lies at infinity there; it is drawn at half a sample from the end.
  const x = (far: number) => probit(clamp(far, 1 / (2 * roc.attacks)));
  const y = (frr: number) => probit(clamp(frr, 1 / (2 * roc.live)));
  const label = DET_TICKS.map(
    (tick) => `abs(datum.value - ${probit(tick)}) < 1e-6 ? '${+(tick * 100).toFixed(1)}%' : `,
  );
  const axis = (title: string) => ({ title, values: DET_TICKS.map(probit), labelExpr: `${label.join('')}''` });
  const lowest = Math.min(x(0), y(0), probit(0.01));
  const scale = { domain: [lowest, probit(0.9)], clamp: true, nice: false };
  return {
    id: 'det',
    title: 'DET',
    description: `Share of live rejected against share of attacks accepted, normal deviate scales; equal error rate ${(result.eer * 100).toFixed(2)} %`,
    spec: {
      width: WIDTH,
      height: HEIGHT,
      layer: [
        {
          data: { values: [lowest, probit(0.9)].map((v) => ({ x: v, y: v })) },
          mark: { type: 'line', color: 'var(--grid)', strokeDash: [4, 4] },
          encoding: xy('x', 'y'),
        },
        {
          data: { values: rocPoints(roc).map(({ far, frr }) => ({ x: x(far), y: y(frr), far })) },
          mark: { type: 'line', color: 'var(--c3)' },
          encoding: {
            x: { field: 'x', type: 'quantitative', axis: axis('attacks accepted (FAR)'), scale },
            y: { field: 'y', type: 'quantitative', axis: axis('live rejected (FRR)'), scale },
            order: { field: 'far' },
          },
        },
        {
          data: { values: operatingPoints(result).map((p) => ({ ...p, x: x(p.far), y: y(p.frr) })) },
          mark: operatingMark,
          encoding: { ...xy('x', 'y'), ...operatingEncoding },
        },
      ],
    },
  };
}

/** Score histograms of live and of each attack type, one below the other, all thresholds drawn through. */
export function histogramPlot(samples: Samples, result: LevelResult): Plot {
  const bars = histogram(samples);
  const kinds = [...new Set(bars.map(({ kind }) => kind))];
  const lines = thresholdLines(result);
  const domain = [bars[0]!.from, bars.at(-1)!.to];
  const rowOf = (kind: string, k: number) => ({
    width: WIDTH,
    height: ROW_HEIGHT,
    title: { text: kind, anchor: 'start', offset: 4 },
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
                ? { title: 'score (higher is more live)', tickCount: 5 }
                : { labels: false, ticks: false, title: null },
          },
          x2: { field: 'to' },
          y: { field: 'share', type: 'quantitative', axis: { title: null, format: '.0%', tickCount: 2 } },
        },
      },
      {
        data: { values: lines },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x: { field: 'value', type: 'quantitative' }, ...lineEncoding(lines) },
      },
    ],
  });
  return {
    id: 'scores',
    title: 'Scores by attack type',
    description: `Score histograms of ${kinds.join(', ')} with the thresholds ${lines.map(({ name, value }) => `${name} at ${value.toFixed(3)}`).join(', ')}`,
    spec: { spacing: 8, vconcat: kinds.map(rowOf) },
  };
}

/** How the error rates move with the threshold on the source development split and on the target. */
export function transferPlot(source: Roc, target: Roc, result: LevelResult): Plot {
  const lines = thresholdLines(result).filter(({ name }) => name !== 'target-youden');
  const points = [...ratesByThreshold(source, 'source'), ...ratesByThreshold(target, 'target')];
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
              title: 'threshold',
              axis: { tickCount: 5 },
              scale: { zero: false, nice: false },
            },
            y: { field: 'value', type: 'quantitative', axis: { title: 'error rate', format: '.0%' } },
            color: {
              field: 'series',
              type: 'nominal',
              title: null,
              scale: { domain: series, range: [SERIES[4], SERIES[0], SERIES[1], SERIES[2]] },
            },
          },
        },
        {
          data: { values: lines },
          mark: { type: 'rule', strokeWidth: 2, color: 'var(--ink)' },
          encoding: { x: { field: 'value', type: 'quantitative' }, strokeDash: lineEncoding(lines).strokeDash },
        },
      ],
    },
  };
}

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

/** One small plot a loss term, over the epochs. */
export function lossPlots(rows: readonly MetricsRow[]): Plot[] {
  const points = lossPoints(rows);
  return [...new Set(points.map(({ term }) => term))].map((term) => {
    const values = points.filter((point) => point.term === term);
    return {
      id: `loss-${term.replace('_', '-')}`,
      title: TERM_TITLES[term],
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

const operatingMark = { type: 'point', filled: true, size: 90, opacity: 1 };
const operatingScale = (range: Record<ThresholdName, string>) => ({
  domain: thresholdNames,
  range: thresholdNames.map((name) => range[name]),
});
const operatingEncoding = {
  shape: {
    field: 'name',
    type: 'nominal',
    title: null,
    legend: { labelExpr: ORACLE_LABEL },
    scale: operatingScale(SHAPES),
  },
  color: {
    field: 'name',
    type: 'nominal',
    title: null,
    legend: { labelExpr: ORACLE_LABEL },
    scale: operatingScale(THRESHOLD_COLOURS),
  },
};

function xy(x: string, y: string) {
  return { x: { field: x, type: 'quantitative' }, y: { field: y, type: 'quantitative' } };
}

function thresholdLines(result: LevelResult): { name: ThresholdName; value: number }[] {
  return thresholdNames.flatMap((name) => {
    const threshold = result.thresholds[name];
    return isKnown(threshold) && threshold.value !== null ? [{ name, value: threshold.value }] : [];
  });
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Lines that differ in dash and in colour, with one legend for both. */
function lineEncoding(lines: { name: ThresholdName }[]) {
  const domain = lines.map(({ name }) => name);
  const legend = { labelExpr: ORACLE_LABEL, symbolType: 'stroke', symbolSize: 500, symbolStrokeWidth: 2 };
  const field = { field: 'name', type: 'nominal', title: null, legend };
  return {
    strokeDash: { ...field, scale: { domain, range: domain.map((name) => DASHES[name]) } },
    color: { ...field, scale: { domain, range: domain.map((name) => THRESHOLD_COLOURS[name]) } },
  };
}

function clamp(share: number, margin: number): number {
  return Math.min(1 - margin, Math.max(margin, share));
}
