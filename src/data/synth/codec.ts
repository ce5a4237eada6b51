/** From the sensor's pixels to the stored crop: the camera's own JPEG, then the crop's, which holds a data rate. */
import sharp from 'sharp';
import type { Shot } from './film.js';

/** How far a file may miss the rate that its visit is given, and how often the encoder tries. */
const tolerance = 0.04;
const tries = 5;

/**
 * A stored crop: JPEG of `size` × `size`.
 *
 * Quality falls where there is much to code, as it does in video of constant rate, so that the length of a file says little
 * about what was filmed.
 */
export async function encodeCrop(shot: Shot, size: number): Promise<Buffer> {
  const { pixels, side, quality, bitsPerPixel } = shot;
  const filmed = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
  const crop = await sharp(filmed).resize(size, size, { kernel: 'cubic' }).raw().toBuffer();
  return encodeAtRate(crop, size, (bitsPerPixel * size * size) / 8);
}

/** @param wanted bytes of picture data, without the header */
async function encodeAtRate(pixels: Uint8Array, size: number, wanted: number): Promise<Buffer> {
  // Tables and markers of a colour JPEG; they do not change with quality.
  const header = 620;
  let scale = 0.3;
  for (let attempt = 1; ; attempt++) {
    const quality = qualityOf(scale);
    const raw = { width: size, height: size, channels: 3 as const };
    const jpeg = await sharp(pixels, { raw }).jpeg({ quality }).toBuffer();
    const excess = Math.max(1, jpeg.length - header) / wanted;
    if (attempt === tries || Math.abs(Math.log(excess)) < tolerance) return jpeg;
    const next = Math.min(5, Math.max(0.06, scale * excess ** 1.5));
    if (qualityOf(next) === quality) return jpeg;
    scale = next;
  }
}

/** JPEG quality at which the standard quantisation tables are multiplied by `scale` (the convention of the IJG's library). */
function qualityOf(scale: number): number {
  return Math.round(scale < 1 ? 100 - 50 * scale : 50 / scale);
}
