/** The report in a real browser: nothing overflows at phone and desktop width, and the console stays silent. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/html.js';
import { sampleInput } from './sample.js';

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
/** Reports the page's measures where --dump-dom shows them. */
const PROBE = `<script>addEventListener('load', () => { document.body.dataset.probe = [document.documentElement.scrollWidth, innerWidth,
  [...document.images].filter((image) => image.naturalWidth === 0).length, document.querySelectorAll('svg').length].join(' '); });</script>`;

function browse(folder: string, file: string, width: number) {
  const flags =
    '--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync';
  const child = spawnSync(
    chromium!,
    [
      ...flags.split(' '),
      '--enable-logging=stderr',
      `--user-data-dir=${folder}/profile`,
      `--window-size=${width},900`,
      '--dump-dom',
      `file://${file}`,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 50_000 },
  );
  const probe = /data-probe="([^"]*)"/.exec(child.stdout)?.[1]?.split(' ').map(Number) ?? [];
  return { console: child.stderr.split('\n').filter((line) => line.includes('CONSOLE')), probe };
}

describe.skipIf(!chromium)(`the report in Chromium${chromium ? '' : ' (skipped: no chromium here)'}`, () => {
  it.each([390, 1280])('fits a window of %i pixels and logs nothing', async (width) => {
    const folder = await mkdtemp(join(tmpdir(), 'report-'));
    try {
      const page = await renderReport(sampleInput());
      const file = join(folder, 'report.html');
      await writeFile(file, page);
      expect(browse(folder, file, width).console).toEqual([]);
      // The page forbids scripts; the probe runs in a copy that does not.
      await writeFile(file, page.replace(/<meta http-equiv[^>]*>/, '').replace('</body>', `${PROBE}</body>`));
      const [scrollWidth, innerWidth, broken, plots] = browse(folder, file, width).probe;
      expect(innerWidth).toBeLessThanOrEqual(Math.max(width, 500));
      expect(scrollWidth).toBeLessThanOrEqual(innerWidth!);
      expect(broken).toBe(0);
      expect(plots).toBe(9);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
