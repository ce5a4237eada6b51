/** The scatter of features: domains by shape and colour, live filled and attacks hollow. */
import { labels } from '../data/manifest.js';
import type { CloudPoint, FeatureCloud } from '../run/evaluation/featureCloud.js';
import { HEIGHT, SERIES, WIDTH } from './plotParts.js';
import type { Plot } from './svg.js';

/** In the order of the domains, as the colours are. */
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down'];

/** Crops along the two principal components of f. */
export function featurePlot({ checkpoint, points, shares }: FeatureCloud): Plot {
  const domains = [...new Set(points.map(({ domain }) => domain))];
  const kinds = domains.flatMap((domain) => labels.map((label) => nameOf({ domain, label })));
  // Two entries of the legend a domain, which stand beside each other.
  const range = <T>(values: readonly T[]) => kinds.map((_, k) => values[(k >> 1) % values.length]!);
  const colours = range(SERIES);
  const byKind = (values: readonly string[]) => ({
    field: 'kind',
    type: 'nominal',
    title: null,
    legend: { columns: labels.length },
    scale: { domain: kinds, range: values },
  });
  const axis = (field: 'x' | 'y', k: 0 | 1) => ({
    field,
    type: 'quantitative',
    title: `component ${k + 1} (${percentText(shares[k])})`,
    axis: { tickCount: 5 },
    scale: { domain: extent(points, field), nice: false },
  });
  return {
    id: 'features',
    title: 'Features by domain and label',
    description:
      `The first two principal components of the feature f of ${points.length} crops (${countsText(points, domains)}), ` +
      `evenly chosen, by ${checkpoint}; they hold ${percentText(shares[0])} and ${percentText(shares[1])} of its variance. ` +
      'Shape and colour tell the domain; live is filled, attacks are hollow',
    spec: {
      width: WIDTH,
      height: HEIGHT,
      data: { values: points.map((point) => ({ kind: nameOf(point), x: point.x, y: point.y })) },
      mark: { type: 'point', size: 44, strokeWidth: 1.4, opacity: 0.85 },
      encoding: {
        x: axis('x', 0),
        y: axis('y', 1),
        shape: byKind(range(SHAPES)),
        stroke: byKind(colours),
        fill: byKind(colours.map((colour, k) => (k % 2 === 0 ? colour : 'transparent'))),
      },
    },
  };
}

function nameOf({ domain, label }: Pick<CloudPoint, 'domain' | 'label'>): string {
  return `${domain} ${label === 'live' ? 'live' : 'attack'}`;
}

/** "O 40 live, 40 attack; …". */
function countsText(points: readonly CloudPoint[], domains: readonly string[]): string {
  const count = (domain: string, live: boolean) =>
    points.filter((point) => point.domain === domain && (point.label === 'live') === live).length;
  return domains.map((domain) => `${domain} ${count(domain, true)} live, ${count(domain, false)} attack`).join('; ');
}

function extent(points: readonly CloudPoint[], field: 'x' | 'y'): [number, number] {
  const values = points.map((point) => point[field]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.04 * (high - low) || 1;
  return [low - margin, high + margin];
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
