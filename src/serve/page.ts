/** The frame of every page of `ldc serve`: navigation, banner, scripts. Its looks are those of the report. */
import { escapeHtml } from '../report/escape.js';
import { SYNTHETIC_NOTE } from '../report/evalTable.js';
import { style } from '../report/style.js';

export const places = [
  { path: '/', name: 'Runs' },
  { path: '/compare', name: 'Compare' },
  { path: '/try', name: 'Try' },
] as const;

export interface ServedPage {
  title: string;
  /** Which of `places` it is, or is below. */
  place: (typeof places)[number]['path'];
  /** HTML. */
  body: string;
  /** Modules of the folder client, by name. */
  scripts: readonly string[];
  synthetic?: boolean;
}

/** Titles are escaped here; the body is HTML already. */
export function renderServed({ title, place, body, scripts, synthetic = false }: ServedPage): string {
  const links = places.map(
    ({ path, name }) => `<li><a href="${path}"${path === place ? ' aria-current="page"' : ''}>${name}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${synthetic ? 'SYNTHETIC – ' : ''}${title}`)} · ldc</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/uplot.css">
<link rel="stylesheet" href="/assets/style.css">
${scripts.map((name) => `<script type="module" src="/assets/${name}.js"></script>`).join('\n')}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<nav class="places" aria-label="Pages"><ul>
${links.join('\n')}
</ul></nav>
${synthetic ? `<p class="banner" role="note">${SYNTHETIC_NOTE}</p>` : ''}
<main id="content">
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

/** A part of a page with its heading; `body` is HTML. */
export function section(id: string, title: string, body: string): string {
  return `<section id="${id}-section" aria-labelledby="${id}-title">\n<h2 id="${id}-title">${title}</h2>\n${body}\n</section>`;
}

/** What a part of a page that renews itself stands in: client/live.js asks for the page again and takes over what changed. */
export function live(id: string, html: string): string {
  return `<div id="${id}" data-live>${html}</div>`;
}

/** Seconds in the unit that people would use. */
export function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export const pageStyle = `${style}
:root { --bad: #a34a00; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff9d4d; } }
header, main, footer, .places { max-width: 1120px; }
main { padding-bottom: 40px; }
.places { margin: 0 auto; padding: 0 20px; }
.places ul { margin: 0 0 18px; gap: 0; border-bottom: 1px solid var(--grid); }
.places a { display: block; padding: 12px 14px 10px; text-decoration: none; border-bottom: 3px solid transparent; }
.places a[aria-current] { border-color: var(--link); color: var(--ink); font-weight: 600; }
main > h1 { margin-bottom: 14px; }
td a, th a { text-decoration: none; }
td a:hover, th a:hover { text-decoration: underline; }
.scroll table { width: auto; min-width: 100%; }
.state { display: inline-block; padding: 0 8px; border-radius: 9px; font-size: .8125rem; background: var(--panel); border: 1px solid var(--grid); }
.state.running { color: var(--c3); border-color: var(--c3); font-weight: 600; }
.state.bad { color: var(--bad); border-color: var(--bad); }
.badge { font-size: .6875rem; letter-spacing: .03em; color: var(--warn-ink); background: var(--warn); border-radius: 4px; padding: 1px 5px; }
progress { width: 72px; height: 8px; vertical-align: middle; accent-color: var(--c3); }
button, select, input[type="file"], .button { font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--muted); border-radius: 6px; padding: 7px 14px; max-width: 100%; }
button, .button { cursor: pointer; }
button:hover, .button:hover { border-color: var(--link); }
button[aria-pressed="true"] { background: var(--link); color: var(--page); border-color: var(--link); }
button:disabled { color: var(--muted); cursor: default; border-color: var(--grid); }
button:focus-visible, select:focus-visible, input:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: 10px 14px; align-items: end; margin: 0 0 16px; }
.actions label { display: grid; gap: 3px; font-size: .875rem; color: var(--muted); min-width: 0; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 20px 24px; }
.curves figure { min-width: 0; }
.curves h3 { margin: 0 0 4px; display: flex; justify-content: space-between; gap: 10px; font-weight: 600; }
.curves output { font-weight: 400; color: var(--muted); font-variant-numeric: tabular-nums; }
.u-wrap { margin: 0 auto; }
.u-legend { display: none; }
.shares { display: grid; grid-template-columns: max-content 1fr max-content; gap: 4px 14px; align-items: center; max-width: 560px; font-variant-numeric: tabular-nums; }
.shares meter { width: 100%; }
.shares meter::-webkit-meter-optimum-value { background: var(--c3); }
.shares meter::-moz-meter-bar { background: var(--c3); }
.keys { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
.keys span:first-child { display: inline-block; width: 14px; height: 4px; border-radius: 2px; vertical-align: middle; margin-right: 6px; }
.choice { list-style: none; padding: 0; }
.k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); } .k4 { background: var(--c4); } .k5 { background: var(--c5); }
.drop { border: 2px dashed var(--muted); border-radius: 10px; padding: 22px; text-align: center; margin: 0 0 16px; }
.drop.over { border-color: var(--link); background: var(--panel); }
video { width: 100%; max-width: 420px; border-radius: 8px; background: var(--panel); display: block; }
[hidden] { display: none !important; }
.answers { display: grid; gap: 16px; padding: 0; margin: 0; list-style: none; }
.answer { background: var(--panel); border-radius: 10px; padding: 14px; }
.answer h3 { margin: 0 0 2px; }
.verdict { font-size: 1.3rem; font-weight: 600; margin: 0; font-variant-numeric: tabular-nums; }
.verdict.live { color: var(--c1); } .verdict.spoof { color: var(--bad); }
.faces { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; max-width: 620px; margin: 10px 0 0; }
.faces img { width: 100%; height: auto; border-radius: 6px; display: block; }
.faces figcaption { font-size: .8125rem; margin-top: 3px; }
#now h3 { margin-top: 0; }
.cam { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 16px; margin: 0 0 16px; }
.error { color: var(--bad); }
td:first-child { padding-left: 0; }
@media (max-width: 640px) { .wide, .scroll progress { display: none; } .scroll tbody th { white-space: normal; min-width: 8rem; } .places, main { padding-left: 14px; padding-right: 14px; } }
`;
