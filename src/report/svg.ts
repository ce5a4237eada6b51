/** Vega-lite specifications to SVG, without a browser and in two palettes. */
import type { TopLevelSpec } from 'vega-lite';

/** `page` takes its colours from the page's style, light or dark; `print` has colours of its own for papers. */
export type Palette = 'page' | 'print';

/** A picture with the words that stand for it where it cannot be seen. */
export interface Plot {
  id: string;
  title: string;
  description: string;
  spec: Spec;
}

/** A vega-lite specification without size-independent settings, which `renderSvg` adds. */
type Spec = Omit<TopLevelSpec, '$schema' | 'config'> & Record<string, unknown>;

/** Colours that differ for all common kinds of colour blindness (after Okabe and Ito 2008); the page has a lighter set for the dark. */
const PRINT_COLOURS: Record<string, string> = {
  ink: '#1c1f23',
  muted: '#5c636b',
  grid: '#dfe3e8',
  c1: '#00795a',
  c2: '#c25e00',
  c3: '#0068a8',
  c4: '#a83f7f',
  c5: '#7a6a00',
  c6: '#5b4fc4',
};

/** The SVG of a plot: text stays text, nothing is loaded. */
export async function renderSvg(plot: Plot, palette: Palette): Promise<string> {
  // Loaded here because it takes longer than most commands run.
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const spec = { ...plot.spec, background: palette === 'page' ? null : 'white', config } as unknown as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none', logLevel: vega.Error });
  const svg = await view.toSVG();
  view.finalize();
  return palette === 'page' ? svg : svg.replace(/var\(--(\w+)\)/g, (own, name: string) => PRINT_COLOURS[name] ?? own);
}

const config = {
  font: 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif',
  aria: false,
  view: { stroke: 'var(--grid)' },
  axis: {
    labelColor: 'var(--muted)',
    titleColor: 'var(--ink)',
    gridColor: 'var(--grid)',
    domainColor: 'var(--grid)',
    tickColor: 'var(--grid)',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 500,
    labelOverlap: 'greedy',
  },
  legend: {
    labelColor: 'var(--ink)',
    titleColor: 'var(--ink)',
    labelFontSize: 12,
    titleFontSize: 12,
    orient: 'bottom',
    columns: 2,
    layout: { bottom: { direction: 'vertical', anchor: 'start' } },
    labelLimit: 260,
  },
  header: { labelColor: 'var(--ink)', labelFontSize: 12, titleColor: 'var(--ink)' },
  title: { color: 'var(--ink)', fontSize: 12, fontWeight: 500 },
  line: { strokeWidth: 1.8 },
};
