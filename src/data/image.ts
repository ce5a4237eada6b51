/** Image files as sharp opens them, and JPEGs that lack nothing but their end marker. */
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { hasAllScans, lacksEnd, withEnd } from '../formats/jpeg.js';

// The engine computes on the same cores: one thread an image, and no cache of images that come back an epoch later.
sharp.concurrency(1);
sharp.cache(false);

/** No face image is larger; what claims to be is a decompression bomb. */
export const MOST_PIXELS = 100_000_000;

/**
 * What `read` makes of an image, upright as its EXIF data say. A JPEG that was cut off behind its last pixel is read as if it were whole.
 * @param image path of a file, or its content (JPEG, PNG, …)
 * @param note is told of such a JPEG
 * @throws what sharp throws when the image cannot be read, or not all of it
 */
export async function openImage<T>(
  image: string | Uint8Array,
  read: (image: Sharp) => Promise<T>,
  note: (text: string) => void = () => {},
): Promise<T> {
  const open = (content: string | Uint8Array) =>
    read(sharp(content, { limitInputPixels: MOST_PIXELS, failOn: 'error', sequentialRead: true }).autoOrient());
  try {
    return await open(image);
  } catch (error) {
    const bytes = typeof image === 'string' ? await readFile(image).catch(() => null) : image;
    if (bytes === null || !(await lacksEndAlone(bytes))) throw error;
    const result = await open(withEnd(bytes));
    note(`${typeof image === 'string' ? image : 'an image'} lacks its end; every pixel is there, and it is used`);
    return result;
  }
}

/** Long enough for all blocks of a picture's last corner that stand over its edges and show nothing. */
const fillerBytes = 4096;

/** Of a file that is cut off earlier, the pixels depend on what stands in place of the rest: two fillers that differ in every bit tell. */
async function lacksEndAlone(bytes: Uint8Array): Promise<boolean> {
  if (!lacksEnd(bytes) || !hasAllScans(bytes)) return false;
  const pixels = (content: Uint8Array) =>
    sharp(content, { limitInputPixels: MOST_PIXELS, failOn: 'none' })
      .raw()
      .toBuffer()
      .catch(() => null);
  // Neither may hold the byte FF, with which markers begin.
  const filler = Uint8Array.from({ length: fillerBytes }, (_, i) => 1 + ((167 * i + (i >> 8)) % 254));
  const one = await pixels(withEnd(bytes, filler));
  const other = await pixels(
    withEnd(
      bytes,
      filler.map((byte) => ~byte),
    ),
  );
  return one !== null && other !== null && one.equals(other);
}
