/** The report of a run: one HTML page that holds everything it shows and loads nothing. */
import { rocAt } from '../evaluate/evaluation.js';
import { type Level, type ScoreMode, samplesAt } from '../evaluate/levels.js';
import type { Mistake } from '../evaluate/mistakes.js';
import { type Evaluation, isKnown, type LevelResult } from '../evaluate/results.js';
import type { Scores } from '../evaluate/scores.js';
import type { CorruptionSweep } from '../run/evaluation/corruptionSweep.js';
import type { FeatureCloud } from '../run/evaluation/featureCloud.js';
import type { OverlapResult } from '../run/maps/targetMaps.js';
import { breakdownsOf, breakdownTables } from './breakdownTable.js';
import { corruptionPlot } from './corruptionPlot.js';
import { escapeHtml } from './escape.js';
import { EVAL_LEGEND, evalTables, headline, targetLine } from './evalTable.js';
import { featurePlot } from './featurePlot.js';
import { lossPlots } from './lossPlots.js';
import { factTable, plotSection, renderPage, type Section } from './page.js';
import type { MetricsRow } from './plotData.js';
import { corruptionTable, overlapTable } from './robustnessTable.js';
import { detPlot, rocPlot } from './rocPlots.js';
import { histogramPlot, transferPlot } from './scorePlots.js';
import { type Plot, renderSvg } from './svg.js';
import { percent, scoreText, toHtml } from './table.js';

/** An image to embed. `alt` says what is to be seen. */
export interface ReportImage {
  png: Uint8Array;
  alt: string;
}

/** A frame with its maps side by side in one image. */
export interface MapOverlay extends ReportImage {
  caption: string;
}

/** One of the worst errors; the image is null where the file could not be read. */
export interface ReportMistake {
  mistake: Mistake;
  image: Uint8Array | null;
}

/** What a report is made from. Parts that are not there are null or empty, and have no section. */
export interface ReportInput {
  title: string;
  /** When the report was made, for the footer. */
  generated: string;
  /** Version, device, seed, hashes, … in the order of the table. */
  facts: readonly { name: string; value: string }[];
  evaluation: Evaluation | null;
  /** The level that headline figures and plots are about. */
  level: Level;
  mode: ScoreMode;
  target: Scores | null;
  sourceDevelopment: Scores | null;
  training: readonly MetricsRow[];
  overlays: readonly MapOverlay[];
  features?: FeatureCloud | null;
  falseAccepts: readonly ReportMistake[];
  falseRejects: readonly ReportMistake[];
  /** What `ldc eval --corrupt` and `--maps` left in the run. */
  corruptions?: CorruptionSweep | null;
  overlap?: OverlapResult | null;
}

/** The whole page. Every string of the input is escaped. */
export async function renderReport(input: ReportInput): Promise<string> {
  const sections = [
    resultSection(input),
    await plotSection('training', 'Training', lossPlots(input.training), 'small'),
    await plotSection('curves', 'Scores and thresholds', scorePlots(input)),
    breakdownSection(input),
    await robustnessSection(input),
    overlaySection(input),
    await plotSection('features', 'Features', featurePlots(input)),
    mistakeSection(input),
    factSection(input),
  ].filter((section) => section !== null);
  return renderPage({
    title: input.title,
    synthetic: input.evaluation?.synthetic === true,
    lines: input.evaluation ? [headline(input.evaluation), ...input.evaluation.targets.map(targetLine)] : [],
    sections,
    generated: input.generated,
  });
}

/** The plots of a report by file name without extension, as SVG in colours for paper. */
export async function reportFigures(input: ReportInput): Promise<Map<string, string>> {
  const plots = [
    ...lossPlots(input.training),
    ...scorePlots(input),
    ...(input.corruptions ? [corruptionPlot(input.corruptions)] : []),
    ...featurePlots(input),
  ];
  return new Map(await Promise.all(plots.map(async (plot) => [plot.id, await renderSvg(plot, 'print')] as const)));
}

function resultSection({ evaluation, level }: ReportInput): Section | null {
  if (!evaluation) return null;
  const legend = EVAL_LEGEND.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join('\n');
  const body = `${headlineFigures(evaluation.levels[level], level)}\n${evalTables(evaluation).map(toHtml).join('\n')}\n${legend}`;
  return { id: 'result', title: 'Result', body };
}

function headlineFigures(result: LevelResult, level: Level): string {
  const source = result.thresholds['source-dev-eer'];
  const { auc, hter, by } = result.interval95;
  const interval = (range: [number, number] | null) =>
    range ? `95 % interval ${percent(range[0])} to ${percent(range[1])}, by ${by}` : '';
  const figures = isKnown(source)
    ? [
        { name: 'HTER at source-dev-eer', value: `${percent(source.hter)} %`, more: interval(hter) },
        {
          name: 'ACER, worst species',
          value: `${percent(source.acer)} %`,
          more: `APCER ${percent(source.apcer_max)}, BPCER ${percent(source.bpcer)}`,
        },
      ]
    : [{ name: 'HTER at source-dev-eer', value: 'not to be had', more: source.why }];
  figures.push(
    { name: 'AUC', value: `${percent(result.auc)} %`, more: interval(auc) },
    { name: 'EER (oracle)', value: `${percent(result.eer)} %`, more: 'threshold from the target’s labels' },
  );
  const items = figures.map(
    ({ name, value, more }) =>
      `<div><dt>${escapeHtml(name)}</dt><dd class="value">${escapeHtml(value)}</dd><dd class="more">${escapeHtml(more)}</dd></div>`,
  );
  return `<p class="muted">${level === 'video' ? 'Video' : 'Frame'} level</p>\n<dl class="figures">${items.join('')}</dl>`;
}

function scorePlots({ evaluation, target, sourceDevelopment, level, mode }: ReportInput): Plot[] {
  if (!evaluation || !target) return [];
  const result = evaluation.levels[level];
  const samples = samplesAt(target, level, mode);
  const roc = rocAt(target, level, mode);
  const plots = [histogramPlot(samples, result), rocPlot(roc, result), detPlot(roc, result)];
  // A development split of one class has no curve; the threshold's absence is explained in the table of results.
  if (sourceDevelopment && isKnown(result.thresholds['source-dev-eer'])) {
    plots.push(transferPlot(rocAt(sourceDevelopment, level, mode), roc, samples, result));
  }
  return plots;
}

function breakdownSection({ evaluation, target, level, mode }: ReportInput): Section | null {
  if (!evaluation || !target) return null;
  const breakdowns = breakdownsOf(samplesAt(target, level, mode), evaluation.levels[level]);
  return {
    id: 'breakdown',
    title: 'Where the errors are',
    body: breakdownTables(breakdowns).map(toHtml).join('\n'),
  };
}

async function robustnessSection({ corruptions }: ReportInput): Promise<Section | null> {
  if (!corruptions) return null;
  const section = await plotSection('robustness', 'Robustness', [corruptionPlot(corruptions)]);
  return section && { ...section, body: `${section.body}\n${toHtml(corruptionTable(corruptions))}` };
}

function overlaySection({ overlays, overlap }: ReportInput): Section | null {
  if (overlays.length === 0) return null;
  const items = overlays.map(
    ({ png, alt, caption }) =>
      `<li><figure>${image(png, alt)}<figcaption>${escapeHtml(caption)}</figcaption></figure></li>`,
  );
  return {
    id: 'maps',
    title: 'Attention maps',
    body: `<ul class="images wide">\n${items.join('\n')}\n</ul>${overlap ? `\n${toHtml(overlapTable(overlap))}` : ''}`,
  };
}

function featurePlots({ features }: ReportInput): Plot[] {
  return features ? [featurePlot(features)] : [];
}

function mistakeSection({ falseAccepts, falseRejects }: ReportInput): Section | null {
  const lists = [
    { title: 'Attacks accepted, highest scores first', mistakes: falseAccepts },
    { title: 'Live rejected, lowest scores first', mistakes: falseRejects },
  ].filter(({ mistakes }) => mistakes.length > 0);
  if (lists.length === 0) return null;
  const body = lists.map(
    ({ title, mistakes }) => `<h3>${title}</h3>\n<ul class="images">\n${mistakes.map(mistakeItem).join('\n')}\n</ul>`,
  );
  return { id: 'mistakes', title: 'Worst mistakes', body: body.join('\n') };
}

function mistakeItem({ mistake, image: png }: ReportMistake): string {
  const { path, domain, subject, label, attackType, score } = mistake;
  const what = label === 'live' ? 'live' : attackType;
  const picture = png ? image(png, `${what} frame ${path}`) : '<div class="none">no image</div>';
  const who = [domain, subject && `subject ${subject}`, what].filter(Boolean).join(', ');
  return `<li><figure>${picture}<figcaption>${escapeHtml(`${scoreText(score)} · ${who}`)}<br>${breakable(path)}</figcaption></figure></li>`;
}

/** A path that a narrow column breaks between its parts rather than within a word. */
function breakable(path: string): string {
  return escapeHtml(path).replace(/[/_]/g, '$&<wbr>');
}

function factSection({ facts }: ReportInput): Section | null {
  if (facts.length === 0) return null;
  return { id: 'facts', title: 'Run facts', body: factTable('How this run was made', facts) };
}

function image(png: Uint8Array, alt: string): string {
  return `<img alt="${escapeHtml(alt)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}">`;
}
