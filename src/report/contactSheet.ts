/** A contact sheet: a column a kind, live first, each image beside its picture. */
import sharp from 'sharp';
import { escapeHtml } from './escape.js';

/** A cell: an image and a picture of equal size. */
export interface SheetCell {
  kind: string;
  /** [size,size,3] */
  pixels: Uint8Array;
  /** [size,size], grey, or [size,size,3]. */
  picture: Uint8Array;
}

export const mostSheetRows = 8;
const CELL = 144;
const GAP = 12;
const HEADER = 34;
const INK = '#1c1f23';
const KINDS = ['live', 'print', 'replay'];

/** live, print, replay, then the others in order of name. */
export function kindOrder(kinds: Iterable<string>): string[] {
  const rank = (kind: string) => (KINDS.includes(kind) ? KINDS.indexOf(kind) : KINDS.length);
  return [...new Set(kinds)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/**
 * PNG of at most `mostSheetRows` images of each kind.
 * @param size side of the cells' pixels
 * @param note a line of text at the bottom
 */
export async function contactSheet(cells: readonly SheetCell[], size: number, note: string): Promise<Buffer> {
  const kinds = kindOrder(cells.map(({ kind }) => kind));
  const columns = kinds.map((kind) => cells.filter((cell) => cell.kind === kind).slice(0, mostSheetRows));
  const rows = Math.max(...columns.map((column) => column.length));
  const pair = 2 * CELL + 2;
  const width = GAP + kinds.length * (pair + GAP);
  const height = HEADER + rows * (CELL + GAP) + HEADER;
  const layers = await Promise.all(
    columns.flatMap((column, c) =>
      column.flatMap(({ pixels, picture }, r) => {
        const left = GAP + c * (pair + GAP);
        const top = HEADER + r * (CELL + GAP);
        return [placed(pixels, size, left, top), placed(picture, size, left + CELL + 2, top)];
      }),
    ),
  );
  const words = [
    ...kinds.map((kind, c) => ({ text: kind, x: GAP + c * (pair + GAP), y: 23 })),
    { text: note, x: GAP, y: height - 12 },
  ];
  const labels = svgOf(words, width, height);
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([...layers, { input: Buffer.from(labels), left: 0, top: 0 }])
    .png()
    .toBuffer();
}

async function placed(pixels: Uint8Array, size: number, left: number, top: number) {
  const channels = pixels.length === size * size ? 1 : 3;
  const input = await sharp(pixels, { raw: { width: size, height: size, channels } })
    .resize(CELL, CELL, { kernel: 'cubic' })
    .toColourspace('srgb')
    .png()
    .toBuffer();
  return { input, left, top };
}

function svgOf(words: readonly { text: string; x: number; y: number }[], width: number, height: number): string {
  const texts = words.map(({ text, x, y }) => `<text x="${x}" y="${y}">${escapeHtml(text)}</text>`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="15" ` +
    `fill="${INK}">${texts.join('')}</svg>`
  );
}
