/** The style sheet of the report: one column on a phone, two on a desk, light or dark as the reader's system is. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --ink: #1c1f23; --muted: #5c636b; --grid: #dfe3e8; --link: #0a58b0; --warn-ink: #5b3a00; --warn: #ffe7b8;
  --c1: #00795a; --c2: #c25e00; --c3: #0068a8; --c4: #a83f7f; --c5: #7a6a00; --c6: #5b4fc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --panel: #1d2126; --ink: #e8eaed; --muted: #a9b0b8; --grid: #363c44; --link: #8ab8f0; --warn-ink: #ffe3ad; --warn: #4a3610;
    --c1: #3ecfa4; --c2: #ff9d4d; --c3: #63b3ed; --c4: #e58fc4; --c5: #d8c64a; --c6: #aaa2ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header, main, footer { max-width: 1040px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 12px; }
h3 { font-size: 1rem; margin: 26px 0 8px; overflow-wrap: anywhere; }
section { padding: 22px 0; border-top: 1px solid var(--grid); scroll-margin-top: 8px; }
p { margin: 0 0 10px; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 8px; background: var(--page); padding: 6px 10px; }
.muted, .note { color: var(--muted); }
.note { font-size: .875rem; margin: 6px 0; }
.banner { background: var(--warn); color: var(--warn-ink); font-weight: 600; padding: 10px 20px; text-align: center; }
nav ul { list-style: none; margin: 14px 0 18px; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin: 0 0 18px; }
.figures div { background: var(--panel); border-radius: 8px; padding: 12px 14px; }
.figures dt { color: var(--muted); font-size: .875rem; }
.figures dd { margin: 0; font-variant-numeric: tabular-nums; }
.figures dd.value { font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
.figures dd.more { font-size: .8125rem; color: var(--muted); }
.scroll { overflow-x: auto; margin: 0 0 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 0 5px 14px; border-bottom: 1px solid var(--grid); white-space: nowrap; font-weight: 400; }
th:first-child { padding-left: 0; }
thead th { color: var(--muted); font-weight: 500; border-bottom-width: 2px; }
.number { text-align: right; }
summary { cursor: pointer; color: var(--link); }
table.facts th, table.facts td { white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
table.facts th { width: 30%; color: var(--muted); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 26px 28px; align-items: start; }
figure { margin: 0; min-width: 0; }
figure > svg { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .875rem; color: var(--muted); margin-top: 6px; overflow-wrap: anywhere; }
.plots.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 280px), 1fr)); }
.plots h3 { margin-top: 0; }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px; padding: 0; margin: 0; list-style: none; }
.images.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
.images img { width: 100%; height: auto; display: block; border-radius: 6px; background: var(--panel); }
.none { display: grid; place-items: center; aspect-ratio: 1; border-radius: 6px; background: var(--panel); color: var(--muted); font-size: .875rem; }
footer { color: var(--muted); font-size: .875rem; padding-bottom: 40px; }
@media print { nav, .skip { display: none; } section { break-inside: avoid; } }
`;
