/** Pictures of maps over faces: PNGs for reports, `cam --overlay` and `predict --overlay`. */
import sharp from 'sharp';

/** One map to lay over an image. */
export interface MapLayer {
  /** [S,S], 0…255. */
  values: Float32Array;
  size: number;
}

/** The image, then the image under each map, side by side: `size` pixels high. */
export async function overlayPng(pixels: Uint8Array, size: number, layers: readonly MapLayer[]): Promise<Buffer> {
  return stripPng([pixels, ...(await Promise.all(layers.map((layer) => mapOver(pixels, size, layer))))], size);
}

/** Images [size,size,3] side by side. */
export function stripPng(panels: readonly Uint8Array[], size: number): Promise<Buffer> {
  const strip = sharp({ create: { width: size * panels.length, height: size, channels: 3, background: '#000' } });
  return strip
    .composite(panels.map((panel, i) => ({ input: Buffer.from(panel), raw: rawOf(size), left: i * size, top: 0 })))
    .png()
    .toBuffer();
}

/** The image [size,size,3] under a map, which is enlarged to it. */
export async function mapOver(
  pixels: Uint8Array,
  size: number,
  { values, size: mapSize }: MapLayer,
): Promise<Uint8Array> {
  const grey = Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(value))));
  const enlarged = await sharp(grey, { raw: { width: mapSize, height: mapSize, channels: 1 } })
    .resize(size, size, { kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
  const result = new Uint8Array(pixels.length);
  for (let i = 0; i < size * size; i++) {
    const strength = enlarged[i]! / 255;
    const heat = heatColour(strength);
    // Half of the face stays visible under the strongest response.
    const share = 0.25 + 0.35 * strength;
    for (let c = 0; c < 3; c++) result[3 * i + c] = Math.round((1 - share) * pixels[3 * i + c]! + share * heat[c]!);
  }
  return result;
}

/** Dark blue, over red and yellow, to white: brightness rises all the way, so that it reads in grey as well. */
function heatColour(x: number): [number, number, number] {
  const ramp = (from: number, to: number) => 255 * Math.min(1, Math.max(0, (x - from) / (to - from)));
  return [ramp(0.05, 0.5), ramp(0.4, 0.85), x < 0.3 ? 90 * (1 - x / 0.3) + 20 : ramp(0.8, 1)];
}

function rawOf(size: number) {
  return { width: size, height: size, channels: 3 as const };
}
