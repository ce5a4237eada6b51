/** Principal components by hand, by their own definition, and against numpy. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import { principalComponents, symmetricEigen } from '../../src/evaluate/pca.js';

const { python, noPython } = pythonWith('numpy');
const reference = `
import json, sys
import numpy as np
answers = []
for points in json.load(sys.stdin):
    x = np.array(points, dtype=np.float64)
    x = x - x.mean(axis=0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    v = s ** 2 / (len(x) - 1)
    answers.append({"axes": vt[:2].tolist(), "variances": v[:2].tolist(), "shares": (v[:2] / v.sum()).tolist()})
print(json.dumps(answers))
`;

import { pythonWith, titled } from '../peers.js';

/** Points in 24 directions at most, each with `ratio` of the deviation of the one before, as features have; 1 leaves no gap. */
function cloud(n: number, d: number, seed: number, ratio: number): number[][] {
  const random = new Philox(seed, purposes.synth);
  const directions = Array.from({ length: Math.min(d, 24) }, () => Array.from({ length: d }, () => random.normal()));
  return Array.from({ length: n }, () => {
    const point = Array.from({ length: d }, () => 3 + 0.01 * random.normal());
    for (const [k, direction] of directions.entries()) {
      const weight = random.normal() * ratio ** k;
      for (let j = 0; j < d; j++) point[j]! += weight * direction[j]!;
    }
    return point;
  });
}

describe('principal components', () => {
  it('are worked out by hand on four points', () => {
    // Mean (2,1); along (2,1)/√5 the points are ±√5 and 0, along (−1,2)/√5 they are 0 and ±√5/2.
    const points = [
      [4, 2],
      [0, 0],
      [1.5, 2],
      [2.5, 0],
    ];
    const { axes, variances, shares, coordinates } = principalComponents(points, 2);
    const five = Math.sqrt(5);
    [2 / five, 1 / five].forEach((value, j) => {
      expect(axes[0]![j]).toBeCloseTo(value, 12);
    });
    [-1 / five, 2 / five].forEach((value, j) => {
      expect(axes[1]![j]).toBeCloseTo(value, 12);
    });
    expect(variances[0]).toBeCloseTo(10 / 3, 12);
    expect(variances[1]).toBeCloseTo(2.5 / 3, 12);
    expect(shares.map((share) => share.toFixed(12))).toEqual(['0.800000000000', '0.200000000000']);
    const expected = [
      [five, 0],
      [-five, 0],
      [0, five / 2],
      [0, -five / 2],
    ];
    for (const [i, point] of coordinates.entries()) {
      for (const [k, value] of point.entries()) expect(value).toBeCloseTo(expected[i]![k]!, 12);
    }
  });

  it('have variance 0 where the points span no further direction', () => {
    const line = principalComponents(
      [0, 1, 3].map((step) => [step, 2 * step, 2 * step]),
      2,
    );
    expect(line.variances[0]).toBeGreaterThan(1);
    expect(line.variances[1]).toBeCloseTo(0, 12);
    expect(line.shares[0]).toBeCloseTo(1, 12);
    const one = principalComponents([new Float32Array(5).fill(7), new Float32Array(5).fill(7)], 2);
    expect(one).toMatchObject({ variances: [0, 0], shares: [0, 0] });
    expect(one.coordinates.flat()).toEqual([0, 0, 0, 0]);
  });

  it('keep distances where there are no more dimensions than components', () => {
    const points = cloud(20, 2, 5, 0.6);
    const { coordinates } = principalComponents(points, 2);
    const distance = (a: number[], b: number[]) => Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!);
    for (let i = 1; i < 20; i++) {
      expect(distance(coordinates[i]!, coordinates[0]!)).toBeCloseTo(distance(points[i]!, points[0]!), 9);
    }
  });

  it('come from an eigensolver whose vectors are orthonormal and solve the equation', () => {
    const random = new Philox(3, purposes.synth);
    const half = Array.from({ length: 7 }, () => Array.from({ length: 7 }, () => random.normal()));
    const matrix = half.map((row, i) => row.map((x, j) => x + half[j]![i]!));
    const { values, vectors } = symmetricEigen(matrix);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    for (const [k, vector] of vectors.entries()) {
      for (const [i, row] of matrix.entries()) {
        const product = row.reduce((sum, x, j) => sum + x * vector[j]!, 0);
        expect(product).toBeCloseTo(values[k]! * vector[i]!, 10);
      }
      for (const [l, other] of vectors.entries()) {
        const inner = vector.reduce((sum, x, i) => sum + x * other[i]!, 0);
        expect(inner).toBeCloseTo(Number(k === l), 12);
      }
    }
    expect(symmetricEigen([])).toEqual({ values: [], vectors: [] });
  });

  it.skipIf(noPython)(titled("agree with numpy's SVD", noPython), () => {
    const clouds = [
      cloud(400, 512, 1, 0.8),
      cloud(30, 512, 2, 0.9),
      cloud(300, 3, 3, 0.7),
      cloud(2, 40, 4, 0.5),
      cloud(200, 60, 6, 1),
    ];
    const child = spawnSync(python, ['-B', '-c', reference], {
      input: JSON.stringify(clouds),
      maxBuffer: 1 << 28,
      encoding: 'utf8',
    });
    expect(child.status, child.stderr).toBe(0);
    for (const [c, want] of JSON.parse(child.stdout).entries()) {
      const { axes, variances, shares, coordinates } = principalComponents(clouds[c]!, 2);
      for (const k of [0, 1]) {
        expect(Math.abs(shares[k]! - want.shares[k]), `share ${k} of cloud ${c}`).toBeLessThan(1e-10);
        expect(variances[k]! / variances[0]!).toBeCloseTo(want.variances[k] / want.variances[0], 10);
        // Two points have one direction only.
        if (want.shares[k] < 1e-12) continue;
        const cosine = axes[k]!.reduce((sum, x, j) => sum + x * want.axes[k][j], 0);
        expect(Math.abs(cosine), `axis ${k} of cloud ${c}`).toBeGreaterThan(1 - 1e-9);
        const along = coordinates.map((point) => point[k]!);
        expect(along.reduce((sum, x) => sum + x * x, 0) / (along.length - 1)).toBeCloseTo(variances[k]!, 6);
      }
    }
  });
});
