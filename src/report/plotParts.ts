/** What the report's plots share: sizes, colours, and how the named thresholds look as points and as lines. */
import { isKnown, type LevelResult } from '../evaluate/results.js';
import { type ThresholdName, thresholdNames } from '../evaluate/thresholds.js';

/** Of a plot that stands alone, in pixels. */
export const WIDTH = 300;
export const HEIGHT = 240;
/** Colours of series, as the page and `svg.ts` know them. */
export const SERIES = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'];
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
/** What was chosen with the target's labels says so. One column: two are too wide for a phone. */
const ORACLE_LEGEND = {
  columns: 1,
  labelExpr: "indexof(datum.label, 'target-') === 0 ? datum.label + ' (oracle)' : datum.label",
};

/** The named thresholds as points on a curve. */
export const operatingMark = { type: 'point', filled: true, size: 90, opacity: 1 };
const operatingScale = (range: Record<ThresholdName, string>) => ({
  domain: thresholdNames,
  range: thresholdNames.map((name) => range[name]),
});
export const operatingEncoding = {
  shape: {
    field: 'name',
    type: 'nominal',
    title: null,
    legend: ORACLE_LEGEND,
    scale: operatingScale(SHAPES),
  },
  color: {
    field: 'name',
    type: 'nominal',
    title: null,
    legend: ORACLE_LEGEND,
    scale: operatingScale(THRESHOLD_COLOURS),
  },
};

/** Fields as quantities on both axes. */
export function xy(x: string, y: string) {
  return { x: { field: x, type: 'quantitative' }, y: { field: y, type: 'quantitative' } };
}

/** The labels of an axis at given places, for scales that vega does not know. */
export function labelledTicks(ticks: readonly { at: number; label: string }[]) {
  const cases = ticks.map(({ at, label }) => `abs(datum.value - ${at}) < 1e-6 ? '${label}' : `);
  return { values: ticks.map(({ at }) => at), labelExpr: `${cases.join('')}''` };
}

/** The thresholds that can be drawn, known and finite, and their places on the axis of scores. */
export function thresholdLines(
  result: LevelResult,
  place: (score: number) => number,
): { name: ThresholdName; value: number; at: number }[] {
  return thresholdNames.flatMap((name) => {
    const threshold = result.thresholds[name];
    if (!isKnown(threshold) || threshold.value === null) return [];
    return [{ name, value: threshold.value, at: place(threshold.value) }];
  });
}

/** Lines that differ in dash and in colour, with one legend for both. */
export function lineEncoding(lines: { name: ThresholdName }[]) {
  const domain = lines.map(({ name }) => name);
  const legend = { ...ORACLE_LEGEND, symbolType: 'stroke', symbolSize: 500, symbolStrokeWidth: 2 };
  const field = { field: 'name', type: 'nominal', title: null, legend };
  return {
    strokeDash: { ...field, scale: { domain, range: domain.map((name) => DASHES[name]) } },
    color: { ...field, scale: { domain, range: domain.map((name) => THRESHOLD_COLOURS[name]) } },
  };
}
