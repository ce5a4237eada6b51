import { describe, expect, it } from 'vitest';
import { corrupt, corruptionKinds, corruptionSetting, severities } from '../../src/data/corrupt.js';
import { Philox, purposes } from '../../src/engine/random.js';

const size = 64;
/** A bright disc with texture: edges for blur and scale, levels for gamma, detail for JPEG. */
const image = (() => {
  const random = new Philox(3, purposes.synth);
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
    const inside = Math.hypot(x - size / 2, y - size / 2) < size / 3;
    return (inside ? 170 : 60) + 30 * random.uniform();
  });
})();
const key = { seed: 1, step: 7 };

function distance(a: Uint8Array, b: Uint8Array): number {
  return Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / a.length);
}

describe('corruptions', () => {
  it.each(corruptionKinds)('%s moves the image further with every degree and leaves its input alone', async (kind) => {
    const before = image.slice();
    const distances: number[] = [];
    for (const severity of severities) {
      const result = await corrupt(image, size, { kind, severity }, key);
      expect(result).toHaveLength(image.length);
      distances.push(distance(image, result));
    }
    expect(image).toEqual(before);
    expect(distances[0]).toBeGreaterThan(0.5);
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(new Set(severities.map((severity) => corruptionSetting({ kind, severity }))).size).toBe(5);
  });

  it('are the same for the same image and seed, and noise differs between images', async () => {
    const noise = (step: number) => corrupt(image, size, { kind: 'noise', severity: 3 }, { seed: 1, step });
    expect(await noise(0)).toEqual(await noise(0));
    expect(distance(await noise(0), await noise(1))).toBeGreaterThan(10);
    // The standard deviation is the setting's, where nothing is clipped.
    expect(distance(await noise(0), image)).toBeCloseTo(20, 0);
  });
});
