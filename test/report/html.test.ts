import { describe, expect, it } from 'vitest';
import { renderReport, reportFigures } from '../../src/report/html.js';
import { HOSTILE, sampleInput } from './sample.js';

const page = await renderReport(sampleInput());
const all = (pattern: RegExp, text = page) => [...text.matchAll(pattern)].map((match) => match[1] ?? match[0]);

describe('the report', () => {
  it('has its sections, each with a heading that the navigation leads to', () => {
    const ids = ['result', 'training', 'curves', 'breakdown', 'robustness', 'maps', 'features', 'mistakes', 'facts'];
    expect(all(/<section id="(\w+)"/g)).toEqual(ids);
    expect(all(/<li><a href="#(\w+)">/g)).toEqual(ids);
    for (const id of ids) expect(page).toContain(`<h2 id="${id}-title">`);
    const every = all(/ id="([^"]*)"/g);
    expect(new Set(every).size).toBe(every.length);
  });

  it('runs nothing and loads nothing', () => {
    expect(page).not.toMatch(/<script|<iframe|@import/);
    expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
    const addresses = all(/(?:href|src)="([^"]*)"/g).filter((address) => !/^(#|data:)/.test(address));
    expect(addresses).toEqual([]);
    expect(all(/url\((?!#)[^)]*\)/g)).toEqual([]);
  });

  it('escapes every name', () => {
    expect(page).not.toContain('<img src=x');
    expect(page.split('&lt;img src=x onerror').length).toBeGreaterThan(20);
    expect(page).not.toContain(HOSTILE);
  });

  it('says what every picture shows', () => {
    const pictures = all(/<img [^>]*>/g);
    expect(pictures.length).toBeGreaterThan(3);
    for (const picture of pictures) expect(picture).toMatch(/alt="[^"]+"/);
    const plots = all(/<svg [^>]*>/g);
    expect(plots.length).toBe(11);
    for (const plot of plots) expect(plot).toMatch(/role="img" aria-label="[^"]{20,}"/);
    expect(page).toContain('no image');
  });

  it('says SYNTHETIC in banner, title and tables, and only of synthetic data', async () => {
    expect(page).toContain('class="banner"');
    expect(page).toMatch(/<title>SYNTHETIC/);
    const real = await renderReport(sampleInput(false));
    expect(real).not.toContain('SYNTHETIC');
    expect(real).not.toContain('class="banner"');
  });

  it('names the threshold of its headline figure and marks the oracle', () => {
    expect(page).toContain('<dt>HTER at source-dev-eer</dt>');
    expect(page).toContain('<dt>EER (oracle)</dt>');
    for (const name of ['target-eer', 'target-youden']) expect(page).toContain(`>${name} (oracle)</text>`);
    expect(page).not.toContain('>target-eer</text>');
  });

  it('shows live filled and attacks hollow, a shape and a colour a domain', () => {
    const [plot] = /<svg [^>]*aria-label="Features by domain[\s\S]*?<\/svg>/.exec(page)!;
    const points = [...plot.matchAll(/<path [^>]*stroke="var\(--(c\d)\)" stroke-width="1.4"[^>]*>/g)];
    const filled = points.map(([path, colour]) => `${colour} ${path.includes('fill="var') ? 'live' : 'attack'}`);
    const count = (name: string) => filled.filter((each) => each === name).length;
    expect(['c1 live', 'c1 attack', 'c2 live', 'c2 attack'].map(count)).toEqual([10, 10, 10, 10]);
    for (const name of ['O live', 'O attack']) expect(plot).toContain(`>${name}</text>`);
  });

  it('leaves out what is not there', async () => {
    const bare = await renderReport({
      ...sampleInput(),
      evaluation: null,
      target: null,
      sourceDevelopment: null,
      training: [],
      overlays: [],
      corruptions: null,
      features: null,
      falseAccepts: [],
      falseRejects: [],
    });
    expect(all(/<section id="(\w+)"/g, bare)).toEqual(['facts']);
  });

  it('is the same for the same input', async () => {
    expect(await renderReport(sampleInput())).toBe(page);
  });

  it('has figures for papers, in colours of their own', async () => {
    const figures = await reportFigures(sampleInput());
    expect([...figures.keys()]).toEqual(
      expect.arrayContaining(['roc', 'det', 'scores', 'transfer', 'loss-loss', 'features']),
    );
    for (const svg of figures.values()) {
      expect(svg).toMatch(/^<svg/);
      expect(svg).not.toContain('var(--');
    }
  });
});
