/** The pictures of docs/serve.md, from screenshots: each small, phones beside each other. */
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** Where `LDC_SCREENSHOTS` asks for pictures. */
const folder = process.env.LDC_SCREENSHOTS;
if (folder !== undefined) mkdirSync(folder, { recursive: true });

/** What `take` gives, if pictures are wanted. */
export async function keep(name: string, take: () => Promise<Buffer>): Promise<void> {
  if (folder !== undefined) await writeFile(join(folder, `${name}.png`), await take());
}

/** A page on a desk, down to `bottom`. */
export async function desk(page: Buffer, bottom: number): Promise<Buffer> {
  const { width, height } = await sharp(page).metadata();
  return small(sharp(page).extract({ left: 0, top: 0, width, height: Math.min(height, bottom) }));
}

const phone = { width: 390, height: 1100, gap: 24 };

/** The upper parts of pages on phones, side by side. */
export async function phones(pages: readonly Buffer[]): Promise<Buffer> {
  const { width, height, gap } = phone;
  const tops = await Promise.all(
    pages.map(async (page, i) => {
      const own = Math.min(height, (await sharp(page).metadata()).height);
      const top = sharp(page).extract({ left: 0, top: 0, width, height: own });
      return { input: await top.toBuffer(), left: i * (width + gap), top: 0 };
    }),
  );
  const canvas = { width: pages.length * (width + gap) - gap, height, channels: 4, background: '#0000' } as const;
  const row = await sharp({ create: canvas }).composite(tops).png().toBuffer();
  return small(sharp(row).resize({ width: Math.round(0.65 * canvas.width) }));
}

function small(image: Sharp): Promise<Buffer> {
  return image.png({ palette: true, quality: 80, effort: 10 }).toBuffer();
}
