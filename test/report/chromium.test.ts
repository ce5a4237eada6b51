/** The pages in a real browser, on a phone and on a desk, light and dark: nothing overflows, all text can be read, the console stays silent. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/html.js';
import { readStudy } from '../../src/study/studyFile.js';
import { writeStudyReport } from '../../src/study/studyReport.js';
import { titled } from '../peers.js';
import { evaluation, writeResults, writeStudy } from '../study/helpers.js';
import { Browser, noChromium } from './browser.js';
import { sampleInput } from './sample.js';

/** WCAG 2.1, level AA, for text of any size. */
const READABLE = 4.5;

describe.skipIf(noChromium)(titled('pages in Chromium', noChromium), () => {
  let browser: Browser;
  let folder: string;
  const files: Record<string, string> = {};

  beforeAll(async () => {
    browser = new Browser();
    folder = await mkdtemp(join(tmpdir(), 'report-'));
    files.run = join(folder, 'report.html');
    await writeFile(files.run, await renderReport(sampleInput()));
    files.study = await studyPage(folder);
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  const windows = [375, 1280].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ width, scheme })));
  describe.each(['run', 'study'])('the page of a %s', (page) => {
    it.each(windows)('fits $width pixels and can be read in the $scheme', async ({ width, scheme }) => {
      const visit = await browser.visit(files[page]!, width, scheme);
      expect(visit.console).toEqual([]);
      expect(visit.beyond).toBeNull();
      expect([visit.innerWidth, visit.scrollWidth]).toEqual([width, width]);
      expect(visit.broken).toBe(0);
      expect(visit.contrast.ratio, visit.contrast.text).toBeGreaterThan(READABLE);
    });
  });
});

/** A study of two columns whose page has every part: tables with published rows, plots, runs, facts. */
async function studyPage(out: string): Promise<string> {
  const { file } = await writeStudy(
    "title: A study with a rather long title that a phone has to break\nname: shown\nprotocols: ['O&C&I-to-M', 'O&M&I-to-C', 'O:print&C-to-I:replay']\nseeds: [0, 1]\n" +
      'variants: {vanilla: {model: {conv: {kind: vanilla}}}, a-variant-with-a-long-name-of-its-own: {}}\nreport: {metrics: [hter, auc, acer]}\n',
  );
  await writeResults(file, out, (run) => evaluation(run, 0.1 + 0.02 * run.seed, 0.9 - 0.03 * run.seed, true));
  const { document } = await writeStudyReport(await readStudy(file), out, 80);
  return document.files.html!;
}
