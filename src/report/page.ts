/** The page that every report is: one HTML file that loads nothing, for light and dark, keyboard and screen reader. */
import { escapeHtml } from './escape.js';
import { SYNTHETIC_NOTE } from './evalTable.js';
import { style } from './style.js';
import { type Plot, renderSvg } from './svg.js';

export interface Section {
  id: string;
  title: string;
  /** HTML. */
  body: string;
}

export interface Page {
  title: string;
  synthetic: boolean;
  /** Lines of text under the title. */
  lines: readonly string[];
  sections: readonly Section[];
  /** When, or by which version, for the footer. */
  generated: string;
}

/** Titles and lines are escaped here; the sections' bodies are HTML already. */
export function renderPage({ title, synthetic, lines, sections, generated }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(synthetic ? `SYNTHETIC – ${title}` : title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${synthetic ? `<p class="banner" role="note">${SYNTHETIC_NOTE}</p>` : ''}
<header>
<h1>${escapeHtml(title)}</h1>
${lines.map((line) => `<p class="muted">${escapeHtml(line)}</p>`).join('\n')}
<nav aria-label="Sections"><ul>
${sections.map((section) => `<li><a href="#${section.id}">${section.title}</a></li>`).join('\n')}
</ul></nav>
</header>
<main id="content">
${sections.map((section) => `<section id="${section.id}" aria-labelledby="${section.id}-title">\n<h2 id="${section.id}-title">${section.title}</h2>\n${section.body}\n</section>`).join('\n')}
</main>
<footer><p>Made by ldc, ${escapeHtml(generated)}.</p></footer>
</body>
</html>
`;
}

/** A section of plots side by side; null for none. `size` is `small` for many little ones. */
export async function plotSection(
  id: string,
  title: string,
  plots: readonly Plot[],
  size = '',
): Promise<Section | null> {
  if (plots.length === 0) return null;
  const figures = await Promise.all(plots.map(plotFigure));
  return { id, title, body: `<div class="plots ${size}">\n${figures.join('\n')}\n</div>` };
}

async function plotFigure(plot: Plot): Promise<string> {
  const svg = await renderSvg(plot, 'page');
  const labelled = svg.replace(
    '<svg ',
    `<svg role="img" aria-label="${escapeHtml(`${plot.title}: ${plot.description}`)}" `,
  );
  return `<figure>\n<h3>${escapeHtml(plot.title)}</h3>\n${labelled}\n<figcaption>${escapeHtml(plot.description)}.</figcaption>\n</figure>`;
}

/** A table of names and values. */
export function factTable(label: string, facts: readonly { name: string; value: string }[]): string {
  const rows = facts.map(
    ({ name, value }) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table class="facts" aria-label="${escapeHtml(label)}"><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}
