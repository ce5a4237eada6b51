/** ROC and DET, with the named thresholds as points. */
import { probit } from '../evaluate/normal.js';
import type { LevelResult } from '../evaluate/results.js';
import { auc, type Roc } from '../evaluate/roc.js';
import { operatingPoints, rocPoints } from './plotData.js';
import { HEIGHT, labelledTicks, operatingEncoding, operatingMark, SERIES, WIDTH, xy } from './plotParts.js';
import type { Plot } from './svg.js';

const DET_TICKS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9];

const percentAxis = (title: string) => ({ title, format: '.0%', tickCount: 5 });
/** Of points that `rocPoints` gives. */
const rocAxes = {
  x: { field: 'far', type: 'quantitative', axis: percentAxis('attacks accepted (FAR)'), scale: { domain: [0, 1] } },
  y: { field: 'tpr', type: 'quantitative', axis: percentAxis('live accepted (1 − FRR)'), scale: { domain: [0, 1] } },
  order: { field: 'tpr' },
} as const;

/** Receiver operating characteristic with the named operating points. */
export function rocPlot(roc: Roc, result: LevelResult): Plot {
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
          encoding: rocAxes,
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

/** Curves of several models over each other, in the order of the series' colours; a model without one keeps its colour. Null for none. */
export function rocComparison(curves: readonly { name: string; roc: Roc | null }[]): Plot | null {
  const known = curves.flatMap(({ name, roc }, i) => (roc === null ? [] : [{ name, roc, colour: SERIES[i]! }]));
  if (known.length === 0) return null;
  const values = known.flatMap(({ name, roc }) => rocPoints(roc).map((point) => ({ ...point, name })));
  const scale = { domain: known.map(({ name }) => name), range: known.map(({ colour }) => colour) };
  return {
    id: 'roc-comparison',
    title: 'ROC of each run',
    description: `Share of live accepted against share of attacks accepted; areas under the curves ${known.map(({ name, roc }) => `${auc(roc).toFixed(4)} (${name})`).join(', ')}`,
    spec: {
      width: WIDTH,
      height: HEIGHT,
      data: { values },
      mark: { type: 'line', interpolate: 'linear' },
      encoding: {
        ...rocAxes,
        color: { field: 'name', type: 'nominal', title: null, scale, legend: { columns: 1 } },
      },
    },
  };
}

/** Detection error trade-off (Martin et al. 1997): both error rates on normal deviate scales. */
export function detPlot(roc: Roc, result: LevelResult): Plot {
  // A rate of 0 or 1 lies at infinity there; it is drawn at half a sample from the end.
  const x = (far: number) => probit(clamp(far, 1 / (2 * roc.attacks)));
  const y = (frr: number) => probit(clamp(frr, 1 / (2 * roc.live)));
  const ticks = DET_TICKS.map((tick) => ({ at: probit(tick), label: `${+(tick * 100).toFixed(1)}%` }));
  const axis = (title: string) => ({ title, ...labelledTicks(ticks) });
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

function clamp(share: number, margin: number): number {
  return Math.min(1 - margin, Math.max(margin, share));
}
