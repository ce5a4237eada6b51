/** Corruptions of face crops in five degrees, for robustness sweeps: what cameras and networks do to images on their way. */
import sharp, { type Sharp } from 'sharp';
import { Philox, purposes } from '../engine/random.js';

export const corruptionKinds = ['jpeg', 'blur', 'gamma', 'resize', 'noise'] as const;
export type CorruptionKind = (typeof corruptionKinds)[number];

/** Degrees from 1 (slight) to 5 (strong). */
export const severities = [1, 2, 3, 4, 5] as const;

export interface Corruption {
  kind: CorruptionKind;
  severity: (typeof severities)[number];
}

/** The value of each degree, and what it is. Lengths are shares of the image's side, so that degrees mean the same at any size. */
const settings: Record<CorruptionKind, { name: string; values: readonly number[] }> = {
  jpeg: { name: 'quality', values: [80, 60, 40, 20, 10] },
  blur: { name: 'sigma/side', values: [0.004, 0.008, 0.012, 0.018, 0.026] },
  gamma: { name: 'exponent', values: [1.25, 1.5, 2, 2.5, 3] },
  resize: { name: 'scale', values: [0.75, 0.5, 0.35, 0.25, 0.15] },
  noise: { name: 'sigma', values: [5, 10, 20, 30, 45] },
};

/** The least that libvips blurs by. */
const LEAST_SIGMA = 0.3;

/** What a corruption does, in words: "quality 80". */
export function corruptionSetting({ kind, severity }: Corruption): string {
  return `${settings[kind].name} ${settings[kind].values[severity - 1]}`;
}

/**
 * @param pixels [size,size,3], what the network would see; not changed
 * @param key `seed` and the image's own `step` make the noise
 * @returns [size,size,3]
 */
export async function corrupt(
  pixels: Uint8Array,
  size: number,
  { kind, severity }: Corruption,
  key: { seed: number; step: number },
): Promise<Uint8Array> {
  const value = settings[kind].values[severity - 1]!;
  const image = () => sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
  switch (kind) {
    case 'jpeg':
      return rawPixels(sharp(await image().jpeg({ quality: value }).toBuffer()));
    case 'blur':
      // By default libvips cuts the kernel so short that a slight blur is none.
      return rawPixels(
        image().blur({ sigma: Math.max(LEAST_SIGMA, value * size), minAmplitude: 0.001, precision: 'float' }),
      );
    case 'resize': {
      const side = Math.max(1, Math.round(value * size));
      const small = await image().resize(side, side).raw().toBuffer();
      return rawPixels(
        sharp(small, { raw: { width: side, height: side, channels: 3 } }).resize(size, size, { kernel: 'cubic' }),
      );
    }
    case 'gamma': {
      const curve = Uint8Array.from({ length: 256 }, (_, x) => Math.round(255 * (x / 255) ** value));
      return pixels.map((x) => curve[x]!);
    }
    case 'noise': {
      const random = new Philox(key.seed, purposes.corruption, key.step);
      return pixels.map((x) => Math.min(255, Math.max(0, Math.round(x + value * random.normal()))));
    }
  }
}

function rawPixels(image: Sharp): Promise<Uint8Array> {
  return image.removeAlpha().raw().toBuffer();
}
