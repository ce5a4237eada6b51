// Curves of one or several runs while they grow: one small plot a column of metrics.jsonl, mean of each stretch, lowest to highest behind it.
import uPlot from './uplot.js';

const every = 2000;
const height = 150;
const titles = {
  loss: 'Total loss',
  ce: 'Cross entropy',
  triplet: 'Triplet loss',
  live_map: 'Live map error',
  spoof_map: 'Spoof map error',
  learning_rate: 'Learning rate',
  images_per_s: 'Images per second',
};

const root = document.querySelector('[data-curves]');
const ids = JSON.parse(root.dataset.curves);
/** By column: the plot, its element, and where its newest value stands. */
const plots = new Map();
const runs = ids.map(() => ({ steps: 0, version: '', x: [], series: {}, seconds: {} }));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => (value === null ? 'NaN' : String(Number(value.toPrecision(4))));

async function renew() {
  if (document.hidden) return;
  const width = Math.round(Math.min(600, root.clientWidth || 320));
  const fresh = await Promise.all(
    ids.map(async (id, i) => {
      const query = new URLSearchParams({ id, width, version: runs[i].version });
      const response = await fetch(`/curves?${query}`);
      return response.status === 200 ? response.json() : null;
    }),
  );
  if (fresh.every((each) => each === null)) return;
  fresh.forEach((each, i) => {
    if (each !== null) runs[i] = each;
  });
  draw();
}

function draw() {
  const names = [...new Set(runs.flatMap(({ series }) => Object.keys(series)))];
  if (names.length === 0) return;
  if (plots.size === 0) root.replaceChildren();
  for (const name of names) plotOf(name).setData(dataOf(name));
  for (const name of names) {
    sayValue(name);
    plots.get(name).figure.dataset.steps = Math.max(...runs.map(({ steps }) => steps));
  }
  if (runs.length === 1) drawSeconds(runs[0].seconds);
}

/** All x of all runs, and for each run its mean, and alone also its lowest and highest. */
function dataOf(name) {
  const x = [...new Set(runs.flatMap((run) => run.x))].sort((a, b) => a - b);
  const columns = runs.flatMap((run) => {
    const at = new Map(run.x.map((step, k) => [step, k]));
    const pick = (values) => x.map((step) => (at.has(step) ? (values?.[at.get(step)] ?? null) : undefined));
    const { mean, low, high } = run.series[name] ?? {};
    return runs.length === 1 ? [pick(high), pick(low), pick(mean)] : [pick(mean)];
  });
  return [x, ...columns];
}

function plotOf(name) {
  if (plots.has(name)) return plots.get(name).plot;
  const figure = document.createElement('figure');
  const title = document.createElement('h3');
  const output = document.createElement('output');
  title.append(titles[name] ?? name.replaceAll('_', ' '), output);
  const place = document.createElement('div');
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', `${titles[name] ?? name} over the steps of the training`);
  figure.append(title, place);
  root.append(figure);
  const plot = new uPlot(optionsOf(name, figure.clientWidth), dataOf(name), place);
  plots.set(name, { plot, figure, place, output });
  return plot;
}

/** The values under the pointer, else the newest. */
function sayValue(name) {
  const entry = plots.get(name);
  if (entry === undefined) return;
  const { plot, output } = entry;
  const at = plot.cursor.idx ?? null;
  const lines = plot.data.slice(runs.length === 1 ? 3 : 1);
  const values = lines.map((line) => (at === null ? line.findLast((value) => value !== undefined) : line[at]));
  const where = at === null ? '' : `step ${plot.data[0][at]}: `;
  output.textContent = where + values.map((value) => (value === undefined ? '–' : short(value))).join(' · ');
}

function optionsOf(name, width) {
  const [ink, grid] = [colour('--muted'), colour('--grid')];
  const axis = {
    stroke: ink,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: '12px system-ui',
  };
  const line = (stroke, more) => ({ stroke, width: 1.6, points: { show: false }, spanGaps: true, ...more });
  const clear = line('transparent', { width: 0 });
  const single = runs.length === 1;
  const series = single ? [clear, clear, line(colour('--c3'))] : runs.map((_, i) => line(colour(`--c${i + 1}`)));
  return {
    width,
    height,
    scales: { x: { time: false } },
    cursor: { sync: { key: 'runs' }, points: { size: 5 } },
    hooks: { setCursor: [() => sayValue(name)] },
    legend: { show: false },
    series: [{}, ...series],
    bands: single ? [{ series: [1, 2], fill: `${colour('--c3')}38` }] : [],
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => (tick >= 10_000 ? `${tick / 1000}k` : tick)) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => short(tick)) },
    ],
  };
}

/** What a step waits for and computes; decoding beside it is no part of the whole. */
function drawSeconds(seconds) {
  const place = document.querySelector('[data-seconds]');
  if (place === null) return;
  const { load, ...parts } = seconds;
  const total = Object.values(parts).reduce((sum, value) => sum + value, 0);
  const rows = [...Object.entries(parts), ...(load === undefined ? [] : [['load, beside it', load]])];
  place.replaceChildren(
    ...rows.flatMap(([name, value]) => {
      const [label, bar, text] = ['span', 'meter', 'span'].map((tag) => document.createElement(tag));
      label.textContent = name;
      bar.value = total > 0 ? Math.min(1, value / total) : 0;
      bar.setAttribute('aria-label', `share of ${name}`);
      text.textContent = `${(1000 * value).toFixed(1)} ms`;
      return [label, bar, text];
    }),
  );
}

/** Colours and sizes are the canvas' own: it is made anew when the page changes. */
function remake() {
  for (const { plot } of plots.values()) plot.destroy();
  plots.clear();
  draw();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', remake);
let resized;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(remake, 150);
});

for (;;) {
  await renew().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, every));
}
