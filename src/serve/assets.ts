/** The files of the pages: read once from the package, known by name; nothing else is ever read by a name that somebody sends. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pageStyle } from './page.js';

export interface Asset {
  type: string;
  content: string;
}

const script = 'text/javascript; charset=utf-8';
const sheet = 'text/css; charset=utf-8';

export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const own = (name: string) => readFile(fileURLToPath(new URL(`client/${name}`, import.meta.url)), 'utf8');
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const asset = async (name: string, type: string, content: Promise<string>) =>
    [name, { type, content: await content }] as const;
  return new Map(
    await Promise.all([
      asset('style.css', sheet, Promise.resolve(pageStyle)),
      asset('uplot.css', sheet, readFile(join(uplot, 'uPlot.min.css'), 'utf8')),
      asset('uplot.js', script, readFile(join(uplot, 'uPlot.esm.js'), 'utf8')),
      ...['live.js', 'curves.js', 'compare.js', 'try.js'].map((name) => asset(name, script, own(name))),
    ]),
  );
}
