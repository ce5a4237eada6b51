/** The picture of a study: every run a dot, the mean of each variant a line, a panel a protocol. */
import type { Plot } from '../report/svg.js';
import { configsOf } from './expand.js';
import { type MetricName, metricTitles } from './metrics.js';
import type { StudyResults } from './results.js';
import { figureOf } from './resultTable.js';
import type { Study } from './studyFile.js';

/** With the names of the variants as wide as a third of a desk's page, so that text keeps its size. */
const width = 170;
const rowHeight = 24;

/** One plot a protocol column and metric, at the study's first threshold. */
export function studyPlots(study: Study, results: StudyResults): Plot[] {
  const [threshold] = study.report.thresholds;
  const variants = [...new Set([...Object.keys(configsOf(study)), ...results.external.map(({ title }) => title)])];
  const figures = [
    ...results.done.map(({ run, evaluation }) => ({ variant: run.variant, protocol: run.protocol, evaluation })),
    ...results.external.map(({ title, protocol, evaluation }) => ({ variant: title, protocol, evaluation })),
  ];
  return study.columns.flatMap(({ title, protocols, target }, k) =>
    study.report.metrics.flatMap((metric) => {
      const names = new Set(protocols.map(({ name }) => name));
      const values = figures.flatMap(({ variant, protocol, evaluation }) => {
        const value = figureOf(study, evaluation, threshold!, metric, target);
        return names.has(protocol.name) && value !== null ? [{ variant, value }] : [];
      });
      return values.length > 0 ? [plotOf(`study-${k}-${metric}`, title, metric, threshold!, variants, values)] : [];
    }),
  );
}

function plotOf(
  id: string,
  title: string,
  metric: MetricName,
  threshold: string,
  variants: readonly string[],
  values: readonly { variant: string; value: number }[],
): Plot {
  const free = metric === 'auc' || metric === 'eer';
  const name = metricTitles[metric];
  const y = { field: 'variant', type: 'nominal', sort: variants, title: null, axis: { labelLimit: 140 } };
  const x = {
    field: 'value',
    type: 'quantitative',
    title: name,
    axis: { format: '.0%', tickCount: 4 },
    scale: { zero: false },
  };
  return {
    id,
    title: `${title}: ${name}`,
    description: `${name}${free ? '' : ` at ${threshold}`} of every run (dots) and the mean of each variant (lines)`,
    spec: {
      width,
      height: rowHeight * variants.length,
      data: { values },
      layer: [
        {
          mark: { type: 'tick', color: 'var(--c3)', thickness: 2, size: 16 },
          encoding: { y, x: { ...x, aggregate: 'mean' } },
        },
        { mark: { type: 'point', color: 'var(--c2)', filled: true, size: 36, opacity: 0.75 }, encoding: { y, x } },
      ],
    },
  };
}
